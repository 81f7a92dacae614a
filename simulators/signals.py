"""One true signal for each point of a site: a function of time, by the point's quantity and where its device stands.

A counter's signal gives whole micro-units (10⁻⁶ of its unit) that never fall; any other gives a float in its unit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from devices.quantities import QUANTITIES, Kind
from edge_config.schema import Device
from simulators import rooms
from simulators.lamps import lamp_energy_micro, lamp_power_w
from simulators.lines import Line
from simulators.meters import EXPORT, IMPORT, VOLUME, YIELD
from simulators.noise import flicker, smooth_day, span
from simulators.world import World

Signal = Callable[[int], float]
_HOUR_MS = 3_600_000
_PHASES = ("_a", "_b", "_c", "_l1", "_l2", "_l3")
_VOLTS, _POWER_FACTOR, _REACTIVE_SHARE = 231.0, 0.92, 0.3


@dataclass(frozen=True, slots=True)
class Spot:
    """Which point of which device of which world."""

    world: World
    device: Device
    point: str


Builder = Callable[[Spot], Signal]


def signal(world: World, device: Device, point: str, quantity: str) -> Signal:
    """The truth of one point. Raises ValueError for a quantity the simulator does not know."""
    build = _BUILDERS.get(quantity)
    if build is None:
        raise ValueError(f"{device.id}.{point}: the simulator does not know how {quantity} behaves")
    return build(Spot(world, device, point))


def _noisy(line: Signal, amplitude: float, every_ms: int, *keys: str | int) -> Signal:
    return lambda ms: line(ms) + amplitude * flicker(ms, every_ms, *keys)


# Counters


def _register(quantity: str) -> Builder:
    def build(at: Spot) -> Signal:
        meters = at.world.meters
        if meters.has(at.device.id, quantity):
            return lambda ms: meters.register(at.device.id, quantity, ms)
        if quantity == IMPORT and _is_lamp(at):
            runs, rated, epoch = (
                at.world.lamp(at.device),
                at.world.lamp_rated_w(at.device),
                at.world.almanac.epoch_ms,
            )
            return lambda ms: lamp_energy_micro(runs, rated, ms, epoch)
        return _steady(0.4)(at)

    return build


def _steady(units_per_h: float) -> Builder:
    """A counter of something this campus does not model: it runs at an even rate."""

    def build(at: Spot) -> Signal:
        rate = int(units_per_h * 1_000_000 * span(0.7, 1.3, at.world.seed, at.device.id, at.point))
        epoch = at.world.almanac.epoch_ms
        return lambda ms: (ms - epoch) * rate // _HOUR_MS

    return build


def _reactive_energy(at: Spot) -> Signal:
    active = _register(IMPORT)(at)
    return lambda ms: int(active(ms)) * 3 // 10


def _lamp_hours(at: Spot) -> Signal:
    runs = at.world.lamp(at.device)
    before = int(span(200, 4000, at.world.seed, at.device.id, "hours")) * 1_000_000
    return lambda ms: before + runs.on_ms(ms) * 1_000_000 // _HOUR_MS


# Electricity and water now


def _is_lamp(at: Spot) -> bool:
    return at.world.has(at.device, "lamp_power") or at.world.has(at.device, "lamp_on")


def _power_kw(at: Spot) -> Signal:
    """Mean power of the five minutes with a flicker of two per cent; what flows out counts negative."""
    meters, name, seed = at.world.meters, at.device.id, at.world.seed
    if _is_lamp(at):
        lamp = _lamp_power(at)
        return lambda ms: lamp(ms) / 1000
    flows = [(q, sign) for q, sign in ((IMPORT, 1), (YIELD, 1), (EXPORT, -1)) if meters.has(name, q)]
    return lambda ms: (
        sum(sign * meters.rate(name, q, ms) for q, sign in flows)
        * (1 + 0.02 * flicker(ms, 10_000, seed, name))
    )


def _phases(at: Spot) -> int:
    return (
        3 if any(name.endswith(_PHASES) for name in at.world.site.profiles[at.device.profile].points) else 1
    )


def _active_power(at: Spot) -> Signal:
    total = _power_kw(at)
    return (lambda ms: total(ms) / 3) if at.point.endswith(_PHASES) else total


def _times_power(factor: float) -> Builder:
    def build(at: Spot) -> Signal:
        power = _active_power(at)
        return lambda ms: factor * power(ms)

    return build


def _current(at: Spot) -> Signal:
    total, phases = _power_kw(at), _phases(at)
    return lambda ms: abs(total(ms)) * 1000 / (_VOLTS * _POWER_FACTOR * phases)


def _voltage(at: Spot) -> Signal:
    line = Line(
        at.world.almanac,
        lambda day: [_VOLTS + 3 * v for v in smooth_day(day, at.world.seed, at.device.space or "", at.point)],
    )
    return _noisy(line, 0.4, 10_000, at.world.seed, at.device.id, at.point)


def _water_flow(at: Spot) -> Signal:
    meters, name, seed = at.world.meters, at.device.id, at.world.seed
    if not meters.has(name, VOLUME):
        return lambda _: 0.0
    return lambda ms: meters.rate(name, VOLUME, ms) * (1 + 0.03 * flicker(ms, 10_000, seed, name))


# Rooms, canteen, lamps


def _air(build: Callable[..., list[float]], amplitude: float) -> Builder:
    def make(at: Spot) -> Signal:
        return _noisy(
            at.world.room_line(at.device, build), amplitude, 60_000, at.world.seed, at.device.id, at.point
        )

    return make


def _co2(at: Spot) -> Signal:
    line = at.world.room_line(at.device, lambda _room, _weather, air, _day: list(air.co2))
    return _noisy(line, 6, 60_000, at.world.seed, at.device.id, at.point)


def _climate(inside: Builder, outside: Callable[[World], Line], amplitude: float) -> Builder:
    """Inside a room the room's air, on an outdoor space the weather."""

    def build(at: Spot) -> Signal:
        if not at.world.outside(at.device):
            return inside(at)
        return _noisy(outside(at.world), amplitude, 60_000, at.world.seed, at.device.id, at.point)

    return build


