"""Parts of a whole: sub-items, buildings and meters, with what is not assigned (未归类) shown openly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from devices.quantities import ELECTRICITY_ITEMS
from gateway.query import meters
from gateway.query.known_points import KnownPoint
from gateway.query.pieces import Count, count
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
               _sum([point], _counts(snapshot, [point], (start, end))), point.unit)
        for point in meters.main_points(snapshot.site, snapshot.points.real(), group)
    ]  # fmt: skip


def _with_rest(
    snapshot: Snapshot,
    quantity: str,
    groups: Sequence[tuple[str, str, str, list[KnownPoint]]],
    span: tuple[int, int],
) -> list[Share]:
    """Groups that have meters, and the site's total less all of them; unknown as soon as one of them is. The rest ends where
    the first of these meters fell silent: what the main one counted since is not known to be anybody's."""
    unit, whole = meters.unit_of(quantity), points_of(snapshot, quantity)
    assigned = [point for *_, points in groups for point in points]
    counts = _counts(snapshot, [*whole, *assigned], span)
    shares = [_share(code, zh, en, _sum(points, counts), unit) for code, zh, en, points in groups if points]
    until = _told_to([*whole, *assigned], counts)
    if until is not None:
        counts = _counts(snapshot, [*whole, *assigned], (span[0], until))
    rest, parts = _sum(whole, counts), _sum(assigned, counts) if assigned else Fraction(0)
    left = None if rest is None or parts is None else rest - parts
    return [*shares, replace(_share("", "未归类", "Not assigned", left, unit), until=until)]


def _counts(snapshot: Snapshot, points: Sequence[KnownPoint], span: tuple[int, int]) -> dict[str, Count]:
    return {point.name: count(snapshot, point, *span) for point in points}


def _told_to(points: Sequence[KnownPoint], counts: Mapping[str, Count]) -> int | None:
    """When the first of the meters in service fell silent for longer than a reading stands; None where none did."""
    told = [
        (at, point.hold_ms) for point in points if point.in_service and (at := counts[point.name].updated_at)
    ]
    latest = max((at for at, _ in told), default=0)
    return min((at for at, hold_ms in told if latest - at > hold_ms), default=None)


def _sum(points: Sequence[KnownPoint], counts: Mapping[str, Count]) -> Fraction | None:
    """None when nothing is known of one of the points: a part would pass for the whole."""
    total = Fraction(0)
    for point in points:
        steps = counts[point.name].steps
        if steps is None and point.in_service:
            return None
        total += (steps or 0) * point.step
    return total if points else None


def _share(code: str, zh: str, en: str, value: Fraction | None, unit: str) -> Share:
    return Share(code, zh, en, None if value is None else float(value), unit)
