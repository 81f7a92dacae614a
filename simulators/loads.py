"""How much each part of a campus draws: daily curves by place, item and kind of day. Data and arithmetic, no I/O.

Energies are whole milliwatt-hours (10⁻⁶ kWh) and volumes whole millilitres (10⁻⁶ m³) per five-minute slot, so that
sums over a campus and a year are exact. The figures are sized for about 1,200 students with 300 boarders.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from simulators.noise import SLOTS, scatter, span, unit
from simulators.schoolday import DayKind
from simulators.weather import WeatherDay

Curve = tuple[tuple[float, float], ...]
"""(hour, kW or m³/h), straight lines between; the last value holds to midnight."""
MICRO_PER_SLOT = 1_000_000 / 12
"""Micro-units in a slot at a rate of one unit an hour."""
TYPICAL_LEAK_M3H = 0.042


@dataclass(frozen=True, slots=True)
class Load:
    """One kind of consumer. ``climate`` scales the curve by how far the weather is from comfortable."""

    curves: dict[DayKind, Curve]
    climate: bool = False
    unlike: float = 0.12
    """How much two consumers of this kind differ in size."""


def _flat(rate: float) -> Curve:
    return ((0.0, rate),)


def _load(school: Curve, weekend: Curve, vacation: Curve | None = None, *, climate: bool = False) -> Load:
    quiet = weekend if vacation is None else vacation
    return Load({DayKind.SCHOOL: school, DayKind.WEEKEND: weekend, DayKind.VACATION: quiet}, climate)


ELECTRIC: dict[str, Load] = {
    "teaching-A": _load(
        (
            (0, 0.9),
            (6.5, 1),
            (7.4, 9),
            (8, 14),
            (11.6, 13),
            (12.2, 6),
            (13, 12.5),
            (16.5, 11),
            (17.4, 3.5),
            (18.4, 9.5),
            (20.6, 9),
            (21.3, 1.6),
            (22.5, 0.9),
        ),
        ((0, 0.8), (8.5, 1.4), (17, 1.5), (18, 0.8)),
    ),
    "teaching-B": _load(
        (
            (0, 0.4),
            (7, 0.5),
            (7.7, 30),
            (9, 24),
            (11.6, 25),
            (12.2, 9),
            (13, 27),
            (16.4, 21),
            (17.2, 2),
            (18.4, 12),
            (20.6, 11),
            (21, 0.5),
        ),
        _flat(0.4),
        climate=True,
    ),
    "office-B": _load(((0, 0.3), (7.2, 0.4), (8, 8), (17, 7), (17.8, 0.4)), _flat(0.3), climate=True),
    "dormitory-A": _load(
        (
            (0, 3),
            (5.8, 3),
            (6.3, 14),
            (7.3, 4),
            (11.8, 4),
            (12.4, 9),
            (13, 4),
            (16.8, 5),
            (18, 9),
            (20.6, 13),
            (21.4, 24),
            (22.4, 19),
            (23, 4),
        ),
        ((0, 3), (8, 5), (12, 7), (18, 8), (21.5, 13), (23, 4)),
        _flat(1.2),
    ),
    "dormitory-B": _load(
        ((0, 12), (6, 10), (7.2, 1), (12, 9), (13, 2), (18, 3), (20.8, 20), (23, 16)),
        ((0, 9), (8, 6), (12, 8), (20, 12), (23, 10)),
        _flat(0.3),
        climate=True,
    ),
    "kitchen-D": _load(
        (
            (0, 5.5),
            (4.6, 6),
            (5.3, 26),
            (6.8, 30),
            (7.8, 10),
            (9.2, 16),
            (10.2, 44),
            (11.6, 48),
            (12.6, 18),
            (13.6, 22),
            (14.4, 8),
            (15.8, 17),
            (16.7, 36),
            (18, 30),
            (19.2, 12),
            (20.2, 6),
            (23, 5.5),
        ),
        ((0, 5.5), (6, 9), (8, 6), (10.5, 15), (12.2, 8), (16.5, 12), (18.5, 6)),
        _flat(4.2),
    ),
    "kitchen-B": _load(
        ((0, 0.3), (9.5, 6), (11, 13), (13, 9), (14, 1), (16.5, 9), (18.5, 6), (19.5, 0.3)),
        _flat(0.3),
        climate=True,
    ),
    "power-C": _load(
        (
            (0, 0.7),
            (6, 1),
            (7, 6.5),
            (8, 3.5),
            (11.7, 6),
            (12.5, 3.4),
            (16.5, 6.2),
            (18, 3),
            (21, 4.5),
            (22.5, 0.8),
        ),
        ((0, 0.7), (8, 1.5), (20, 1.5), (22, 0.7)),
        _flat(0.6),
    ),
    "special-D": _load(
        ((0, 4.6), (8, 6.2), (17, 6), (20, 4.8)), ((0, 4.5), (12, 4.9), (18, 4.5)), _flat(4.4)
    ),
    "rest": _load(
        ((0, 2.2), (6.5, 2.4), (7.5, 4.6), (17.5, 4.2), (19, 5.2), (22, 2.3)), ((0, 2.1), (18, 3), (22, 2.1))
    ),
}
WATER: dict[str, Load] = {
    "teaching": _load(
        (
            (0, 0.004),
            (6.6, 0.006),
            (7.6, 0.9),
            (8.2, 0.35),
            (9.4, 0.95),
            (11.7, 1.2),
            (12.5, 0.7),
            (14, 0.6),
            (16.6, 0.8),
            (17.5, 0.15),
            (18.6, 0.4),
            (20.6, 0.5),
            (21.3, 0.03),
            (22, 0.004),
        ),
        ((0, 0.003), (7, 0.004), (9, 0.05), (17, 0.04), (18, 0.003)),
    ),
    "kitchen": _load(
        (
            (0, 0.003),
            (4.6, 0.004),
            (4.9, 0.3),
            (5.6, 1.1),
            (7.5, 1.4),
            (8.5, 0.5),
            (9.6, 1.7),
            (11.4, 1.3),
            (12.6, 2.4),
            (13.8, 1.2),
            (14.6, 0.2),
            (16, 1.1),
            (17.6, 1.2),
            (18.8, 1.9),
            (19.8, 0.4),
            (20.5, 0.004),
        ),
        ((0, 0.003), (5.5, 0.004), (6.2, 0.3), (8, 0.2), (11, 0.5), (13, 0.5), (18, 0.4), (19.5, 0.003)),
        _flat(0.003),
    ),
    "dormitory": _load(
        (
            (0, 0.02),
            (5.7, 0.05),
            (6.4, 2.6),
            (7.2, 0.4),
            (12.2, 0.9),
            (13, 0.3),
            (17, 0.6),
            (20.7, 1.6),
            (21.6, 3.4),
            (22.6, 1.4),
            (23.2, 0.05),
        ),
        ((0, 0.02), (6.5, 0.03), (8, 0.8), (12, 0.6), (19, 0.7), (21.5, 1.6), (23, 0.04)),
        _flat(0.004),
    ),
    "rest": _load(
        ((0, 0.01), (6, 0.01), (7, 0.12), (17, 0.12), (18, 0.01)),
        ((0, 0.01), (8, 0.01), (9, 0.03), (18, 0.01)),
        _flat(0.01),
    ),
}


@lru_cache(maxsize=256)
def slot_rates(curve: Curve) -> tuple[float, ...]:
    """The curve's rate at the start of each slot."""
    rates = []
    for slot in range(SLOTS):
        hour = slot / 12
        after = next((index for index, (at, _) in enumerate(curve) if at > hour), len(curve))
        (h0, r0), (h1, r1) = curve[max(0, after - 1)], curve[min(after, len(curve) - 1)]
        rates.append(r0 if h1 <= h0 else r0 + (r1 - r0) * (hour - h0) / (h1 - h0))
    return tuple(rates)


