"""The judge of our own clock: what it passes on, holds, believes and doubts (S29)."""

from __future__ import annotations

import pytest

from gateway.timekeeping import EARLIEST_MS, UNSYNCED_MS, Step, Timekeeper, is_unsynced

T0 = 1_790_000_000_000
SECOND, MINUTE, HOUR, DAY, YEAR = 1_000, 60_000, 3_600_000, 86_400_000, 365 * 86_400_000


def unsynced(mono: int) -> int:
    return UNSYNCED_MS + mono


def run(keeper: Timekeeper, wall: int, start: int, end: int, every: int = 10 * SECOND) -> list[int]:
    """Stamps while the wall goes evenly; ``wall`` is what it shows at monotonic 0."""
    return [keeper.stamp(wall + mono, mono) for mono in range(start, end, every)]


def test_steady_time_is_passed_on() -> None:
    keeper = Timekeeper(T0, 0)
    assert run(keeper, T0, 0, MINUTE) == list(range(T0, T0 + MINUTE, 10 * SECOND))
    assert keeper.steps == []


@pytest.mark.parametrize("back", [1, 500, 2 * SECOND])
def test_a_small_step_back_is_held_at_half_speed_until_the_wall_has_caught_up(back: int) -> None:
    keeper = Timekeeper(T0, 0)
    run(keeper, T0, 0, MINUTE)
    stamps = run(keeper, T0 - back, MINUTE, MINUTE + 10 * SECOND, 100)
    assert stamps == sorted(set(stamps))
    assert stamps[0] > T0 + MINUTE - 10 * SECOND
    assert stamps[-1] == T0 - back + MINUTE + 10 * SECOND - 100
    assert keeper.steps == []


def test_small_steps_back_that_add_up_are_a_step() -> None:
    keeper = Timekeeper(T0, 0)
    for number in range(10):
        keeper.stamp(T0 + number - number * 500, number)
    assert [step.back_to for step in keeper.steps] == [T0 + 5 - 5 * 500]


@pytest.mark.parametrize("ahead", [3 * SECOND, HOUR, DAY])
def test_a_step_ahead_of_up_to_a_day_is_believed_and_told(ahead: int) -> None:
    keeper = Timekeeper(T0, 0)
    assert keeper.stamp(T0 + MINUTE + ahead, MINUTE) == T0 + MINUTE + ahead
    assert keeper.steps == [Step(T0 + MINUTE, T0 + MINUTE + ahead)]
    assert keeper.leap(MINUTE) == 0


@pytest.mark.parametrize("back", [3 * SECOND, HOUR, DAY])
def test_a_step_back_of_up_to_a_day_is_believed_and_says_from_when_on_stamps_were_wrong(back: int) -> None:
    keeper = Timekeeper(T0, 0)
    keeper.stamp(T0 + MINUTE, MINUTE)
    now = T0 + MINUTE - back
    assert keeper.stamp(now, MINUTE) == now
    assert keeper.steps == [Step(T0 + MINUTE, now, now)]


def test_a_step_back_to_a_time_that_was_not_stamped_yet_is_told_and_spoils_nothing() -> None:
    keeper = Timekeeper(T0, 0)
    keeper.stamp(T0 + MINUTE, MINUTE)
    keeper.stamp(T0 + HOUR, HOUR + MINUTE)
    assert keeper.steps == [Step(T0 + HOUR + MINUTE, T0 + HOUR)]


@pytest.mark.parametrize("step", [DAY + 3 * SECOND, -DAY - 3 * SECOND, 10 * YEAR, -10 * YEAR])
def test_a_larger_step_is_doubted_and_forgotten_when_the_wall_comes_back(step: int) -> None:
    keeper = Timekeeper(T0, 0)
    stamps = run(keeper, T0 + step, MINUTE, 5 * MINUTE)
    assert stamps == [unsynced(mono) for mono in range(MINUTE, 5 * MINUTE, 10 * SECOND)]
    assert all(map(is_unsynced, stamps))
    assert keeper.now(T0 + step + 5 * MINUTE, 5 * MINUTE) == T0 + 5 * MINUTE
    assert keeper.stamp(T0 + 5 * MINUTE, 5 * MINUTE) == T0 + 5 * MINUTE
    assert keeper.steps == []
    assert round(keeper.offset) == T0


@pytest.mark.parametrize("step", [10 * YEAR, -400 * DAY])
def test_what_goes_evenly_for_ten_minutes_is_the_truth(step: int) -> None:
    start = T0 + 2 * YEAR
    keeper = Timekeeper(start, 0)
    stamps = run(keeper, start + step, MINUTE, 12 * MINUTE)
    assert is_unsynced(stamps[59])
    assert stamps[60] == start + step + 11 * MINUTE
    (told,) = keeper.steps
    assert (told.before, told.after) == (start + 11 * MINUTE, start + step + 11 * MINUTE)
    assert told.back_to == (None if step > 0 else start + step + MINUTE)
    assert keeper.leap(12 * MINUTE) == max(0, step)
    assert keeper.leap(12 * MINUTE + 2 * DAY) == 0


