from __future__ import annotations

from datetime import date
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from district.months import Month, month_of, of_year, parse

BERLIN, SHANGHAI = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-13", "2026-00", "26-11", "2026-1", "2026-11-01", "1999-12", "٢٠٢٦-11"]
)
def test_what_is_no_month_is_none(text: str) -> None:
    assert parse(text) is None


def test_a_month_follows_the_other_over_new_year() -> None:
    december = parse("2026-12")
    assert december == Month(2026, 12)
    assert str(december.next) == "2027-01"
    assert str(Month(2027, 1).previous) == "2026-12"
    assert [str(one) for one in of_year(2026)][::11] == ["2026-01", "2026-12"]


def test_days_are_cut_in_the_schools_zone_also_where_clocks_are_set() -> None:
    days = Month(2026, 3).days(BERLIN)
    assert len(days) == 31
    assert days[0].date == date(2026, 3, 1)
    assert {(day.end - day.start) // 3_600_000 for day in days} == {23, 24}
    assert all(a.end == b.start for a, b in pairwise(days))
    assert (days[0].start, days[-1].end) == (Month(2026, 3).start(BERLIN), Month(2026, 3).end(BERLIN))


def test_an_instant_is_in_the_month_of_its_zone() -> None:
    at = Month(2026, 11).start(SHANGHAI)
    assert month_of(at, SHANGHAI) == Month(2026, 11)
    assert month_of(at, BERLIN) == Month(2026, 10)
    assert month_of(at - 1, SHANGHAI) == Month(2026, 10)
