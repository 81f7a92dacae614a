"""Parts of a whole: sub-items, buildings and meters, with what is not assigned (未归类) shown openly."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from devices.quantities import ELECTRICITY_ITEMS
from gateway.query import meters
from gateway.query.known_points import KnownPoint
from gateway.query.pieces import count
from gateway.query.snapshot import Snapshot
from gateway.query.totals import points_of
from gateway.query.views import Share

ELECTRICITY = "active_energy_import"


def items(snapshot: Snapshot, start: int, end: int) -> list[Share]:
    """分项 A, B, C, D of the site's electricity, and the rest. A meter under another of any sub-item is part of that."""
    every = meters.of_quantity(snapshot.site, snapshot.points, ELECTRICITY)
    assigned = meters.on_top(snapshot.site, [point for point in every if meters.item_of(point)])
    groups = [
        (letter, zh, en, [point for point in assigned if meters.item_of(point) == letter])
        for letter, (zh, en) in ELECTRICITY_ITEMS.items()
    ]
    return _with_rest(snapshot, ELECTRICITY, groups, (start, end))


def buildings(snapshot: Snapshot, quantity: str, start: int, end: int) -> list[Share]:
    """Each building by the meters on top within it, in the order of the site file, and the rest."""
    every = meters.of_quantity(snapshot.site, snapshot.points, quantity)
    groups = []
    for space in snapshot.site.file.spaces:
        inside = meters.in_space(snapshot.site, every, space.id) if space.kind == "building" else []
        if inside:
            groups.append((space.id, space.name, space.name, meters.on_top(snapshot.site, inside)))
    return _with_rest(snapshot, quantity, groups, (start, end))


def meter_shares(snapshot: Snapshot, group: str, start: int, end: int) -> list[Share]:
    """Each meter of a quantity group (energy, water, gas, heat); mains and sub-meters side by side, so not to be added."""
    return [
        _share(point.device, snapshot.device_name(point.device), snapshot.device_name(point.device),
               _sum(snapshot, [point], (start, end)), point.unit)
        for point in meters.main_points(snapshot.site, snapshot.points.real(), group)
    ]  # fmt: skip


def _with_rest(
    snapshot: Snapshot,
    quantity: str,
    groups: Sequence[tuple[str, str, str, list[KnownPoint]]],
    span: tuple[int, int],
) -> list[Share]:
    """Groups that have meters, and the site's total less all of them; unknown as soon as one of them is."""
    unit = meters.unit_of(quantity)
    sums = [(code, zh, en, _sum(snapshot, points, span)) for code, zh, en, points in groups if points]
    rest = _sum(snapshot, points_of(snapshot, quantity), span)
    for *_, known in sums:
        rest = None if rest is None or known is None else rest - known
    shares = [_share(code, zh, en, known, unit) for code, zh, en, known in sums]
    return [*shares, _share("", "未归类", "Not assigned", rest, unit)]


def _sum(snapshot: Snapshot, points: Sequence[KnownPoint], span: tuple[int, int]) -> Fraction | None:
    """None when nothing is known of one of the points: a part would pass for the whole."""
    total = Fraction(0)
    for point in points:
        found = count(snapshot, point, *span).steps
        if found is None and point.in_service:
            return None
        total += (found or 0) * point.step
    return total if points else None


def _share(code: str, zh: str, en: str, value: Fraction | None, unit: str) -> Share:
    return Share(code, zh, en, None if value is None else float(value), unit)
