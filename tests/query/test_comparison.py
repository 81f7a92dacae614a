"""同比: the same clock span, told only where it is fair."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge_config.schema import CalendarDay
from edge_config.site import SchoolCalendar
from gateway.query.comparison import shifted
from gateway.query.reader import Reader
from tests.query.buffers import DAY_MS, Buffer, ManualClock, local_ms, school
from tests.query.conftest import Campus, filled
from tests.query.test_totals import MAIN, recount


@pytest.mark.parametrize("clock", ["00:05", "10:05", "23:59"])
def test_today_so_far_is_compared_with_the_same_clock_span(tmp_path: Path, clock: str) -> None:
    campus = filled(school(tmp_path), clock=clock)
    found = campus.reader.compared("active_energy_import", campus.midnight, campus.midnight + DAY_MS)
    truth = campus.buffer.truth[MAIN]
    for comparison, days in ((found.same_weekday_last_week, 7), (found.yesterday, 1)):
        base = recount(truth, campus.midnight - days * DAY_MS, campus.clock.ms - days * DAY_MS)
        assert comparison is not None
        assert base is not None
        assert comparison.base_value == pytest.approx(base)
        today = recount(truth, campus.midnight, campus.clock.ms) or 0
        assert comparison.change_pct == pytest.approx((today - base) / base * 100)
        assert comparison.reason is None
    assert found.same_weekday_last_week
    assert found.same_weekday_last_week.base_day == "2026-11-11"
    assert found.yesterday
    assert found.yesterday.base_day == "2026-11-17"
    campus.buffer.connection.close()


def test_a_base_before_the_data_began_is_none(tmp_path: Path) -> None:
    site = school(tmp_path)
    now = local_ms(site, "2026-11-18", "12:00")
    with Buffer(site) as buffer:
        buffer.counter(MAIN, now - 2 * DAY_MS, now, lambda _: 5)
        found = Reader(site, ManualClock(now)).compared("active_energy_import", now - 3_600_000, now)
    assert found.same_weekday_last_week
    assert (found.same_weekday_last_week.change_pct, found.same_weekday_last_week.reason) == (None, "none")
    assert found.yesterday
    assert found.yesterday.reason is None


@pytest.mark.parametrize(("slots_missing", "reason"), [(2, None), (3, "incomplete")])
def test_a_base_with_less_than_nine_tenths_of_its_data_has_no_percentage(
    tmp_path: Path, slots_missing: int, reason: str | None
) -> None:
    """Of the 20 quarter-hours of the base two are a tenth, three are more."""
    site = school(tmp_path)
    now = local_ms(site, "2026-11-18", "12:00")
    holes = range(96, 96 + slots_missing)
    with Buffer(site) as buffer:
        buffer.counter(
            MAIN, now - 2 * DAY_MS - 5 * 3_600_000, now, lambda _: 5,
            content=lambda slot: ("missing", 0.0) if slot in holes else ("measured", 1.0),
        )  # fmt: skip
        found = (
            Reader(site, ManualClock(now))
            .compared("active_energy_import", now - 5 * 3_600_000, now)
            .yesterday
        )
    assert found is not None
    assert found.reason == reason
    assert (found.change_pct is None) == (reason is not None)
    assert found.base_value == pytest.approx((20 - slots_missing) * 0.5)


def test_a_school_day_is_not_compared_with_a_free_day(campus: Campus) -> None:
    holiday = date(2026, 11, 11)
    row = CalendarDay(date=holiday.isoformat(), kind="holiday")
    site = type(campus.site)(
        campus.site.file,
        campus.site.folder,
        campus.site.path,
        campus.site.profiles,
        None,
        SchoolCalendar({holiday: row}),
    )
    found = Reader(site, campus.clock).compared("active_energy_import", campus.midnight, campus.clock.ms)
    assert found.same_weekday_last_week
    assert found.same_weekday_last_week.reason == "calendar"
    assert found.same_weekday_last_week.change_pct is None
    assert found.yesterday
    assert found.yesterday.change_pct is not None


def test_a_base_of_zero_has_no_percentage(tmp_path: Path) -> None:
    site = school(tmp_path)
    now = local_ms(site, "2026-11-18", "12:00")
    with Buffer(site) as buffer:
        buffer.counter(MAIN, now - 2 * DAY_MS, now, lambda slot: 5 if slot >= 96 else 0)
        found = (
            Reader(site, ManualClock(now)).compared("active_energy_import", now - 3_600_000, now).yesterday
        )
    assert found is not None
    assert (found.base_value, found.change_pct, found.reason) == (0.0, None, "zero")


@pytest.mark.parametrize(
    ("local", "days", "earlier"),
    [
        ("2026-04-02T08:00", 7, "2026-03-26T08:00"),  # across the last Sunday of March, 02:00 → 03:00
        ("2026-10-28T08:00", 7, "2026-10-21T08:00"),
        ("2026-03-30T02:30", 1, "2026-03-29T03:30"),  # 02:30 did not exist that day
    ],
)
def test_spans_move_in_local_clock_time(local: str, days: int, earlier: str) -> None:
    zone = ZoneInfo("Europe/Berlin")
    moment = datetime.fromisoformat(local).replace(tzinfo=zone)
    found = shifted(round(moment.timestamp() * 1000), days, zone)
    assert datetime.fromtimestamp(found / 1000, zone) == datetime.fromisoformat(earlier).replace(tzinfo=zone)