@lru_cache(maxsize=16)
def climate_shares(weather: WeatherDay) -> tuple[float, ...]:
    """How hard air conditioning works, 0 to 1: cooling above 25 ℃ outside, heating below 13 ℃."""
    return tuple(min(1.0, max(0.03, (t - 25) / 9, (13 - t) / 13)) for t in weather.temperature[:SLOTS])


@dataclass(frozen=True, slots=True)
class Consumer:
    """One consumer of the campus: a load, its own size and its own chance. A leak runs for spells of nine days."""

    name: str
    load: Load
    seed: int
    size: float = 1.0
    leak_m3h: float = 0.0

    def amounts(self, day: int, kind: DayKind, weather: WeatherDay) -> list[int]:
        """Micro-units consumed in each slot of the day."""
        scale = MICRO_PER_SLOT / 1000 * self.size * span(0.94, 1.06, self.seed, day, self.name)
        noise = scatter(self.seed, day, self.name)
        rates = slot_rates(self.load.curves[kind])
        if self.load.climate:
            shares = climate_shares(weather)
            return [int(scale * r * c * n) for r, c, n in zip(rates, shares, noise, strict=True)]
        leaking = self.leak_m3h > 0 and unit(self.seed, day // 9, self.name, "leak") < 0.5
        leak = int(self.leak_m3h * MICRO_PER_SLOT) if leaking else 0
        return [int(scale * r * n) + leak for r, n in zip(rates, noise, strict=True)]


def consumer(name: str, load: Load, seed: int, leak_m3h: float = 0.0) -> Consumer:
    """A consumer whose size differs a little from others of its kind."""
    return Consumer(name, load, seed, span(1 - load.unlike, 1 + load.unlike, seed, name, "size"), leak_m3h)


def solar_amounts(seed: int, name: str, day: int, peak_kw: float, weather: WeatherDay) -> list[int]:
    """Milliwatt-hours an inverter of ``peak_kw`` yields in each slot of the day."""
    noise = scatter(seed, day, name)
    return [int(peak_kw * MICRO_PER_SLOT / 1000 * s * n) for s, n in zip(weather.sun, noise, strict=False)]
