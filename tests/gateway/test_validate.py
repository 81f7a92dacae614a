"""Quality and reason of a reading."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.quantities import Kind
from gateway.model import Point, Quality, Reading, Readings, groups_of
from gateway.validate import LOTS_MAX, Judged, Validator, judge

NOW = 1_790_000_000_000
MINUTE = 60_000


def point(
    kind: Kind = Kind.GAUGE,
    low: float | None = None,
    high: float | None = None,
    rate: float | None = None,
    step: str = "0.1",
) -> Point:
    return Point(
        "m.p", "m", None, "active_power", "kW", kind, Decimal(step), 10.0, low, high, rate_max_per_h=rate
    )


def reading(value: float | None, at: int = NOW, received: int | None = None) -> Reading:
    return Reading("m.p", at, at if received is None else received, value)


def test_good_reading_comes_back_as_it_is() -> None:
    given_reading = reading(12.5)
    assert judge(point(low=0, high=100), given_reading) is given_reading


@pytest.mark.parametrize("value", [-0.1, 100.1])
def test_value_outside_the_range_is_bad_and_carries_no_value(value: float) -> None:
    result = judge(point(low=0, high=100), reading(value))
    assert (result.value, result.quality, result.reason) == (None, Quality.BAD, "range")


@pytest.mark.parametrize("value", [0.0, 100.0])
def test_the_ends_of_the_range_belong_to_it(value: float) -> None:
    assert judge(point(low=0, high=100), reading(value)).quality is Quality.GOOD


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("limits", [(None, None), (0.0, 100.0)])
def test_p17_nan_and_infinity_are_not_numbers_with_or_without_a_range(
    value: float, limits: tuple[float | None, float | None]
) -> None:
    result = judge(point(low=limits[0], high=limits[1]), reading(value))
    assert (result.value, result.quality, result.reason) == (None, Quality.BAD, "not_a_number")


@pytest.mark.parametrize(
    ("late_ms", "quality"),
    [
        (-5 * MINUTE, Quality.GOOD),
        (-5 * MINUTE - 1, Quality.BAD),
        (7 * 24 * 60 * MINUTE, Quality.GOOD),
        (7 * 24 * 60 * MINUTE + 1, Quality.BAD),
    ],
)
def test_device_clock_may_be_five_minutes_ahead_and_seven_days_behind(late_ms: int, quality: Quality) -> None:
    result = judge(point(), reading(1.0, NOW, NOW + late_ms))
    assert result.quality is quality
    assert result.reason == (None if quality is Quality.GOOD else "device_clock")


def test_a_replay_carries_its_own_times() -> None:
    old = reading(1.0, NOW - 400 * 24 * 60 * MINUTE, NOW)
    assert judge(point(), old, exempt_clock=True) is old


def test_a_counter_faster_than_its_load_can_be_is_uncertain_and_keeps_its_value() -> None:
    counter = point(Kind.COUNTER, rate=60.0)
    before = reading(100.0, NOW - MINUTE)
    assert judge(counter, reading(101.1), before).quality is Quality.GOOD  # 1 kWh a minute and one step
    result = judge(counter, reading(101.2), before)
    assert (result.value, result.quality, result.reason) == (101.2, Quality.UNCERTAIN, "rate")


def test_a_step_of_a_coarse_register_is_no_sign_of_speed() -> None:
    counter = point(Kind.COUNTER, rate=1.0, step="1")
    assert judge(counter, reading(101.0), reading(100.0, NOW - 10_000)).quality is Quality.GOOD


def test_a_fall_and_an_older_reading_are_not_judged_by_rate() -> None:
    counter = point(Kind.COUNTER, rate=1.0)
    assert judge(counter, reading(0.0), reading(100.0, NOW - MINUTE)).quality is Quality.GOOD
    assert judge(counter, reading(500.0, NOW - MINUTE), reading(100.0, NOW)).quality is Quality.GOOD


def test_a_gauge_has_no_rate() -> None:
    gauge = point(Kind.GAUGE, rate=1.0)
    assert judge(gauge, reading(900.0), reading(1.0, NOW - 1)).quality is Quality.GOOD


def test_a_reading_already_bad_stays_as_it_is() -> None:
    bad = Reading("m.p", NOW, NOW, None, Quality.BAD, "no_value")
    assert judge(point(low=0, high=1), bad) is bad


def test_a_spike_is_flagged_once_and_does_not_taint_what_follows() -> None:
    validator = Validator({"m.p": point(Kind.COUNTER, rate=60.0)})
    values = [100.0, 100.5, 9000.0, 101.0, 101.5]
    readings = [reading(value, NOW + index * MINUTE) for index, value in enumerate(values)]
    qualities = [one.quality for one in validator.judge_all(groups_of(readings)).readings]
    assert qualities == [Quality.GOOD, Quality.GOOD, Quality.UNCERTAIN, Quality.GOOD, Quality.GOOD]


def test_the_validator_remembers_a_counter_from_call_to_call() -> None:
    validator = Validator({"m.p": point(Kind.COUNTER, rate=60.0)})
    validator.judge_all(groups_of([reading(100.0)]))
    result = validator.judge_all(groups_of([reading(200.0, NOW + MINUTE)]))
    assert result.readings[0].reason == "rate"


def test_rejections_name_the_point_the_reason_and_the_raw_value() -> None:
    result = Validator({"m.p": point(high=100)}).judge_all(groups_of([reading(5.0), reading(429496420.0)]))
    assert [one.quality for one in result.readings] == [Quality.GOOD, Quality.BAD]
    (rejection,) = result.rejections
    assert (rejection.subject, rejection.reason) == ("m.p", "range")
    assert rejection.example.startswith("429496420.0 ")


def test_a_point_that_does_not_exist_is_rejected_and_nothing_else_is() -> None:
    other = Reading("m.other", NOW, NOW, 1.0)
    result = Validator({"m.p": point()}).judge_all(groups_of([other, reading(1.0)]))
    assert result.readings == [reading(1.0)]
    assert [(one.subject, one.reason) for one in result.rejections] == [("m.other", "unknown_point")]


@given(st.lists(st.floats(), max_size=20))
def test_p17_what_has_a_value_after_judging_is_finite_and_in_range(values: list[float]) -> None:
    result: Judged = Validator({"m.p": point(low=-10, high=10)}).judge_all(
        groups_of([reading(value) for value in values])
    )
    assert len(result.readings) == len(values)
    for one in result.readings:
        assert (one.value is None) == (one.quality is Quality.BAD)
        assert one.value is None or -10 <= one.value <= 10


def test_a_group_with_nothing_odd_in_it_comes_back_whole() -> None:
    points = {"m.p": point(high=100), "m.q": replace(point(high=100), name="m.q")}
    calm = Readings(("m.p", "m.q"), NOW, NOW, [5.0, 6.0])
    (judged,) = Validator(points).judge_all([calm]).groups
    assert judged is calm


def test_p17_one_odd_value_costs_the_others_of_its_group_nothing() -> None:
    points = {"m.p": point(high=100), "m.q": replace(point(high=100), name="m.q")}
    group = Readings(("m.p", "m.q", "m.x"), NOW, NOW, [5.0, 101.0, 6.0])
    result = Validator(points).judge_all([group])
    assert [(one.point, one.value, one.reason) for one in result.readings] == [
        ("m.p", 5.0, None),
        ("m.q", None, "range"),
    ]
    assert [(one.subject, one.reason) for one in result.rejections] == [
        ("m.q", "range"),
        ("m.x", "unknown_point"),
    ]


def test_a_limited_counter_in_a_group_is_held_to_its_limit() -> None:
    points = {"m.p": point(Kind.COUNTER, rate=60.0), "m.q": replace(point(high=100), name="m.q")}
    validator = Validator(points)
    names = ("m.p", "m.q")
    groups = [
        Readings(names, NOW, NOW, [100.0, 5.0]),
        Readings(names, NOW + MINUTE, NOW + MINUTE, [101.0, 5.0]),
        Readings(names, NOW + 2 * MINUTE, NOW + 2 * MINUTE, [200.0, 5.0]),
    ]
    assert [one.reason for one in validator.judge_all(groups).readings] == [None] * 4 + ["rate", None]


def test_the_limits_of_many_sets_of_points_are_not_all_kept() -> None:
    validator = Validator({"m.p": point()})
    for number in range(LOTS_MAX + 1):
        validator.judge_all([Readings(("m.p", f"m.{number}"), NOW, NOW, [1.0, 1.0])])
    assert len(validator._lots) <= LOTS_MAX


def test_garbage_twice_in_a_row_is_too_fast_both_times_and_a_dip_hides_nothing() -> None:
    validator = Validator({"m.p": point(Kind.COUNTER, rate=60.0)})
    values = [100.0, 9_000_000.0, 8_000_000.0, 101.0, 0.0, 102.0, 7_000_000.0, 103.0]
    readings = [reading(value, NOW + index * MINUTE) for index, value in enumerate(values)]
    found = validator.judge_all(groups_of(readings)).readings
    assert [one.reason for one in found] == [None, "rate", "rate", None, None, None, "rate", None]


def test_a_counter_that_was_reset_goes_on_from_there() -> None:
    validator = Validator({"m.p": point(Kind.COUNTER, rate=60.0)})
    values = [1000.0, 1.0, 2.0, 3.0, 500.0]
    readings = [reading(value, NOW + index * MINUTE) for index, value in enumerate(values)]
    found = validator.judge_all(groups_of(readings)).readings
    assert [one.reason for one in found] == [None, None, None, None, "rate"]


def test_a_meter_that_says_nought_while_it_begins_is_judged_by_its_register_before() -> None:
    validator = Validator({"m.p": point(Kind.COUNTER, rate=60.0)})
    history = [
        (0.0, 1000.0),
        (0.2, 0.0),
        (0.4, 0.0),
        (0.6, 0.0),
        (1.0, 1000.5),
        (1.2, 0.0),
        (2.6, 0.0),
        (3.0, 1001.0),
    ]
    readings = [reading(value, NOW + round(minute * MINUTE)) for minute, value in history]
    found = validator.judge_all(groups_of(readings)).readings
    assert [one.reason for one in found] == [None] * 7 + ["rate"]


def test_garbage_behind_a_rollover_is_too_fast_although_it_is_below_the_old_register() -> None:
    validator = Validator({"m.p": point(Kind.COUNTER, rate=60.0, step="0.001")})
    values = [4_294_967.276, 0.025, 1_360_229.203, 0.036, 0.052]
    told = [
        validator.judge_all(groups_of([reading(value, NOW + 60_000 * at)])) for at, value in enumerate(values)
    ]
    assert [one.groups[0].quality for one in told] == [
        Quality.GOOD, Quality.GOOD, Quality.UNCERTAIN, Quality.GOOD, Quality.GOOD,
    ]  # fmt: skip


def test_what_a_counter_said_before_a_start_judges_its_first_reading() -> None:
    validator = Validator({"m.p": point(Kind.COUNTER, rate=60.0)})
    validator.recall([reading(100.0)])
    found = validator.judge_all(groups_of([reading(9_000_000.0, NOW + MINUTE)])).readings
    assert found[0].reason == "rate"
