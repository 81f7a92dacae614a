"""What kind of day it is and what people do at which hour, as the site's calendar has it.

Days are local days of the site, numbered from 1970-01-01 as ``date.toordinal`` would; the campus lies in a zone
without daylight saving, which ``Almanac`` checks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from edge_config.site import LoadedSite, SchoolCalendar
from simulators.noise import DAY_MS, SLOTS

_FIRST = date(1970, 1, 1)
CAMPUS_EPOCH = date(2026, 1, 1)
"""Registers count from this midnight on; the campus does not exist before it."""


class DayKind(StrEnum):
    SCHOOL = "school"
    WEEKEND = "weekend"
    VACATION = "vacation"


@dataclass(slots=True)
class Almanac:
    """Turns times into days and slots of one site. Raises ValueError for a zone with daylight saving."""

    calendar: SchoolCalendar
    offset_ms: int
    _kinds: dict[int, DayKind] = field(default_factory=dict)

    @classmethod
    def of(cls, site: LoadedSite) -> Almanac:
        offsets = {datetime(2026, month, 1, tzinfo=site.zone).utcoffset() for month in (1, 4, 7, 10)}
        offset = offsets.pop()
        if offsets or offset is None:
            raise ValueError(
                f"the simulated campus needs a zone without daylight saving, not {site.file.site.timezone}"
            )
        return cls(site.calendar, int(offset.total_seconds() * 1000))

    @property
    def epoch_ms(self) -> int:
        return self.midnight_ms((CAMPUS_EPOCH - _FIRST).days)

    def day_of(self, ms: int) -> tuple[int, int]:
        """Local day number and milliseconds since its midnight."""
        return divmod(ms + self.offset_ms, DAY_MS)

    def midnight_ms(self, day: int) -> int:
        return day * DAY_MS - self.offset_ms

    def date_of(self, day: int) -> date:
        return _FIRST + timedelta(days=day)

    def kind(self, day: int) -> DayKind:
        known = self._kinds.get(day)
        if known is None:
            known = self._kinds[day] = self._look_up(self.date_of(day))
        return known

    def _look_up(self, day: date) -> DayKind:
        if self.calendar.is_school_day(day):
            return DayKind.SCHOOL
        listed = self.calendar.days.get(day)
        if listed is not None and listed.kind in {"holiday", "vacation"}:
            return DayKind.VACATION
        return DayKind.WEEKEND

    def lesson_slots(self, day: int) -> list[bool]:
        """For each slot of the day, whether a lesson is on: 40 minutes of each 50 within the calendar's hours."""
        if self.kind(day) is not DayKind.SCHOOL:
            return [False] * SLOTS
        taught = [False] * SLOTS
        for start, end in self.calendar.lessons:
            first, last = (start.hour * 60 + start.minute) // 5, (end.hour * 60 + end.minute) // 5
            for slot in range(first, last):
                taught[slot] = (slot - first) % 10 < 8
        return taught

    def year_day(self, day: int) -> int:
        return self.date_of(day).timetuple().tm_yday


def local_text(ms: int, offset_ms: int) -> str:
    """Local wall time as clocks of simple devices write it: ``2026-11-22T13:19:00``, without a zone."""
    return datetime.fromtimestamp((ms + offset_ms) // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
