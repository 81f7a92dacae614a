"""What is read how often, and when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.profile import Limits, RegisterPoint
from gateway.sources.poll_groups import Turn, Work, slow_every, slow_points, spread
from gateway.sources.request_plan import plan


def point(address: int, group: str) -> RegisterPoint:
    return RegisterPoint.model_validate(
        {"quantity": "voltage", "address": address, "type": "u16", "group": group}
    )


def slow(**points: RegisterPoint) -> frozenset[str]:
    return slow_points(points, plan(points, Limits()))


def busiest(works: list[Work], turns: list[Turn]) -> float:
    """The longest any tick of an hour takes, in seconds."""
    ticks: dict[int, float] = {}
    for turn in turns:
        work = works[turn.device]
        for at in range(turn.offset_ms, 3_600_000, turn.interval_ms):
            ticks[at] = ticks.get(at, 0.0) + (work.slow_s if turn.is_slow else work.fast_s)
    return max(ticks.values())


def test_only_points_that_cost_a_request_of_their_own_are_read_more_rarely() -> None:
    assert slow(power=point(0, "fast"), near=point(4, "slow"), far=point(500, "slow")) == {"far"}


def test_a_device_with_slow_points_only_is_read_at_every_poll() -> None:
    assert slow(energy=point(0, "slow"), volume=point(500, "slow")) == frozenset()


@pytest.mark.parametrize(("interval_s", "every"), [(1, 60), (7, 8), (10, 6), (45, 1), (60, 1), (3600, 1)])
def test_a_slow_group_comes_at_least_once_a_minute_or_with_every_poll(interval_s: float, every: int) -> None:
    assert slow_every(interval_s) == every


def test_thirty_two_meters_on_a_9600_baud_line_never_fill_a_tick() -> None:
    """Fast and slow together would take 9.6 s of ten; spread, no tick takes more than eight."""
    works = [Work(10_000, 0.2, 0.1)] * 32
    assert sum(work.fast_s + work.slow_s for work in works) == pytest.approx(9.6)
    assert busiest(works, spread(works)) <= 8.0


def test_devices_polled_once_a_minute_do_not_come_all_at_once() -> None:
    works = [Work(10_000, 1.0), *[Work(60_000, 1.0)] * 30]
    assert busiest(works, spread(works)) == pytest.approx(6.0)


def test_of_devices_with_one_interval_all_come_at_the_aligned_tick() -> None:
    assert {turn.offset_ms for turn in spread([Work(10_000, 0.1)] * 5)} == {0}


@given(
    st.lists(
        st.builds(
            Work,
            st.sampled_from([200, 1_000, 10_000, 60_000, 3_600_000]),
            st.floats(0.001, 2),
            st.floats(0, 2),
        ),
        max_size=12,
    )
)
def test_each_group_has_one_turn_on_the_ticks_of_its_bus(works: list[Work]) -> None:
    turns = spread(works)
    assert len({(turn.device, turn.is_slow) for turn in turns}) == len(turns)
    assert len(turns) == len(works) + sum(work.slow_s > 0 for work in works)
    base_ms = min((work.interval_ms for work in works), default=1)
    assert all(turn.offset_ms % base_ms == 0 and turn.offset_ms < turn.interval_ms for turn in turns)
