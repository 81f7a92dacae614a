"""A school with its figures, as one line of the first page and of a month's report. Pure values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from district.figures import Completeness
from district.months import Month
from district.usage import Quota, Use


@dataclass(frozen=True, slots=True)
class Who:
    """A school as it describes itself. ``quota``: (year, key) → allotted."""

    site: str
    name: str
    timezone: str
    students: int | None
    area_m2: float | None
    kind: str | None
    quota: Mapping[tuple[int, str], float]

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


@dataclass(frozen=True, slots=True)
class Consumption:
    """One commodity: the month, the calendar year as far as the end of that month, and the year's quota."""

    month: Use
    year: Use
    quota: Quota


@dataclass(frozen=True, slots=True)
class Line:
    """A school on the first page and in a month's report. ``due_to`` is the end of the newest quarter-hour that should be
    here; ``data_to`` that of the newest one that is. ``alarms``: level → how many are open."""

    who: Who
    contact_at: int | None
    data_to: int | None
    due_to: int
    month: Month
    today: Completeness
    week: Completeness
    of_month: Completeness
    alarms: Mapping[int, int]
    used: Mapping[str, Consumption]
