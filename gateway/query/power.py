"""The site's power now and its highest of the day: that of the meters its electricity comes in by."""

from __future__ import annotations

from gateway.query.known_points import KnownPoint
from gateway.query.latest import latest_of
from gateway.query.series import series
from gateway.query.shares import ELECTRICITY
from gateway.query.snapshot import Snapshot
from gateway.query.totals import points_of
from gateway.query.views import Latest, Slot

POWER = "active_power"


def incomers(snapshot: Snapshot) -> list[KnownPoint]:
    """The power points of the meters on top, one per meter."""
    top = [point.device for point in points_of(snapshot, ELECTRICITY) if point.in_service]
    found: dict[str, KnownPoint] = {}
    for point in snapshot.points.real():
        if point.quantity == POWER and point.device in top:
            found.setdefault(point.device, point)
    return list(found.values())


def now(snapshot: Snapshot) -> Latest | None:
    """The incomer's power; with several incomers their sum, as old as the oldest; None where none measures power."""
    latest = [latest_of(snapshot, point) for point in incomers(snapshot)]
    if len(latest) < 2:
        return latest[0] if latest else None
    oldest = min(latest, key=lambda row: row.measured_at or 0)
    values = [row.value for row in latest if row.value is not None]
    return Latest(
        point="", device="", space=None, quantity=POWER, unit=oldest.unit,
        value=sum(values) if len(values) == len(latest) else None,
        quality="good" if all(row.quality == "good" for row in latest) else "uncertain", reason=oldest.reason,
        measured_at=oldest.measured_at, expected_interval_s=max(row.expected_interval_s for row in latest),
        is_delayed=any(row.is_delayed for row in latest), label_zh=oldest.label_zh, label_en=oldest.label_en,
    )  # fmt: skip


def highest_today(snapshot: Snapshot, power_now: Latest | None) -> tuple[float | None, int | None]:
    """(kW, UTC ms). One incomer: the highest reading, at the start of its quarter-hour; several: the quarter-hour with
    the highest sum of means, as their peaks need not meet. The power now counts as well."""
    start = snapshot.day[0]
    columns = [series(snapshot, point, start, snapshot.now, "15min").slots for point in incomers(snapshot)]
    found = [(slot.high, slot.start) for slot in columns[0]] if len(columns) == 1 else _sums(columns)
    if power_now is not None and power_now.measured_at is not None and power_now.measured_at >= start:
        found.append((power_now.value, power_now.measured_at))
    known = [(value, at) for value, at in found if value is not None]
    # Of equal peaks the first one counts.
    return max(known, key=lambda peak: (peak[0], -peak[1]), default=(None, None))


def _sums(columns: list[list[Slot]]) -> list[tuple[float | None, int]]:
    """Σ of means per quarter-hour, where every incomer's is known."""
    means: dict[int, list[float]] = {}
    for slot in (slot for slots in columns for slot in slots):
        if slot.mean is not None:
            means.setdefault(slot.start, []).append(slot.mean)
    return [(sum(found), at) for at, found in means.items() if len(found) == len(columns)]
