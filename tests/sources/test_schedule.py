"""Who is due, and what stretching changes."""

from __future__ import annotations

from gateway.sources.overload import ROUNDS, Overload, stretch_for
from gateway.sources.poll_groups import Turn
from gateway.sources.schedule import ALL_GROUPS, FAST, SLOW, Schedule

TURNS = [Turn(0, False, 10_000, 0), Turn(0, True, 60_000, 20_000), Turn(1, False, 10_000, 0)]


def started(at_ms: int = 0) -> Schedule:
    """A schedule whose first poll of all is over."""
    schedule = Schedule(TURNS)
    schedule.due(at_ms)
    schedule.move_on(at_ms)
    return schedule


def test_at_first_everything_is_due() -> None:
    assert Schedule(TURNS).due(1_234) == {0: ALL_GROUPS, 1: FAST}


def test_groups_come_with_their_own_ticks_and_together_where_they_meet() -> None:
    schedule = started()
    seen = []
    for at_ms in range(10_000, 90_000, 10_000):
        seen.append(schedule.due(at_ms))
        schedule.move_on(at_ms)
    assert [groups[0] for groups in seen] == [FAST, ALL_GROUPS, *[FAST] * 5, ALL_GROUPS]
    assert {groups[1] for groups in seen} == {FAST}


def test_a_slow_turn_that_was_skipped_is_taken_at_the_next_chance() -> None:
    schedule = started()
    assert schedule.due(35_000)[0] == ALL_GROUPS
    schedule.move_on(36_000)
    assert schedule.due(40_000)[0] == FAST


def test_a_stretched_schedule_keeps_its_order() -> None:
    schedule = started()
    schedule.stretch(1.5, 0)
    assert schedule.wait_ms(0) == 15_000
    assert schedule.due(15_000) == {0: FAST, 1: FAST}
    schedule.move_on(15_000)
    assert schedule.due(30_000) == {0: ALL_GROUPS, 1: FAST}


def test_a_slow_turn_alone_is_possible() -> None:
    schedule = Schedule([Turn(0, True, 60_000, 0)])
    assert schedule.due(0) == {0: SLOW}


def test_one_slow_round_stretches_nothing() -> None:
    overload = Overload()
    assert [overload.judge(load) for load in (3.0, 0.5, 3.0, 3.0, 0.5)] == [False] * 5
    assert overload.stretch == 1.0


def test_an_overload_that_lasts_is_stretched_to_eight_tenths_and_let_go_when_there_is_room() -> None:
    overload = Overload()
    assert [overload.judge(1.8) for _ in range(ROUNDS + 1)] == [False, False, True, False]
    assert overload.stretch == 2.3
    assert not any(overload.judge(0.95 * 1.8) for _ in range(10))
    assert [overload.judge(0.95) for _ in range(ROUNDS)][-1]
    assert overload.stretch == 1.2  # not yet: it fits, but only just
    assert [overload.judge(0.5) for _ in range(ROUNDS)][-1]
    assert overload.stretch == 1.0


def test_a_schedule_that_fits_is_not_stretched() -> None:
    assert stretch_for(1.0, is_stretched=False) == 1.0
    assert stretch_for(1.01, is_stretched=False) > 1.1