def _cold(at: Spot) -> Signal:
    return _noisy(at.world.cold_line(at.device), 0.05, 60_000, at.world.seed, at.device.id)


def _hot(at: Spot) -> Signal:
    return _noisy(at.world.hot_line(at.device), 0.1, 60_000, at.world.seed, at.device.id)


def _cabinet(at: Spot) -> Signal:
    return _noisy(at.world.cabinet_line(at.device), 0.2, 60_000, at.world.seed, at.device.id)


def _door(at: Spot) -> Signal:
    door = at.world.door(at.device)
    return (lambda ms: float(door.is_on(ms))) if door else (lambda _: 0.0)


def _lamp_on(at: Spot) -> Signal:
    runs = (
        at.world.cabinet(at.device)
        if at.world.has(at.device, "cabinet_temperature")
        else at.world.lamp(at.device)
    )
    return lambda ms: float(runs.is_on(ms))


def _lamp_power(at: Spot) -> Signal:
    runs, rated, seed = at.world.lamp(at.device), at.world.lamp_rated_w(at.device), at.world.seed
    return lambda ms: lamp_power_w(runs, rated, ms) * (1 + 0.01 * flicker(ms, 10_000, seed, at.device.id))


def _occupied(at: Spot) -> Signal:
    return lambda ms: float(at.world.people(at.device, ms) > 0)


def _by_people(empty: float, full: float, amplitude: float) -> Builder:
    """A gauge that moves between two figures as a room fills."""

    def build(at: Spot) -> Signal:
        def value(_room: object, _weather: object, air: rooms.RoomDay, _day: int) -> list[float]:
            return [empty + (full - empty) * warm for warm in air.warm]

        return _noisy(
            at.world.room_line(at.device, value), amplitude, 60_000, at.world.seed, at.device.id, at.point
        )

    return build


def _battery(at: Spot) -> Signal:
    full, epoch = span(88, 100, at.world.seed, at.device.id, at.point), at.world.almanac.epoch_ms
    fade = span(0.015, 0.05, at.world.seed, at.device.id, "fade")
    return lambda ms: 20 + (full - 20 - fade * (ms - epoch) / 86_400_000) % 80


def _wandering(mean: float, swing: float, amplitude: float) -> Builder:
    """A gauge of something this campus does not model: it wanders gently round its mean."""

    def build(at: Spot) -> Signal:
        line = Line(
            at.world.almanac,
            lambda day: [
                mean + swing * v for v in smooth_day(day, at.world.seed, at.device.id, at.point, hours=4)
            ],
        )
        return _noisy(line, amplitude, 30_000, at.world.seed, at.device.id, at.point)

    return build


def _quiet(_at: Spot) -> Signal:
    """An alarm contact that stays silent."""
    return lambda _: 0.0


_BUILDERS: dict[str, Builder] = {
    IMPORT: _register(IMPORT),
    EXPORT: _register(EXPORT),
    YIELD: _register(YIELD),
    VOLUME: _register(VOLUME),
    "active_energy_tariff": _steady(1.5),
    "reactive_energy_import": _reactive_energy,
    "gas_volume": _steady(2.5),
    "heat_energy": _steady(0.2),
    "rainfall": _steady(0.13),
    "lamp_hours": _lamp_hours,
    "active_power": _active_power,
    "reactive_power": _times_power(_REACTIVE_SHARE),
    "apparent_power": _times_power(1 / _POWER_FACTOR),
    "voltage": _voltage,
    "current": _current,
    "power_factor": _wandering(_POWER_FACTOR, 0.03, 0.005),
    "frequency": _wandering(50.0, 0.02, 0.01),
    "residual_current": _wandering(18, 6, 2),
    "water_flow": _water_flow,
    "water_level": _wandering(2.4, 0.3, 0.01),
    "wind_speed": _wandering(2.2, 1.6, 0.4),
    "co2": _co2,
    "pm25": _climate(_air(rooms.indoor_pm25, 1.2), lambda w: w.weather_line(lambda d: d.pm25), 2),
    "pm10": _wandering(55, 25, 3),
    "tvoc": _by_people(110, 420, 8),
    "formaldehyde": _by_people(0.022, 0.038, 0.002),
    "temperature": _climate(
        _air(rooms.indoor_temperature, 0.06), lambda w: w.weather_line(lambda d: d.temperature), 0.1
    ),
    "humidity": _climate(
        _air(rooms.indoor_humidity, 0.4), lambda w: w.weather_line(lambda d: d.humidity), 0.5
    ),
    "pressure": _wandering(1016, 5, 0.1),
    "noise": _by_people(36, 63, 3),
    "illuminance": _by_people(20, 420, 8),
    "cold_temperature": _cold,
    "hot_temperature": _hot,
    "cabinet_temperature": _cabinet,
    "door_open": _door,
    "lamp_on": _lamp_on,
    "lamp_power": _lamp_power,
    "occupied": _occupied,
    "smoke": _quiet,
    "water_leak": _quiet,
    "battery": _battery,
    "battery_low": _quiet,
    "valve_closed": _quiet,
}
UNKNOWN = sorted(set(QUANTITIES) - set(_BUILDERS))
"""Quantities without a behaviour; a test keeps it empty."""


def is_counter(quantity: str) -> bool:
    return QUANTITIES[quantity].kind is Kind.COUNTER
