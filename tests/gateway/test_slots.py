"""Where hours and days begin and end in a zone: every quarter-hour lies in one hour and one day, whatever the zone does."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from gateway.intervals import roll_up
from gateway.model import QUARTER_MS, Content, Interval, Period
from gateway.slots import HOUR_MS, day_bounds, day_slot, hour_slot

TURNS = [
    ("Asia/Shanghai", "1986-05-03T12:00"), ("Asia/Shanghai", "1991-09-14T12:00"),
    ("Europe/Berlin", "2026-03-28T20:00"), ("Europe/Berlin", "2026-10-24T20:00"),
    ("America/St_Johns", "2026-11-01T00:00"), ("Pacific/Apia", "2011-12-29T20:00"),
    ("Australia/Lord_Howe", "2026-04-04T06:00"), ("Australia/Lord_Howe", "2026-10-03T06:00"),
]  # fmt: skip
"""36 hours from here hold a turn of the zone's clock."""


@pytest.mark.parametrize(("name", "begin"), TURNS)
def test_p15_hours_follow_each_other_without_gap_or_overlap_over_every_turn_of_the_clock(
    name: str, begin: str
) -> None:
    zone, start = ZoneInfo(name), round(datetime.fromisoformat(begin).replace(tzinfo=UTC).timestamp() * 1000)
    for cut in (hour_slot, day_slot):
        slots = sorted({cut(start + n * QUARTER_MS, zone) for n in range(144)})
        assert all(a[1] == b[0] for a, b in pairwise(slots)), slots
    hours = {hour_slot(start + n * QUARTER_MS, zone) for n in range(4, 140)}
    days = sorted({day_slot(at, zone) for at, _ in hours})
    assert all(any(a <= at and end <= b for a, b in days) for at, end in hours), "an hour lies in one day"


ZONES = ("Asia/Shanghai", "Europe/Berlin", "America/St_Johns", "Pacific/Apia")
FIRST, LAST = date(1986, 1, 1), date(2037, 12, 31)


@pytest.mark.campus
@pytest.mark.parametrize("name", ZONES)
def test_p15_f21_every_day_of_52_years_is_the_sum_of_its_hours(name: str) -> None:
    """The hours of a day follow each other from its beginning to its end, each in one hour of the wall clock; the days follow
    each other, and each is one date of the zone, which is looked up and not computed."""
    zone, lengths = ZoneInfo(name), set()
    begin, end = day_bounds(FIRST, zone)
    while (dated := _local(begin, zone).date()) <= LAST:
        assert day_slot(begin, zone) == day_slot(end - QUARTER_MS, zone) == (begin, end)
        assert _local(end - QUARTER_MS, zone).date() == dated < _local(end, zone).date()
        lengths.add((end - begin) // HOUR_MS if (end - begin) % HOUR_MS == 0 else (end - begin) / HOUR_MS)
        if end - begin != 24 * HOUR_MS or dated.day in {1, 29}:
            assert _hours_of(begin, end, zone) == end
        begin, end = end, day_slot(end, zone)[1]
    assert begin == day_bounds(date(2038, 1, 1), zone)[0]
    assert {23, 24, 25} <= lengths


def _hours_of(begin: int, end: int, zone: ZoneInfo) -> int:
    """Where the hours that begin at ``begin`` end, each checked on the way."""
    at = begin
    while at < end:
        hour = hour_slot(at, zone)
        assert hour[0] == at
        walls = [_local(quarter, zone) for quarter in range(*hour, QUARTER_MS)]
        assert len({(wall.date(), wall.hour, wall.utcoffset()) for wall in walls}) == 1
        at = hour[1]
    return at


def _local(at: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(zone)


@pytest.mark.parametrize(("name", "begin"), TURNS)
def test_p15_f21_the_figure_of_a_day_is_that_of_its_hours_and_of_its_quarter_hours(
    name: str, begin: str
) -> None:
    zone = ZoneInfo(name)
    start, end = day_slot(round(datetime.fromisoformat(begin).timestamp() * 1000) + 12 * HOUR_MS, zone)
    quarters = [
        Interval(
            "m.e", Period.QUARTER, at, at + QUARTER_MS, Content.MEASURED, 1.0, steps=at // QUARTER_MS % 97
        )
        for at in range(start, end, QUARTER_MS)
    ]
    hours, at = [], start
    while at < end:
        of_hour = hour_slot(at, zone)
        inside = [one for one in quarters if of_hour[0] <= one.start < of_hour[1]]
        hours.append(roll_up(Period.HOUR, *of_hour, inside, is_counter=True))
        at = of_hour[1]
    day = roll_up(Period.DAY, start, end, quarters, is_counter=True)
    assert day.steps == sum(hour.steps or 0 for hour in hours) == sum(one.steps or 0 for one in quarters)
    assert sum(hour.end - hour.start for hour in hours) == end - start


def test_half_an_hour_that_comes_twice_is_counted_once_each_time() -> None:
    zone, turn = ZoneInfo("Australia/Lord_Howe"), 1_775_314_800_000  # 2026-04-04 15:00 UTC
    assert hour_slot(turn - QUARTER_MS, zone) == (turn - HOUR_MS, turn)
    assert hour_slot(turn, zone) == (turn, turn + HOUR_MS // 2)
