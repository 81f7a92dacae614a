"""How long the buffer goes on: its rate, and whether retention will hold it."""

from __future__ import annotations

import math

import pytest

from gateway.store.forecast import HOUR_MS, Trend, hours_left


def noted(*samples: tuple[int, int]) -> Trend:
    trend = Trend()
    for minute, used in samples:
        trend.note(minute * 60_000, used)
    return trend


def test_the_rate_is_not_known_before_five_minutes() -> None:
    assert noted((0, 100), (4, 900)).bytes_per_h() is None
    assert hours_left(None, 1000, 10) is None


def test_the_rate_is_that_of_the_last_hour() -> None:
    samples = [(minute, minute * 10) for minute in range(200)]
    assert noted(*samples).bytes_per_h() == pytest.approx(600)
    assert noted(*samples, *((200 + minute, 1990) for minute in range(61))).bytes_per_h() == 0


def test_a_clock_set_back_begins_a_new_comparison() -> None:
    assert noted((1000, 5), (10, 5), (11, 6)).bytes_per_h() is None


def test_hours_end_where_the_room_is_used_before_retention_takes_as_much_as_comes() -> None:
    assert hours_left(100.0, 1000, held_in_h=11) == 10
    assert hours_left(100.0, 1000, held_in_h=9) == math.inf


def test_what_still_grows_while_retention_takes_its_share_has_an_end() -> None:
    assert hours_left(100.0, 1000, held_in_h=0) == 10


def test_what_does_not_grow_has_no_end_and_what_is_full_has_none_left() -> None:
    assert hours_left(0.0, 1000, 5) == hours_left(-3.0, 1000, 0) == math.inf
    assert hours_left(5.0, -1, 0) == 0
    assert HOUR_MS == 3_600_000
