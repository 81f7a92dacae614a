"""The arithmetic of slots: sums telescope, gaps are estimated, rollovers add up, gauges are weighted by time."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.intervals import (
    CounterSpec,
    GaugeSpec,
    Sample,
    counter_interval,
    gauge_interval,
    register_at,
    rise,
    roll_up,
)
from gateway.model import QUARTER_MS, Content, Interval, Period
from gateway.open_slots import OpenSlots

T0 = 1_764_000_000_000 - 1_764_000_000_000 % QUARTER_MS
MINUTE = 60_000
SPEC = CounterSpec("m.energy_import")


def every_minute(count: int, rise: int = 10, start: int = T0 - MINUTE, first: int = 1000) -> list[Sample]:
    return [Sample(start + i * MINUTE, first + i * rise, 2 * MINUTE) for i in range(count)]


def test_a_slot_with_near_neighbours_is_measured_and_is_end_minus_start() -> None:
    interval = counter_interval(SPEC, T0, every_minute(20))
    assert (interval.content, interval.share, interval.steps) == (Content.MEASURED, 1.0, 150)
    assert interval.start_steps is not None
    assert interval.end_steps == interval.start_steps + 150


def test_the_register_at_a_boundary_is_linear_between_its_neighbours_and_rounded_once() -> None:
    samples = [
        Sample(T0 - 20_000, 100, 120_000),
        Sample(T0 + 10_000, 103, 120_000),
        Sample(T0 + QUARTER_MS, 200, 120_000),
    ]
    assert counter_interval(SPEC, T0, samples).start_steps == 102


def test_an_outage_is_spread_as_estimated_and_never_a_spike() -> None:
    samples = [Sample(T0, 0, MINUTE), Sample(T0 + 4 * QUARTER_MS, 400, MINUTE)]
    intervals = [counter_interval(SPEC, T0 + i * QUARTER_MS, samples) for i in range(4)]
    assert [i.steps for i in intervals] == [100, 100, 100, 100]
    assert {i.content for i in intervals} == {Content.ESTIMATED}


def test_without_a_later_sample_the_slot_is_missing_and_never_zero() -> None:
    interval = counter_interval(SPEC, T0, [Sample(T0 - 1000, 5, MINUTE), Sample(T0 + 1000, 6, MINUTE)])
    assert (interval.content, interval.steps, interval.share) == (Content.MISSING, None, 0.0)


def test_a_new_meters_first_sample_sets_a_baseline_only() -> None:
    samples = [Sample(T0 + 5 * MINUTE, 700, MINUTE), Sample(T0 + QUARTER_MS, 710, 11 * MINUTE)]
    interval = counter_interval(SPEC, T0, samples)
    assert (interval.steps, interval.content) == (10, Content.ESTIMATED)
    assert interval.share == pytest.approx(10 / 15)


@given(
    a=st.integers(0, 10**9),
    flowed=st.integers(0, 10**6),
    whole=st.integers(1, 10**7),
    part=st.fractions(0, 1),
)
def test_the_register_at_any_instant_is_the_nearest_to_the_exact_line(
    a: int, flowed: int, whole: int, part: Fraction
) -> None:
    at = int(part * whole)
    found = register_at(SPEC, T0 + at, Sample(T0, a, MINUTE), Sample(T0 + whole, a + flowed, MINUTE))
    assert abs(found - (a + Fraction(flowed * at, whole))) <= Fraction(1, 2)


def test_a_fall_from_the_middle_of_the_register_is_no_rollover() -> None:
    spec = CounterSpec("m.e", modulus=1000)
    assert rise(spec, Sample(T0, 960, MINUTE), Sample(T0 + MINUTE, 20, MINUTE)) == 60
    assert rise(spec, Sample(T0, 500, MINUTE), Sample(T0 + MINUTE, 20, MINUTE)) is None
    assert rise(spec, Sample(T0, 960, MINUTE), Sample(T0 + MINUTE, 500, MINUTE)) is None


def test_a_rollover_adds_the_modulus() -> None:
    spec = CounterSpec("m.e", modulus=1000)
    samples = [
        Sample(T0, 990, MINUTE),
        Sample(T0 + 7 * MINUTE, 998, MINUTE),
        Sample(T0 + 8 * MINUTE, 3, MINUTE),
        Sample(T0 + QUARTER_MS, 15, MINUTE),
    ]
    interval = counter_interval(spec, T0, samples)
    assert (interval.steps, interval.start_steps, interval.end_steps) == (25, 990, 15)


def test_a_fall_that_no_rollover_explains_is_never_negative_consumption() -> None:
    samples = [
        Sample(T0, 5000, MINUTE),
        Sample(T0 + MINUTE, 5010, MINUTE),
        Sample(T0 + 2 * MINUTE, 3, MINUTE),
        Sample(T0 + QUARTER_MS, 20, MINUTE),
    ]
    assert counter_interval(SPEC, T0, samples).steps == 27


@given(st.data())
def test_p16_intervals_sum_to_the_registers_difference_exactly(data: st.DataObject) -> None:
    modulus = data.draw(st.sampled_from([None, 10_000, 2**32]))
    gaps = data.draw(st.lists(st.integers(1, 3 * QUARTER_MS), min_size=2, max_size=60))
    rises = data.draw(st.lists(st.integers(0, 900), min_size=len(gaps), max_size=len(gaps)))
    spec, at, register, samples = CounterSpec("m.e", modulus), T0 + 1, 9_500, []
    for gap, flowed in zip(gaps, rises, strict=True):
        samples.append(Sample(at, register % modulus if modulus else register, MINUTE))
        at, register = at + gap, register + flowed
    slots = OpenSlots(spec, MINUTE, samples[0])
    closed = [interval for sample in samples[1:] for interval in slots.add(sample)]
    assert [i.start for i in closed] == list(range(T0, T0 + len(closed) * QUARTER_MS, QUARTER_MS))
    total = sum(i.steps or 0 for i in closed)
    if closed:
        tail = counter_interval(
            spec,
            closed[-1].end,
            [*slots._samples, Sample(closed[-1].end + QUARTER_MS, slots.newest.steps, MINUTE)],
        )
        unwrapped_last = 9_500 + sum(rises[:-1])
        assert total + (tail.steps or 0) == unwrapped_last - 9_500
    for a, b in pairwise(closed):
        assert a.end_steps == b.start_steps


def test_a_gauge_is_weighted_by_time_and_a_sample_holds_only_so_long() -> None:
    spec = GaugeSpec("r.co2", 1, 1)
    samples = [Sample(T0 - MINUTE, 400, 3 * MINUTE), Sample(T0 + 2 * MINUTE, 1000, 3 * MINUTE)]
    interval = gauge_interval(spec, T0, samples)
    assert interval.mean == pytest.approx((400 * 2 + 1000 * 3) / 5)
    assert interval.share == pytest.approx(5 / 15)
    assert interval.content is Content.ESTIMATED
    assert (interval.low, interval.high) == (400, 1000)


def test_a_gauge_without_samples_is_missing() -> None:
    assert gauge_interval(GaugeSpec("r.co2", 1, 10), T0, [Sample(T0 - 10 * MINUTE, 4, MINUTE)]).mean is None


def quarter(index: int, content: Content, steps: int | None) -> Interval:
    start = T0 + index * QUARTER_MS
    return Interval(
        "m.e",
        Period.QUARTER,
        start,
        start + QUARTER_MS,
        content,
        1.0 if steps is not None else 0.0,
        steps=steps,
        start_steps=0,
        end_steps=0,
    )


def test_an_hour_with_a_missing_quarter_is_missing_and_not_the_sum_of_the_rest() -> None:
    quarters = [
        quarter(0, Content.MEASURED, 5),
        quarter(1, Content.MISSING, None),
        quarter(2, Content.MEASURED, 5),
        quarter(3, Content.MEASURED, 5),
    ]
    hour = roll_up(Period.HOUR, T0, T0 + 4 * QUARTER_MS, quarters, is_counter=True)
    assert (hour.content, hour.steps, hour.share) == (Content.MISSING, None, 0.75)


def test_an_hour_is_the_sum_of_its_quarters_and_estimated_if_one_is() -> None:
    quarters = [quarter(i, Content.ESTIMATED if i == 2 else Content.MEASURED, 5) for i in range(4)]
    hour = roll_up(Period.HOUR, T0, T0 + 4 * QUARTER_MS, quarters, is_counter=True)
    assert (hour.content, hour.steps) == (Content.ESTIMATED, 20)


def test_a_state_has_its_share_of_time_and_its_changes() -> None:
    spec = GaugeSpec("door.open", 1, 1, is_state=True)
    opened = [(-5, 0), (3, 1), (6, 0), (6.5, 0), (14, 1)]
    samples = [Sample(T0 + round(minute * MINUTE), value, 60 * MINUTE) for minute, value in opened]
    interval = gauge_interval(spec, T0, samples)
    assert interval.mean == pytest.approx(4 / 15)
    assert interval.changes == 3
    assert gauge_interval(GaugeSpec("r.co2", 1, 1), T0, samples).changes is None


def test_the_changes_of_an_hour_are_those_of_its_quarters() -> None:
    spec = GaugeSpec("door.open", 1, 1, is_state=True)
    samples = [Sample(T0 + number * 10 * MINUTE, number % 2, 30 * MINUTE) for number in range(7)]
    quarters = [gauge_interval(spec, T0 + number * QUARTER_MS, samples) for number in range(4)]
    hour = roll_up(Period.HOUR, T0, T0 + 4 * QUARTER_MS, quarters, is_counter=False)
    assert hour.changes == sum(quarter.changes or 0 for quarter in quarters) == 5
    assert hour.mean == pytest.approx(0.5)


def test_a_replaced_meters_step_is_no_consumption_wherever_the_boundary_lies() -> None:
    spec = CounterSpec("m.e", replaced=frozenset({T0 + 5 * MINUTE}))
    old = [Sample(T0 + minute * MINUTE, 1000 + minute, 2 * MINUTE) for minute in range(-1, 6)]
    new = [Sample(T0 + 5 * MINUTE + 1, 3, 2 * MINUTE)]
    new += [Sample(T0 + minute * MINUTE, 3 + minute - 5, 2 * MINUTE) for minute in range(6, 20)]
    interval = counter_interval(spec, T0, [*old, *new])
    assert (interval.steps, interval.start_steps, interval.end_steps) == (15, 1000, 13)
