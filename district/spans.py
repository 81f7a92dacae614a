"""Stretches of time as a school lives them, in UTC epoch milliseconds. Pure; the moment is given."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

QUARTER_MS = 15 * 60 * 1000
LAST_MS = 253_402_300_799_999
SETTLED_AFTER_MS = 10 * 60 * 1000
"""A slot counts as due this long after its end: the gateway's grace is at most 5 min, its upload one more."""


def day_bounds(first: str | None, last: str | None, timezone: str) -> tuple[int, int]:
    """[start of ``first``, end of ``last``) in UTC ms, both days of ``timezone`` as 2026-11-22; one that is left out is
    no bound. ValueError for what is no day, OverflowError for the last one there is."""
    zone = ZoneInfo(timezone)
    start = _midnight(date.fromisoformat(first), zone) if first else 0
    if last is None:
        return start, LAST_MS
    return start, _midnight(date.fromisoformat(last) + timedelta(days=1), zone)


def _midnight(day: date, zone: ZoneInfo) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1000)
