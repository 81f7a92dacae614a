"""同比: a total beside the same clock span of the same weekday last week, and of the day before (环比).

Spans are moved in the site's local time, so that 08:00 is compared with 08:00 across a change of summer time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from gateway.query.known_points import KnownPoint
from gateway.query.snapshot import Snapshot
from gateway.query.totals import total
from gateway.query.views import Comparison, Total

KNOWN_SHARE_MIN = 0.9


def compared(snapshot: Snapshot, quantity: str, points: Sequence[KnownPoint], start: int, end: int) -> Total:
    """The total of [start, end) so far, with both comparisons."""
    current = total(snapshot, quantity, points, start, end)
    until = max(start, min(end, snapshot.now))
    bases = [_comparison(snapshot, quantity, points, current, (start, until), days) for days in (7, 1)]
    return replace(current, same_weekday_last_week=bases[0], yesterday=bases[1])


def shifted(ms: int, days: int, zone: ZoneInfo) -> int:
    """The instant with the same local clock time ``days`` earlier; a clock time the zone skips is read as PEP 495 does."""
    local = datetime.fromtimestamp(ms / 1000, zone)
    return round((local - timedelta(days=days)).timestamp() * 1000)


def _comparison(
    snapshot: Snapshot,
    quantity: str,
    points: Sequence[KnownPoint],
    current: Total,
    span: tuple[int, int],
    days: int,
) -> Comparison:
    zone = snapshot.site.zone
    start, end = (shifted(ms, days, zone) for ms in span)
    base = total(snapshot, quantity, points, start, end)
    day = datetime.fromtimestamp(span[0] / 1000, zone).date()
    base_day = day - timedelta(days=days)
    reason = _reason(snapshot, points, current, base, (day, base_day), end)
    change = None
    if reason is None and current.value is not None and base.value:
        change = (current.value - base.value) / base.value * 100
    return Comparison(base_day.isoformat(), base.value, change, reason)


def _reason(
    snapshot: Snapshot,
    points: Sequence[KnownPoint],
    current: Total,
    base: Total,
    days: tuple[date, date],
    base_end: int,
) -> str | None:
    """Why there is no percentage, the most telling reason first; None when there may be one."""
    began = min((point.first_at for point in points if point.first_at is not None), default=None)
    if began is None or began >= base_end:
        return "none"
    if min(current.known_share, base.known_share) < KNOWN_SHARE_MIN:
        return "incomplete"
    if base.value == 0:
        return "zero"
    calendar = snapshot.site.calendar
    if calendar.is_school_day(days[0]) != calendar.is_school_day(days[1]):
        return "calendar"
    return None
