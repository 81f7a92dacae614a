"""Where slots begin and end. Quarter-hours are UTC; hours, days and months are cut in the site's zone (ARCHITECTURE 4).

Pure. All instants are UTC epoch milliseconds; a slot is [start, end).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from gateway.model import QUARTER_MS

HOUR_MS = 3_600_000


def quarter_start(ms: int) -> int:
    """The quarter-hour an instant lies in."""
    return ms - ms % QUARTER_MS


@lru_cache(maxsize=4096)
def hour_slot(quarter: int, zone: ZoneInfo) -> tuple[int, int]:
    """The local hour a quarter-hour lies in; zones are whole quarter-hours from UTC, so the cut is exact. Where a zone moves by
    half an hour, what is left of an hour before or after is a slot of its own."""
    offset = _offset_ms(quarter, zone)
    start = quarter - (quarter + offset) % HOUR_MS
    same = [at for at in range(start, start + HOUR_MS, QUARTER_MS) if _offset_ms(at, zone) == offset]
    return same[0], same[-1] + QUARTER_MS


@lru_cache(maxsize=4096)
def day_slot(quarter: int, zone: ZoneInfo) -> tuple[int, int]:
    """The local day an instant lies in: 23, 24 or 25 hours as the zone says."""
    return day_bounds(datetime.fromtimestamp(quarter / 1000, zone).date(), zone)


@lru_cache(maxsize=4096)
def month_slot(quarter: int, zone: ZoneInfo) -> tuple[int, int]:
    """The local month an instant lies in."""
    first = datetime.fromtimestamp(quarter / 1000, zone).date().replace(day=1)
    return _midnight(first, zone), _midnight((first + timedelta(days=31)).replace(day=1), zone)


def day_bounds(day: date, zone: ZoneInfo) -> tuple[int, int]:
    """A local day's first instant and the first of the next."""
    return _midnight(day, zone), _midnight(day + timedelta(days=1), zone)


def _offset_ms(at: int, zone: ZoneInfo) -> int:
    return round((datetime.fromtimestamp(at / 1000, zone).utcoffset() or timedelta()).total_seconds() * 1000)


def _midnight(day: date, zone: ZoneInfo) -> int:
    local = datetime.combine(day, time(), zone)
    return round(local.astimezone(UTC).timestamp() * 1000)
