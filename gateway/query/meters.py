"""Which meters to add up, so that nothing is counted twice. Pure.

A device that is there for something else and also counts its own consumption (a UV lamp in a metering socket) is no
meter, unless the site file gives it a ``parent`` or an ``energy_code``.

A meter is *on top* for a quantity when no meter above it (``parent``) measures the same quantity: the site's total is
the sum over these. Within a space the same holds among the meters of that space alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from devices.quantities import ELECTRICITY_ITEMS, QUANTITIES
from edge_config.schema import Device
from edge_config.site import LoadedSite
from gateway.points import APPLIANCE_GROUPS
from gateway.query.known_points import KnownPoint

MAIN_QUANTITIES: dict[str, tuple[str, ...]] = {
    "energy": ("active_energy_import", "active_energy_yield"),
    "water": ("water_volume",),
    "gas": ("gas_volume",),
    "heat": ("heat_energy",),
}
"""By quantity group, what a meter's consumption is read from; the first it has."""


def ancestors(devices: Mapping[str, Device], device: str) -> Iterator[str]:
    """The meters above a device, nearest first; a loop in the site file ends it."""
    seen = {device}
    known = devices.get(device)
    while known is not None and known.parent is not None and known.parent not in seen:
        yield known.parent
        seen.add(known.parent)
        known = devices.get(known.parent)


def on_top(site: LoadedSite, points: Iterable[KnownPoint]) -> list[KnownPoint]:
    """Those of ``points`` (of one quantity) that are no part of another of them."""
    meters = list(points)
    measured = {point.device for point in meters}
    return [point for point in meters if not measured.intersection(ancestors(site.devices, point.device))]


def of_quantity(site: LoadedSite, points: Iterable[KnownPoint], quantity: str) -> list[KnownPoint]:
    """The meters of a quantity among all of the site's ``points``."""
    every = [point for point in points if not point.parts]
    appliances = {point.device for point in every if _group(point) in APPLIANCE_GROUPS}
    return [
        point
        for point in every
        if point.quantity == quantity and (point.device not in appliances or _is_declared(site, point))
    ]


def _group(point: KnownPoint) -> str:
    known = QUANTITIES.get(point.quantity)
    return known.group if known is not None else ""


def _is_declared(site: LoadedSite, point: KnownPoint) -> bool:
    known = site.devices.get(point.device)
    return known is not None and (known.parent is not None or known.energy_code is not None)


def in_space(site: LoadedSite, points: Iterable[KnownPoint], space: str) -> list[KnownPoint]:
    """Points in a space or in a space within it, but for meters that also feed meters outside it."""
    meters = list(points)
    inside = {point.device for point in meters if space in spaces_around(site, point.space)}
    feeds_outside = {
        above
        for point in meters
        if point.device not in inside
        for above in ancestors(site.devices, point.device)
    }
    return [point for point in meters if point.device in inside - feeds_outside]


def spaces_around(site: LoadedSite, space: str | None) -> Iterator[str]:
    """A space and what it lies in, from the inside out."""
    seen: set[str] = set()
    while space is not None and space not in seen:
        yield space
        seen.add(space)
        known = site.spaces.get(space)
        space = known.within if known is not None else None


def item_of(point: KnownPoint) -> str | None:
    """The sub-item letter (分项) of an electricity meter: the third character of its energy code, if it is one."""
    code = point.energy_code or ""
    letter = code[2:3]
    return letter if code.startswith("01") and letter in ELECTRICITY_ITEMS else None


def main_points(site: LoadedSite, points: Iterable[KnownPoint], group: str) -> list[KnownPoint]:
    """The point each meter of a quantity group is read by, in the order of the site file."""
    found: dict[str, KnownPoint] = {}
    every = list(points)
    for quantity in MAIN_QUANTITIES.get(group, ()):
        for point in of_quantity(site, every, quantity):
            found.setdefault(point.device, point)
    return [point for point in every if found.get(point.device) is point]


def unit_of(quantity: str) -> str:
    return QUANTITIES[quantity].unit
