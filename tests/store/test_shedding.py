"""The policy of what may go: by age, and by pressure in its order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.store import shedding
from gateway.store.shedding import DAY_MS, horizons, refuses

NOW = st.integers(min_value=shedding.RECORD_DAYS * DAY_MS, max_value=2**45)
FILL = st.floats(min_value=0, max_value=2)


@given(NOW, FILL, FILL)
def test_p9_more_pressure_never_keeps_more_and_never_takes_hours_or_records(
    now: int, one: float, other: float
) -> None:
    calm, tight = horizons(now, min(one, other)), horizons(now, max(one, other))
    assert (calm.changes, calm.raw_in_interval, calm.quarters) <= (
        tight.changes,
        tight.raw_in_interval,
        tight.quarters,
    )
    assert (calm.raw, calm.hours, calm.records) == (tight.raw, tight.hours, tight.records)


@given(NOW, FILL)
def test_p9_pressure_leaves_three_days_of_raw_readings_and_thirty_two_of_quarter_hours(
    now: int, fill: float
) -> None:
    found = horizons(now, fill)
    assert found.raw <= found.raw_in_interval <= now - 3 * DAY_MS
    assert now - 14 * DAY_MS - shedding.DAY_MS < found.raw <= now - 14 * DAY_MS
    assert found.quarters <= now - 32 * DAY_MS
    assert found.hours == found.records <= now - 3 * 365 * DAY_MS


@given(NOW)
def test_what_goes_goes_in_the_order_of_the_house(now: int) -> None:
    calm, tight, tighter = (horizons(now, fill) for fill in (0.79, 0.80, 0.95))
    assert calm.changes == calm.raw == calm.raw_in_interval
    assert tight.changes == now
    assert tight.raw_in_interval > calm.raw_in_interval
    assert tight.quarters == calm.quarters < tighter.quarters


@given(FILL)
def test_a_full_buffer_takes_readings_again_only_when_there_is_room_for_more_than_one(fill: float) -> None:
    assert refuses(fill, refused=False) == (fill >= 1)
    assert refuses(fill, refused=True) == (fill >= 0.98)


@given(NOW, NOW)
def test_p12_retention_follows_a_clock_set_back_at_once_and_one_that_leapt_ahead_by_and_by(
    now: int, before: int
) -> None:
    due = shedding.due_time(now, before, shedding.CATCH_UP_MS)
    assert due <= now
    assert due - before <= shedding.CATCH_UP_MS
    assert shedding.due_time(now, None, 1) == now
