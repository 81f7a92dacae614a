"""Schools as lines of the first page, made by hand."""

from __future__ import annotations

from typing import Any

from district.figures import Completeness
from district.months import Month
from district.school_line import Consumption, Line, Who
from district.usage import Use, against_quota
from tests.district.campus import NOW

YEAR_MS = 365 * 86_400_000


def use(value: float | None, measured: float = 1.0, unit: str = "kWh", meters: int = 1) -> Use:
    return Use(value, unit, meters, 0, YEAR_MS // 2, measured, 0.0, 1 - measured, YEAR_MS // 2)


def line(name: str, value: float | None = 100.0, **more: Any) -> Line:
    """``more``: students, area_m2, kind, quota, measured, week, meters."""
    found = use(value, more.get("measured", 1.0), meters=more.get("meters", 1))
    who = Who(
        name, name, "Asia/Shanghai", more.get("students", 100), more.get("area_m2", 1000.0), more.get("kind", "junior"), {}
    )  # fmt: skip
    used = Consumption(found, found, against_quota(found, more.get("quota", 400.0), YEAR_MS))
    due = 1000
    week = Completeness(due, round(due * more.get("week", 1.0)), 0)
    return Line(
        who=who, contact_at=NOW, data_to=NOW, due_to=NOW, month=Month(2026, 11), today=week, week=week, of_month=week,
        alarms=more.get("alarms", {}), used=dict.fromkeys(("electricity", "water", "gas", "heat"), used),
    )  # fmt: skip
