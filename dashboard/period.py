"""The one picker of day, week or month that drives every figure of a page; its state lives in the address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

Kind = Literal["day", "week", "month"]
KINDS: tuple[Kind, ...] = ("day", "week", "month")
YEARS_BACK_MAX = 20


def day_start(day: date, zone: ZoneInfo) -> int:
    """Epoch ms of local midnight."""
    return round(datetime.combine(day, time(), zone).timestamp() * 1000)


@dataclass(frozen=True, slots=True)
class Span:
    """A natural day, week (from Monday) or month in the site's zone; ``last`` is its last day."""

    kind: Kind
    first: date
    last: date
    zone: ZoneInfo

    @property
    def start(self) -> int:
        return day_start(self.first, self.zone)

    @property
    def end(self) -> int:
        return day_start(self.last + timedelta(days=1), self.zone)

    @property
    def slot(self) -> str:
        """The interval period its bars are made of."""
        return "hour" if self.kind == "day" else "day"

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]

    def contains(self, ms: int) -> bool:
        return self.start <= ms < self.end

    def previous(self) -> Span:
        return span(self.kind, self.first - timedelta(days=1), self.zone)

    def following(self) -> Span:
        return span(self.kind, self.last + timedelta(days=1), self.zone)

    def base(self) -> Span:
        """What it is compared with: the same weekday last week, the week before, the month before."""
        return (
            span("day", self.first - timedelta(days=7), self.zone) if self.kind == "day" else self.previous()
        )

    def starts(self) -> list[int]:
        """The start of each slot, in order. Hours are absolute, so that a day of 23 or 25 hours has as many bars."""
        if self.kind == "day":
            return list(range(self.start, self.end, 3_600_000))
        return [day_start(day, self.zone) for day in self.days]


def span(kind: Kind, day: date, zone: ZoneInfo) -> Span:
    if kind == "day":
        return Span(kind, day, day, zone)
    if kind == "week":
        first = day - timedelta(days=day.weekday())
        return Span(kind, first, first + timedelta(days=6), zone)
    first = day.replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    return Span(kind, first, following - timedelta(days=1), zone)


def read_span(kind: str | None, day: str | None, today: date, zone: ZoneInfo) -> Span:
    """The span an address asks for; what is not understood or lies ahead becomes today."""
    chosen: Kind = kind if kind in KINDS else "day"
    try:
        asked = date.fromisoformat(day) if day else today
    except ValueError:
        asked = today
    if asked > today or asked.year < today.year - YEARS_BACK_MAX:
        asked = today
    return span(chosen, asked, zone)
