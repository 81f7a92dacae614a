"""The calendar's rows become days; a row that is wrong is named with its line."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest

from edge_config.calendar_file import parse
from edge_config.loader import load_site
from edge_config.site import SchoolCalendar


def test_rows_become_days_and_comments_are_skipped() -> None:
    days, problems = parse(
        'date,kind,note\r\n# 国庆\r\n2026-10-01,holiday,"国庆节,休息"\r\n\r\n2026-10-10,makeup\r\n', "c.csv"
    )
    assert problems == []
    assert days[date(2026, 10, 1)].note == "国庆节,休息"
    assert days[date(2026, 10, 10)].kind == "makeup"


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("2026-13-01,school,", "c.csv:2:1: date: '2026-13-01' is no date"),
        ("20260901,school,", "c.csv:2:1: date: '20260901' is no date in this form"),
        ("2026-09-01,schol,", "c.csv:2:12: kind: 'schol' is no kind of day, did you mean 'school'?"),
        ("2026-09-01,school,a,b", "c.csv:2:1: 4 columns, write date,kind,note"),
        ("2026-09-01", "c.csv:2:1: 1 columns"),
        (
            "2026-09-01,school,\n2026-09-01,holiday,",
            "c.csv:3:1: date: 2026-09-01 is listed twice (first in line 2)",
        ),
    ],
)
def test_a_wrong_row_is_named_with_its_line(row: str, sentence: str) -> None:
    _, problems = parse(f"date,kind,note\n{row}\n", "c.csv")
    (problem,) = problems
    assert str(problem).startswith(sentence)


def test_a_calendar_without_its_header_is_named() -> None:
    _, problems = parse("2026-09-01,school,\n", "c.csv")
    assert str(problems[0]) == "c.csv:1:1: the header is missing, begin with date,kind,note"


def test_the_demo_calendar_knows_holidays_and_makeup_days(demo: Path) -> None:
    calendar = load_site(demo).calendar
    assert not calendar.is_school_day(date(2026, 10, 1))
    assert calendar.is_school_day(date(2026, 10, 10))
    assert not calendar.is_school_day(date(2027, 2, 1))
    assert calendar.is_school_day(date(2026, 11, 23))
    assert not calendar.is_school_day(date(2026, 11, 22))


def test_lessons_and_meals_are_on_school_days_only() -> None:
    calendar = SchoolCalendar()
    assert calendar.is_lesson(datetime.fromisoformat("2026-11-23T08:00"))
    assert not calendar.is_lesson(datetime.fromisoformat("2026-11-23T11:45"))
    assert calendar.is_meal(datetime.fromisoformat("2026-11-23T12:00"))
    assert not calendar.is_meal(datetime.fromisoformat("2026-11-22T12:00"))
