"""Numbers, times and pictures as staff read them."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from dashboard.charts import added, line
from dashboard.language import Language
from dashboard.pages.air import grade
from dashboard.pages.canteen import unit_state
from dashboard.pages.parts import assigned, month_comparison
from dashboard.pages.water import night_minimum
from dashboard.period import read_span, span
from dashboard.pictures import picture
from dashboard.words import Times, change, figure, percent
from edge_config.schema import Limit
from gateway.query.views import ColdUnit, Comparison, Latest, Series, Share, Slot, Total
from runtime.clock import parse_utc

ZH, EN = Language("zh"), Language("en")
SHANGHAI, LONDON = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/London")


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [(None, "kWh", "— kWh"), (0.0, "m³", "0.00 m³"), (1286.44, "kWh", "1,286.4 kWh"), (123_456.0, "kWh", "12.35 万kWh"),
     (612.4, "ppm", "612 ppm"), (-18.04, "℃", "-18.0 ℃"), (3.56, "℃", "3.6 ℃"), (9.444, "m³", "9.44 m³"), (1.0, "1", "1.00")],
)  # fmt: skip
def test_figures_carry_their_unit_and_few_decimals(value: float | None, unit: str, shown: str) -> None:
    assert str(figure(value, unit, ZH)) == shown


def test_english_does_not_count_in_ten_thousands() -> None:
    assert str(figure(123_456.0, "kWh", EN)) == "123,456 kWh"


def test_all_of_it_and_only_all_of_it_is_a_hundred_percent() -> None:
    assert [percent(999_999, 1_000_000), percent(7, 7), percent(1, 3), percent(0, 0)] == [
        "99.9%",
        "100%",
        "33.3%",
        "—",
    ]


def test_a_change_without_a_base_says_why() -> None:
    found = change(Comparison("2026-11-13", None, None, "incomplete"), "较上周五", ZH)
    assert found is not None
    assert found.pct == "—"
    assert found.reason == "— 对比日数据不足"


def test_times_are_the_sites_own() -> None:
    times = Times(SHANGHAI, ZH, parse_utc("2026-11-22T00:10:00+08:00"))
    assert times.day(times.now_ms) == "2026-11-22 周日"
    assert times.stamp(times.now_ms - 20 * 60_000) == "11-21 23:50"
    assert times.ago(times.now_ms - 90 * 60_000) == "1.5 小时前"
    assert times.ago(None) == "还没有"


def test_a_month_ends_where_the_next_begins_and_a_week_begins_on_monday() -> None:
    february = span("month", date(2028, 2, 29), SHANGHAI)
    assert (february.first, february.last) == (date(2028, 2, 1), date(2028, 2, 29))
    assert february.following().first == date(2028, 3, 1)
    assert span("week", date(2026, 11, 22), SHANGHAI).first == date(2026, 11, 16)
    assert span("day", date(2026, 11, 20), SHANGHAI).base().first == date(2026, 11, 13)


def test_a_day_of_a_clock_change_has_as_many_hours_as_it_has() -> None:
    assert len(span("day", date(2026, 3, 29), LONDON).starts()) == 23
    assert len(span("day", date(2026, 10, 25), LONDON).starts()) == 25


def test_an_address_that_makes_no_sense_means_today() -> None:
    today = date(2026, 11, 20)
    for asked in ("tomorrow", "2026-11-21", "1900-01-01", ""):
        assert read_span("decade", asked, today, SHANGHAI) == span("day", today, SHANGHAI)


def series(*values: float | None) -> Series:
    slots = [Slot(n, n + 1, "measured", 1.0, value) for n, value in enumerate(values) if value is not None]
    return Series("p", "active_energy_import", "kWh", "hour", "", "", slots)


def test_a_sum_of_meters_is_missing_where_one_of_them_is() -> None:
    both = line("both", added([series(1.0, 2.0, None), series(10.0, None, 30.0)]), range(4))
    assert both.values == [11.0, None, None, None]


def test_a_gap_in_the_data_is_a_gap_in_the_picture() -> None:
    drawn = picture([1.0, 2.0, None, 3.0])
    assert drawn is not None
    assert drawn.line.count("M") == 2
    assert picture([None, None]) is None


def test_night_flow_is_known_only_when_the_whole_window_is() -> None:
    assert night_minimum([0.1, 0, 0, 0, 0, 0.2, 0.1, 0.1]) == 0.0
    assert night_minimum([0.1] * 8) == pytest.approx(0.4)
    assert night_minimum([0.0] * 7) is None
    assert night_minimum([0.0] * 7 + [None]) is None


def test_an_hour_is_graded_by_the_strictest_limit() -> None:
    limits = [
        Limit(id="a", quantity="co2", above=1000, text="", source=""),
        Limit(id="b", quantity="co2", above=1500, text="", source=""),
    ]
    assert [grade(value, limits) for value in (None, 700, 900, 1100, 1600)] == [0, 1, 2, 3, 4]
    assert grade(700, []) == 9


def total(value: float | None, known: float = 1.0) -> Total:
    return Total(value, "kWh", known, 0.0, None)


def test_months_are_compared_only_when_both_are_nearly_whole() -> None:
    assert month_comparison(total(110.0), total(100.0), "2026-10-01").change_pct == pytest.approx(10)
    assert month_comparison(total(110.0), total(100.0, 0.8), "2026-10-01").reason == "incomplete"
    assert month_comparison(total(110.0), total(None), "2026-10-01").reason == "none"
    assert month_comparison(total(110.0), total(0.0), "2026-10-01").reason == "zero"


def cold_unit(kind: str, value: float | None, state: str = "ok") -> ColdUnit:
    low, high = (60.0, None) if kind == "hot" else (0.0, 8.0)
    latest = Latest("f.t", "f", None, "cold_temperature", "℃", value, "good", None, 0, 60.0, False, "", "")
    return ColdUnit("f", "f", None, kind, latest, low, high, state, 0.0, None)


def test_a_cabinet_outside_its_band_is_never_called_normal() -> None:
    assert unit_state(cold_unit("fridge", 4.0)) == ("ok", "ok")
    assert unit_state(cold_unit("fridge", 9.0)) == ("warn", "watching")
    assert unit_state(cold_unit("fridge", -1.0)) == ("warn", "watching")
    assert unit_state(cold_unit("hot", 25.0)) == ("off", "idle")
    assert unit_state(cold_unit("hot", 25.0, "outside")) == ("alarm", "outside")
    assert unit_state(cold_unit("fridge", None, "offline")) == ("off", "offline")


def test_a_rest_below_zero_is_said_in_words_and_not_drawn() -> None:
    shares = [Share("A", "照明", "Lighting", 10.0, "kWh"), Share("", "未归类", "Not assigned", -3.0, "kWh")]
    assert [share.code for share in assigned(shares)] == ["A"]
    assert assigned([Share("", "未归类", "Not assigned", 0.0, "kWh")]) != []
