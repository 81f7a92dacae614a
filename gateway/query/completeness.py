"""完整率 and 上传率: quarter-hours due, measured, estimated, missing and delivered, per local day.

A point's slots are due from the one its first good reading lies in. Of today, a slot is due once its grace is over
(ARCHITECTURE 4: at most 5 minutes after its end). Delivered means that every enabled uplink that knows of receipts has one
for the slot's newest revision; what was sent over a wire without any never counts, nor what one of them refused for ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from gateway.errors import QueryError
from gateway.model import QUARTER_MS
from gateway.query.known_points import KnownPoint
from gateway.query.snapshot import Snapshot
from gateway.query.uplinks import delivered_ranges, with_receipts
from gateway.query.views import Completeness
from gateway.slots import day_bounds, quarter_start

GRACE_MAX_MS = 5 * 60_000
DAYS_MAX = 400
LEVELS = ("site", "building", "device", "point")


@dataclass(frozen=True, slots=True)
class Tally:
    """Slots of one point on one day."""

    due: int
    measured: int
    estimated: int
    delivered: int


def completeness(snapshot: Snapshot, first_day: date, last_day: date, level: str) -> list[Completeness]:
    """One row per subject and day, days ascending; days on which nothing was due are left out. A point in no building
    counts for the building ''.

    Raises QueryError for an unknown level or more than 400 days."""
    if level not in LEVELS:
        raise QueryError(f"completeness has no level {level!r}; write one of {', '.join(LEVELS)}")
    if (last_day - first_day).days >= DAYS_MAX:
        raise QueryError(f"{first_day} to {last_day} is more than {DAYS_MAX} days; ask for fewer")
    sums: dict[tuple[str, str], Tally] = {}
    for day in _days(first_day, last_day):
        for point, tally in tallies(snapshot, day):
            key = (day.isoformat(), _subject(snapshot, point, level))
            sums[key] = _plus(sums[key], tally) if key in sums else tally
    return [_view(subject, day, tally) for (day, subject), tally in sums.items()]


def measured_share_today(snapshot: Snapshot) -> dict[str, float]:
    """By device, the measured part of today's due slots; devices with none due are absent."""
    day = snapshot.today.isoformat()
    rows = completeness(snapshot, snapshot.today, snapshot.today, "device")
    return {row.subject: row.measured / row.due for row in rows if row.day == day}


def tallies(snapshot: Snapshot, day: date) -> Iterator[tuple[KnownPoint, Tally]]:
    """Every point with slots due on a day."""
    start, end = day_bounds(day, snapshot.site.zone)
    due = {point: slots for point in snapshot.points if (slots := _due(snapshot, point, start, end))}
    found = _counts(snapshot, start, end) if due else {}
    for point, slots in due.items():
        measured, estimated, delivered = found.get(point.point_id or 0, (0, 0, 0))
        yield point, Tally(slots, measured, estimated, delivered)


def _days(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += timedelta(days=1)


def due_until(snapshot: Snapshot, point: KnownPoint) -> int:
    """Before when a point's slots are due: past their grace, or closed, whichever is earlier for one that left the site file."""
    until = quarter_start(snapshot.now - GRACE_MAX_MS)
    return until if point.in_service else min(until, quarter_start(point.closed_to or 0))


def _due(snapshot: Snapshot, point: KnownPoint, start: int, end: int) -> int:
    """Slots due in [start, end)."""
    if point.first_at is None or point.parts:
        return 0
    until = min(end, due_until(snapshot, point))
    return max(0, (until - max(start, quarter_start(point.first_at))) // QUARTER_MS)


def _counts(snapshot: Snapshot, start: int, end: int) -> dict[int, tuple[int, int, int]]:
    """point_id → measured, estimated and delivered slots in [start, end) that are past their grace."""
    until = min(end, quarter_start(snapshot.now - GRACE_MAX_MS))
    ranges, uplinks = delivered_ranges(snapshot), with_receipts(snapshot)
    has_receipt = " OR ".join("(i.seq > ? AND i.seq <= ?)" for _ in ranges) or "0"
    refused = f"SELECT seq FROM dead_letter WHERE uplink IN ({', '.join('?' * len(uplinks))})"
    is_delivered = f"({has_receipt}) AND i.seq NOT IN ({refused})"
    rows = snapshot.db.execute(
        f"SELECT p.point_id, sum(i.content = 'measured'), sum(i.content = 'estimated'), sum({is_delivered})"
        " FROM point p CROSS JOIN interval i ON i.point_id = p.point_id AND i.period = '15min'"
        " WHERE i.start >= ? AND i.start < ? AND i.content <> 'missing' GROUP BY p.point_id",
        (*(end for one in ranges for end in one), *uplinks, start, until),
    )
    return {point_id: (measured, estimated, delivered) for point_id, measured, estimated, delivered in rows}


def _subject(snapshot: Snapshot, point: KnownPoint, level: str) -> str:
    if level == "building":
        building = snapshot.site.building_of(point.space) if point.space in snapshot.site.spaces else None
        return "" if building is None else building.id
    return {"site": snapshot.site.file.site.id, "device": point.device, "point": point.name}[level]


def _plus(a: Tally, b: Tally) -> Tally:
    return Tally(a.due + b.due, a.measured + b.measured, a.estimated + b.estimated, a.delivered + b.delivered)


def _view(subject: str, day: str, tally: Tally) -> Completeness:
    missing = tally.due - tally.measured - tally.estimated
    return Completeness(subject, day, tally.due, tally.measured, tally.estimated, missing, tally.delivered)
