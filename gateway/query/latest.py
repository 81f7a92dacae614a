"""The newest reading of points as a page shows it."""

from __future__ import annotations

from collections.abc import Sequence

from devices.quantities import Kind
from gateway.query.known_points import KnownPoint
from gateway.query.newest import Newest
from gateway.query.snapshot import Snapshot
from gateway.query.views import Latest


def latest(snapshot: Snapshot, names: Sequence[str] | None = None) -> list[Latest]:
    """Of the named points, or of every point in service. Raises QueryError for a point nobody knows."""
    points = snapshot.points.real() if names is None else [snapshot.points[name] for name in names]
    return [latest_of(snapshot, point) for point in points]


def latest_of(snapshot: Snapshot, point: KnownPoint) -> Latest:
    if point.over:
        found = _ratio(snapshot, point)
    elif point.parts:
        found = _sum_of_parts(snapshot, point.parts)
    else:
        found = snapshot.newest_of(point)
    return view(snapshot, point, found)


def view(snapshot: Snapshot, point: KnownPoint, found: Newest | None) -> Latest:
    """``found`` of ``point``; None is a point that never spoke."""
    return Latest(
        point=point.name, device=point.device, space=point.space, quantity=point.quantity, unit=point.unit,
        value=found.value if found else None, quality=found.quality if found else "bad",
        reason=found.reason if found else "no_reading", measured_at=found.measured_at if found else None,
        expected_interval_s=point.expected_interval_s,
        is_delayed=found is None or snapshot.now - found.measured_at > point.hold_ms,
        label_zh=point.label_zh, label_en=point.label_en,
    )  # fmt: skip


def _ratio(snapshot: Snapshot, point: KnownPoint) -> Newest | None:
    """A ratio now, of gauges only: that of two registers says nothing."""
    upper, lower = (_sum_of_parts(snapshot, parts) for parts in (point.parts, point.over))
    if point.kind is Kind.COUNTER or upper is None or lower is None or not lower.value or upper.value is None:
        return None
    quality = "good" if upper.quality == lower.quality == "good" else "uncertain"
    return Newest(min(upper.measured_at, lower.measured_at), quality, upper.value / lower.value)


def _sum_of_parts(snapshot: Snapshot, parts: Sequence[tuple[str, int]]) -> Newest | None:
    """A virtual point now: as old as its oldest part, and known only when every part is."""
    total, oldest, quality = 0.0, snapshot.now, "good"
    for name, sign in parts:
        part = snapshot.newest_of(snapshot.points[name])
        if part is None or part.value is None:
            return None
        total += sign * part.value
        oldest = min(oldest, part.measured_at)
        quality = "good" if part.quality == quality == "good" else "uncertain"
    return Newest(oldest, quality, total)
