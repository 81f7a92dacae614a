"""The campus's meters: who measures what, and every register as an exact integral since the campus epoch.

A meter with sub-meters measures their sum and an unmetered rest; the meter the solar inverter feeds measures loads
less yield, split into import and export slot by slot. So energy and water are conserved to the milliwatt-hour and the
millilitre at every slot boundary, by construction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from devices.profile import Wire
from edge_config.schema import Device
from edge_config.site import LoadedSite
from simulators.loads import ELECTRIC, TYPICAL_LEAK_M3H, WATER, Consumer, consumer, solar_amounts
from simulators.noise import SLOT_MS, SLOTS, span
from simulators.places import place_of
from simulators.schoolday import Almanac
from simulators.weather import weather_day

IMPORT, EXPORT, YIELD, VOLUME = (
    "active_energy_import",
    "active_energy_export",
    "active_energy_yield",
    "water_volume",
)
SOLAR_PEAK_KW = 80.0
_DAYS_KEPT = 3
_ITEM_DEFAULT = {"A": "teaching-A", "B": "office-B", "C": "power-C", "D": "special-D"}
Amounts = list[int]


@dataclass(slots=True)
class Node:
    """One meter: its own consumer, the meters it contains, the inverters that feed it."""

    device: Device
    own: Consumer
    parts: list[Node] = field(default_factory=list)
    solar: list[Device] = field(default_factory=list)


def _quantities(site: LoadedSite, device: Device) -> set[str]:
    return {point.quantity for point in site.profiles[device.profile].points.values()}


def _metered(site: LoadedSite, quantity: str) -> list[Device]:
    """Devices on a bus that count ``quantity``; sensors with a socket meter of their own are not part of the tree."""
    return [
        device
        for device in site.file.devices
        if site.profiles[device.profile].wire is not Wire.MQTT and quantity in _quantities(site, device)
    ]


def _electric_load(site: LoadedSite, device: Device, is_parent: bool) -> str:
    if is_parent:
        return "rest"
    item = device.energy_code[2] if device.energy_code else "A"
    key = f"{place_of(site, device.space)}-{item}"
    return key if key in ELECTRIC else _ITEM_DEFAULT.get(item, "rest")


def _water_load(site: LoadedSite, device: Device, is_parent: bool) -> str:
    place = place_of(site, device.space)
    return place if place in WATER and not is_parent else "rest"


def _tree(site: LoadedSite, devices: list[Device], seed: int, *, water: bool) -> dict[str, Node]:
    parents = {device.parent for device in devices}
    leaves = [device.id for device in devices if device.id not in parents]
    leaking = min(leaves, key=lambda name: span(0, 1, seed, name, "leaking"), default=None) if water else None
    nodes = {}
    for device in devices:
        pick, table = (_water_load, WATER) if water else (_electric_load, ELECTRIC)
        load = table[pick(site, device, device.id in parents)]
        leak = TYPICAL_LEAK_M3H if device.id == leaking else 0.0
        nodes[device.id] = Node(device, consumer(device.id, load, seed, leak))
    for node in nodes.values():
        if node.device.parent in nodes:
            nodes[node.device.parent].parts.append(node)
    return nodes


def _feed_solar(nodes: dict[str, Node], inverters: list[Device]) -> None:
    """An inverter feeds the meter it names as parent, else the meter with the most sub-meters."""
    for inverter in inverters:
        fed = nodes.get(inverter.parent or "") or max(
            nodes.values(), key=lambda n: len(n.parts), default=None
        )
        if fed is not None:
            fed.solar.append(inverter)


@dataclass(frozen=True, slots=True)
class DayLedger:
    """The registers of one local day: for each (device, quantity) 289 running totals in micro-units."""

    totals: dict[tuple[str, str], Sequence[int]]


class Meters:
    """Every counter of the metering tree. Registers are micro-units (10⁻⁶ kWh or m³), never falling."""

    def __init__(self, site: LoadedSite, almanac: Almanac, seed: int) -> None:
        self._almanac, self._seed = almanac, seed
        inverters = _metered(site, YIELD)
        electric = [device for device in _metered(site, IMPORT) if device not in inverters]
        self._electric = _tree(site, electric, seed, water=False)
        self._water = _tree(site, _metered(site, VOLUME), seed, water=True)
        self._inverters = inverters
        _feed_solar(self._electric, inverters)
        self._first_day = almanac.day_of(almanac.epoch_ms)[0]
        self._midnights: list[dict[tuple[str, str], int]] = [self._at_epoch()]
        self._ledgers: dict[int, DayLedger] = {}

    def _at_epoch(self) -> dict[tuple[str, str], int]:
        """Registers of meters that were fitted some time before the epoch."""
        start: dict[tuple[str, str], int] = {}
        for name, node in self._electric.items():
            used = (
                span(40_000, 90_000, self._seed, name) if node.parts else span(900, 6_000, self._seed, name)
            )
            start[name, IMPORT] = int(used * 1_000_000)
            start[name, EXPORT] = int(span(0, 900, self._seed, name, EXPORT) * 1_000_000) if node.solar else 0
        for name, node in self._water.items():
            used = span(6_000, 9_000, self._seed, name) if node.parts else span(300, 2_500, self._seed, name)
            start[name, VOLUME] = int(used * 1_000_000)
        for inverter in self._inverters:
            start[inverter.id, YIELD] = int(span(9_000, 20_000, self._seed, inverter.id) * 1_000_000)
        return start

    def has(self, device_id: str, quantity: str) -> bool:
        return (device_id, quantity) in self._midnights[0]

    def register(self, device_id: str, quantity: str, ms: int) -> int:
        """The register in micro-units. Raises ValueError for a time before the campus epoch."""
        day, rest = self._almanac.day_of(ms)
        slot, part = divmod(rest, SLOT_MS)
        totals = self.ledger(day).totals[device_id, quantity]
        start = totals[slot]
        return start + (totals[slot + 1] - start) * part // SLOT_MS

    def rate(self, device_id: str, quantity: str, ms: int) -> float:
        """Mean kW or m³/h of the five minutes that ``ms`` lies in."""
        day, rest = self._almanac.day_of(ms)
        slot = rest // SLOT_MS
        totals = self.ledger(day).totals[device_id, quantity]
        return (totals[slot + 1] - totals[slot]) * 12 / 1_000_000

    def ledger(self, day: int) -> DayLedger:
        known = self._ledgers.get(day)
        if known is not None:
            return known
        index = day - self._first_day
        if index < 0:
            raise ValueError(f"the simulated campus begins on {self._almanac.date_of(self._first_day)}")
        while len(self._midnights) <= index:
            self._midnights.append(self._next_midnight(len(self._midnights) - 1))
        if len(self._ledgers) >= _DAYS_KEPT:
            self._ledgers.clear()
        start = self._midnights[index]
        ledger = DayLedger(
            {key: list(accumulate(a, initial=start[key])) for key, a in self._amounts(day).items()}
        )
        self._ledgers[day] = ledger
        return ledger

    def _next_midnight(self, index: int) -> dict[tuple[str, str], int]:
        start = self._midnights[index]
        return {key: start[key] + sum(a) for key, a in self._amounts(self._first_day + index).items()}

    def _amounts(self, day: int) -> dict[tuple[str, str], Amounts]:
        """What every meter counts in each slot of the day."""
        amounts: dict[tuple[str, str], Amounts] = {}
        weather = weather_day(self._seed, day, self._almanac.year_day(day))
        for inverter in self._inverters:
            peak = inverter.power_max_kw or SOLAR_PEAK_KW
            amounts[inverter.id, YIELD] = solar_amounts(self._seed, inverter.id, day, peak, weather)
        for nodes, quantity in ((self._electric, IMPORT), (self._water, VOLUME)):
            for node in nodes.values():
                if node.device.parent not in nodes:
                    self._count(node, quantity, day, amounts)
        return amounts

    def _count(self, node: Node, quantity: str, day: int, amounts: dict[tuple[str, str], Amounts]) -> Amounts:
        """Fill in a meter and all it contains; gives what flows through it, negative where it flows back."""
        weather = weather_day(self._seed, day, self._almanac.year_day(day))
        flows = [self._count(part, quantity, day, amounts) for part in node.parts]
        own = node.own.amounts(day, self._almanac.kind(day), weather)
        net = [sum(slot) for slot in zip(own, *flows, strict=True)] if flows else own
        for inverter in node.solar:
            net = [flow - made for flow, made in zip(net, amounts[inverter.id, YIELD], strict=True)]
        name = node.device.id
        if quantity == VOLUME:
            amounts[name, VOLUME] = net
        else:
            both_ways = bool(node.solar or node.parts)
            amounts[name, IMPORT] = [max(0, flow) for flow in net] if both_ways else net
            amounts[name, EXPORT] = [max(0, -flow) for flow in net] if both_ways else [0] * SLOTS
        return net
