"""Where hours and days begin and end in a zone: every quarter-hour lies in one hour and one day, whatever the zone does."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from gateway.model import QUARTER_MS
from gateway.slots import HOUR_MS, day_slot, hour_slot

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


def test_half_an_hour_that_comes_twice_is_counted_once_each_time() -> None:
    zone, turn = ZoneInfo("Australia/Lord_Howe"), 1_775_314_800_000  # 2026-04-04 15:00 UTC
    assert hour_slot(turn - QUARTER_MS, zone) == (turn - HOUR_MS, turn)
    assert hour_slot(turn, zone) == (turn, turn + HOUR_MS // 2)
