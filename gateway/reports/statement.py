"""零报告: the daily statement, made also when all is zero. Pure over completeness and events.

A day's statement is due from 00:10 of the next day, when its last slots have closed. Days are local to the site.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from gateway.query.views import Completeness

READY_AFTER = time(0, 10)
DAYS_BACK_MAX = 35


@dataclass(frozen=True, slots=True)
class Statement:
    """The fields of ``district.contract.StatementBody``. ``points`` are those with slots due that day."""

    day: str
    points: int
    slots_due: int
    slots_measured: int
    slots_estimated: int
    slots_missing: int
    events_opened: int


def make(day: date, points: Sequence[Completeness], events_opened: int) -> Statement:
    """``points`` is the completeness of that day per point; rows of other days are an error."""
    if any(row.day != day.isoformat() for row in points):
        raise ValueError(f"completeness of another day than {day}")
    return Statement(
        day.isoformat(), len(points), slots_due=sum(row.due for row in points),
        slots_measured=sum(row.measured for row in points), slots_estimated=sum(row.estimated for row in points),
        slots_missing=sum(row.missing for row in points), events_opened=events_opened,
    )  # fmt: skip


def due_days(now: datetime, first_day: date | None, made: Collection[str]) -> list[date]:
    """Days that lack a statement, oldest first: since the data began, at most 35 back, yesterday from 00:10 on.

    ``now`` is local to the site; ``first_day`` None means that no data has come yet."""
    if first_day is None:
        return []
    last = now.date() - timedelta(days=1 if now.time() >= READY_AFTER else 2)
    first = max(first_day, now.date() - timedelta(days=DAYS_BACK_MAX))
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return [day for day in days if day.isoformat() not in made]


def next_due(now: datetime, zone: ZoneInfo) -> datetime:
    """The next 00:10 of the site after ``now``."""
    today = datetime.combine(now.astimezone(zone).date(), READY_AFTER, zone)
    if today > now:
        return today
    return datetime.combine(today.date() + timedelta(days=1), READY_AFTER, zone)
