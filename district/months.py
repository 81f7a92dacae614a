"""Calendar months and their days as a school lives them, in UTC epoch milliseconds. Pure; the zone is given."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_WRITTEN = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
FIRST_YEAR, LAST_YEAR = 2000, 2199


@dataclass(frozen=True, slots=True)
class Day:
    """One local day: [start, end)."""

    date: date
    start: int
    end: int


@dataclass(frozen=True, slots=True, order=True)
class Month:
    year: int
    number: int

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"

    @property
    def first(self) -> date:
        return date(self.year, self.number, 1)

    @property
    def next(self) -> Month:
        return Month(self.year + self.number // 12, self.number % 12 + 1)

    @property
    def previous(self) -> Month:
        return Month(self.year - (self.number == 1), (self.number - 2) % 12 + 1)

    def start(self, zone: ZoneInfo) -> int:
        return midnight(self.first, zone)

    def end(self, zone: ZoneInfo) -> int:
        return midnight(self.next.first, zone)

    def days(self, zone: ZoneInfo) -> tuple[Day, ...]:
        return _days(self, zone)


def parse(text: str) -> Month | None:
    """``2026-11``; None for what is no month of the years 2000 to 2199."""
    found = _WRITTEN.fullmatch(text)
    if found is None or not FIRST_YEAR <= int(found[1]) <= LAST_YEAR:
        return None
    return Month(int(found[1]), int(found[2]))


def month_of(at: int, zone: ZoneInfo) -> Month:
    """The local month an instant lies in."""
    local = datetime.fromtimestamp(at / 1000, UTC).astimezone(zone)
    return Month(local.year, local.month)


def of_year(year: int) -> list[Month]:
    return [Month(year, number) for number in range(1, 13)]


@lru_cache(maxsize=1024)
def _days(month: Month, zone: ZoneInfo) -> tuple[Day, ...]:
    first = month.first
    dates = [first + timedelta(days=n) for n in range((month.next.first - first).days + 1)]
    bounds = [midnight(one, zone) for one in dates]
    days = (Day(*three) for three in zip(dates[:-1], bounds, bounds[1:], strict=False))
    return tuple(day for day in days if day.start < day.end)  # Samoa left out 30 December 2011


@lru_cache(maxsize=4096)
def midnight(day: date, zone: ZoneInfo) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1000)
