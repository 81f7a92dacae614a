"""Consumption of a span over several meters, and how much of it is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from devices.quantities import QUANTITIES, Kind
from gateway.errors import QueryError
from gateway.query import meters
from gateway.query.known_points import KnownPoint
from gateway.query.pieces import Count, count, counted, pieces
from gateway.query.snapshot import Snapshot
from gateway.query.views import Total


def points_of(
    snapshot: Snapshot, quantity: str, space: str | None = None, names: Sequence[str] | None = None
) -> list[KnownPoint]:
    """The points a total is over: those named, else the meters on top within the space or the site.

    Raises QueryError for an unknown point or a quantity that has no consumption."""
    if QUANTITIES.get(quantity) is None or QUANTITIES[quantity].kind is not Kind.COUNTER:
        counters = ", ".join(name for name, known in QUANTITIES.items() if known.kind is Kind.COUNTER)
        raise QueryError(f"{quantity!r} has no consumption; quantities that are counted are {counters}")
    if names is not None:
        return [snapshot.points[name] for name in names]
    candidates = meters.of_quantity(snapshot.site, snapshot.points, quantity)
    if space is not None:
        candidates = meters.in_space(snapshot.site, candidates, space)
    return meters.on_top(snapshot.site, candidates)


def total(snapshot: Snapshot, quantity: str, points: Sequence[KnownPoint], start: int, end: int) -> Total:
    """The sum over ``points`` in [start, end); what lies ahead of now is not due yet. A point that left the site file
    is due only where it was counted. A ratio is asked for alone; raises QueryError else."""
    if any(point.over for point in points):
        return _ratio(snapshot, points, start, end)
    counts = [(point, count(snapshot, point, start, end)) for point in points]
    counted = [(point, found) for point, found in counts if point.in_service or found.steps is not None]
    due_ms = max(0, min(end, snapshot.now) - start) * len(counted)
    known = [point.step * found.steps for point, found in counted if found.steps is not None]
    return Total(
        value=float(sum(known, Fraction(0))) if known else None, unit=meters.unit_of(quantity),
        known_share=_share(sum(found.measured_ms for _, found in counted), due_ms),
        estimated_share=_share(sum(found.estimated_ms for _, found in counted), due_ms),
        updated_at=_updated_at(counted),
    )  # fmt: skip


def _ratio(snapshot: Snapshot, points: Sequence[KnownPoint], start: int, end: int) -> Total:
    """Over the slots in which both sums are known: what is missing in one of them says nothing of the other."""
    if len(points) > 1:
        raise QueryError("a ratio cannot be added to other points; ask for it alone")
    (point,) = points
    until = min(end, snapshot.now)
    sides = [replace(point, parts=parts, over=()) for parts in (point.parts, point.over)]
    known = [
        {(0 if piece.is_open else piece.start): piece for piece in pieces(snapshot, side, start, until)}
        for side in sides
    ]
    both = known[0].keys() & known[1].keys()
    upper, lower = (
        counted(side, [found[at] for at in sorted(both)], start, until)
        for side, found in zip(sides, known, strict=True)
    )
    due_ms = max(0, min(end, snapshot.now) - start)
    return Total(
        value=float(upper.steps / lower.steps) if upper.steps is not None and lower.steps else None, unit=point.unit,
        known_share=_share(min(upper.measured_ms, lower.measured_ms), due_ms),
        estimated_share=_share(max(upper.estimated_ms, lower.estimated_ms), due_ms),
        updated_at=min((at for at in (upper.updated_at, lower.updated_at) if at is not None), default=None),
    )  # fmt: skip


def _share(part_ms: float, due_ms: int) -> float:
    return min(1.0, part_ms / due_ms) if due_ms else 0.0


def _updated_at(counted: Sequence[tuple[KnownPoint, Count]]) -> int | None:
    """A sum is as old as the oldest of its parts that is still in service."""
    return min(
        (found.updated_at for point, found in counted if point.in_service and found.updated_at), default=None
    )