def test_a_wall_that_moves_again_begins_its_ten_minutes_anew() -> None:
    keeper = Timekeeper(T0, 0)
    run(keeper, T0 + 2 * YEAR, MINUTE, 10 * MINUTE)
    assert all(map(is_unsynced, run(keeper, T0 + 3 * YEAR, 10 * MINUTE, 19 * MINUTE)))


def test_a_start_in_1970_waits_for_the_time_server_and_dates_what_came_before() -> None:
    keeper = Timekeeper(5_000, 5_000)
    assert all(map(is_unsynced, run(keeper, 0, 5_000, 60 * MINUTE)))
    assert keeper.stamp(T0, 60 * MINUTE) == T0
    assert round(keeper.offset) == T0 - 60 * MINUTE
    assert keeper.steps == []


def test_1970_is_not_the_truth_however_long_it_lasts() -> None:
    keeper = Timekeeper(T0, 0)
    assert all(map(is_unsynced, run(keeper, 0, MINUTE, DAY, MINUTE)))


def test_a_start_behind_the_buffer_waits_until_the_time_server_puts_it_right() -> None:
    saved = T0 - 20 * MINUTE
    keeper = Timekeeper(saved, 0, newest=T0)
    assert is_unsynced(keeper.stamp(saved + MINUTE, MINUTE))
    assert keeper.now(saved + MINUTE, MINUTE) == T0 + MINUTE
    right = T0 + 3 * DAY
    assert keeper.stamp(right + 2 * MINUTE, 2 * MINUTE) == right + 2 * MINUTE
    assert keeper.steps == []


def test_time_that_merely_passes_does_not_put_a_start_behind_the_buffer_right() -> None:
    keeper = Timekeeper(T0 - 5 * MINUTE, 0, newest=T0)
    stamps = run(keeper, T0 - 5 * MINUTE, 0, 11 * MINUTE, MINUTE)
    assert [is_unsynced(stamp) for stamp in stamps] == [True] * 10 + [False]
    (step,) = keeper.steps
    assert step.back_to == T0 - 5 * MINUTE


def test_a_start_just_behind_the_buffer_is_held() -> None:
    keeper = Timekeeper(T0 - SECOND, 0, newest=T0)
    assert run(keeper, T0 - SECOND, 0, 4 * SECOND, SECOND)[0] > T0
    assert keeper.steps == []


def test_readings_that_wait_from_before_a_restart_count_for_where_the_doubt_began() -> None:
    keeper = Timekeeper(T0, 30 * MINUTE, newest=T0 - 10 * MINUTE, since=5 * MINUTE)
    assert not keeper.is_trusted  # by this wall they would lie before what the buffer holds
    assert Timekeeper(T0, 30 * MINUTE, newest=T0 - 10 * MINUTE, since=25 * MINUTE).is_trusted


def test_what_waited_never_lies_before_what_was_stamped() -> None:
    keeper = Timekeeper(T0, 0)
    keeper.stamp(T0 + MINUTE, MINUTE)
    keeper.stamp(T0 + YEAR, MINUTE + 100)
    stamp = keeper.stamp(T0 + 2 * MINUTE - 1_500, 2 * MINUTE)
    assert keeper.offset + MINUTE + 100 > T0 + MINUTE
    assert stamp >= keeper.offset + 2 * MINUTE - 1


def test_a_start_long_after_what_the_buffer_holds_is_believed_when_it_has_gone_evenly() -> None:
    """And the buffer is not aged by it for a day. The clock was not moved, so no step is told."""
    keeper = Timekeeper(T0 + 10 * YEAR, 0, newest=T0)
    assert is_unsynced(keeper.stamp(T0 + 10 * YEAR + 9 * MINUTE, 9 * MINUTE))
    assert keeper.stamp(T0 + 10 * YEAR + 10 * MINUTE, 10 * MINUTE) == T0 + 10 * YEAR + 10 * MINUTE
    assert keeper.is_trusted
    assert keeper.steps == []
    assert keeper.leap(HOUR) == 10 * YEAR
    assert Timekeeper(T0 + 20 * DAY, 0, newest=T0).leap(0) == 0


def test_a_start_long_after_what_the_buffer_holds_that_the_time_server_sets_back_was_never_believed() -> None:
    keeper = Timekeeper(T0 + 10 * YEAR, 0, newest=T0)
    assert is_unsynced(keeper.stamp(T0 + 10 * YEAR + MINUTE, MINUTE))
    assert keeper.stamp(T0 + HOUR, 2 * MINUTE) == T0 + HOUR
    assert (keeper.steps, keeper.leap(3 * MINUTE)) == ([], 0)
    assert keeper.offset + MINUTE == T0 + HOUR - MINUTE


def test_before_2025_no_wall_is_believed() -> None:
    assert not Timekeeper(EARLIEST_MS - 1, 0).is_trusted
    assert Timekeeper(EARLIEST_MS, 0).is_trusted
