"""When to poll."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.sources.ticks import Ticks

MOMENTS = st.integers(0, 4_000_000_000_000)
INTERVALS = st.integers(200, 3_600_000)


def test_the_first_tick_is_due_at_once() -> None:
    assert Ticks(10_000).wait_ms(1_790_000_001_234) <= 0


def test_ticks_are_aligned_so_that_all_buses_fire_together() -> None:
    ticks = Ticks(10_000)
    ticks.move_on(1_790_000_001_234)
    assert ticks.due_ms == 1_790_000_010_000


def test_a_stall_costs_one_catch_up_and_no_burst() -> None:
    ticks = Ticks(10_000)
    ticks.move_on(0)
    late = 305_000
    assert ticks.wait_ms(late) <= 0
    ticks.move_on(late)
    assert ticks.wait_ms(late) == 5_000


def test_a_large_step_back_of_the_clock_does_not_stop_polling() -> None:
    ticks = Ticks(10_000)
    ticks.move_on(3_600_000)
    assert ticks.wait_ms(1_000) == 9_000


@given(MOMENTS, INTERVALS, MOMENTS)
def test_the_wait_is_never_longer_than_two_intervals(now: int, interval: int, later: int) -> None:
    ticks = Ticks(interval)
    ticks.move_on(now)
    assert 0 < ticks.wait_ms(now) <= interval
    assert ticks.wait_ms(later) <= 2 * interval
