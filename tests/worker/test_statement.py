"""零报告: what a day's statement says, and which days lack one."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from gateway.query.views import Completeness
from gateway.reports.statement import Statement, due_days, make, next_due

SHANGHAI = ZoneInfo("Asia/Shanghai")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def test_a_statement_adds_up_the_points_of_its_day() -> None:
    rows = [
        Completeness("a.x", "2026-11-17", 96, 90, 4, 2, 90),
        Completeness("b.y", "2026-11-17", 40, 40, 0, 0, 40),
    ]
    assert make(date(2026, 11, 17), rows, 3) == Statement("2026-11-17", 2, 136, 130, 4, 2, 3)


def test_a_day_on_which_nothing_happened_has_one_too() -> None:
    assert make(date(2026, 11, 17), [], 0) == Statement("2026-11-17", 0, 0, 0, 0, 0, 0)


def test_another_days_figures_are_refused() -> None:
    with pytest.raises(ValueError, match="another day"):
        make(date(2026, 11, 18), [Completeness("a.x", "2026-11-17", 96, 90, 4, 2, 90)], 0)


def test_yesterday_is_due_from_ten_past_midnight() -> None:
    first = date(2026, 11, 16)
    assert due_days(at("2026-11-18T00:09:59"), first, set()) == [date(2026, 11, 16)]
    assert due_days(at("2026-11-18T00:10:00"), first, set()) == [date(2026, 11, 16), date(2026, 11, 17)]


def test_days_before_the_data_and_days_that_have_one_are_not_due() -> None:
    now = at("2026-11-18T09:00")
    assert due_days(now, None, set()) == []
    assert due_days(now, date(2026, 11, 18), set()) == []
    assert due_days(now, date(2026, 11, 15), {"2026-11-16"}) == [date(2026, 11, 15), date(2026, 11, 17)]


def test_no_more_than_35_days_back_are_due() -> None:
    found = due_days(at("2026-11-18T09:00"), date(2020, 1, 1), set())
    assert (len(found), found[0], found[-1]) == (35, date(2026, 10, 14), date(2026, 11, 17))


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-11-18T00:00", "2026-11-18T00:10"),
        ("2026-11-18T00:10", "2026-11-19T00:10"),
        ("2026-11-18T23:59", "2026-11-19T00:10"),
    ],
)
def test_the_next_time_is_ten_past_midnight_of_the_site(now: str, due: str) -> None:
    assert next_due(at(now), SHANGHAI) == at(due)


def test_the_next_time_is_right_where_the_clocks_change() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    now = datetime(2026, 3, 28, 12, tzinfo=berlin)
    assert next_due(now, berlin) == datetime(2026, 3, 29, 0, 10, tzinfo=berlin)
    assert next_due(now + timedelta(days=1), berlin) == datetime(2026, 3, 30, 0, 10, tzinfo=berlin)
