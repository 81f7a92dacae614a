"""Raw readings go when they may, those that no interval holds with a gap record, and what is needed stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.model import Quality
from gateway.store import raw_sweep, shedding
from gateway.store.gaps import Gap
from tests.gateway.conftest import T0
from tests.store.shelf import CO2, DAY_MS, ENERGY, MINUTE, QUARTER_MS, Shelf


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    with Shelf(tmp_path) as shelf:
        yield shelf


def test_readings_that_an_interval_holds_go_without_a_word_after_fourteen_days(shelf: Shelf) -> None:
    shelf.hours(2)
    shelf.tick(14 * DAY_MS - shelf.now + T0 - MINUTE)
    assert shelf.held() == 120
    shelf.tick(QUARTER_MS + 2 * MINUTE)
    shelf.ticks(3)
    assert shelf.held() == 105
    shelf.tick(2 * DAY_MS)
    shelf.ticks(3)
    assert (shelf.held(), shelf.gaps()) == (0, [])
    assert shelf.kept().shed == 120
    assert shelf.kept().told == 0
    assert shelf.balances()


def test_p3_readings_in_no_interval_leave_one_gap_record_a_day_that_is_uploaded(shelf: Shelf) -> None:
    shelf.hours(1)
    shelf.take(*(shelf.bad(minute + 0.5) for minute in range(10, 20)))
    shelf.tick(14 * DAY_MS)
    shelf.ticks(3)
    assert shelf.held() == 0
    assert shelf.gaps() == []
    assert shelf.kept().told == 10
    shelf.tick(DAY_MS)
    gap = Gap(CO2, T0 + 630_000, T0 + 1_170_001, 10, raw_sweep.NOT_GOOD)
    assert shelf.gaps() == [gap]
    assert shelf.one("SELECT count(*) FROM change WHERE kind = 'gap'") == 1
    shelf.tick(3 * DAY_MS)
    assert shelf.gaps() == [gap]
    assert shelf.balances()


def test_a_reading_received_late_stays_for_fourteen_days_from_then(shelf: Shelf) -> None:
    shelf.hours(2)
    late = shelf.at(30.5, 700, received_at=T0 + 6 * DAY_MS)
    shelf.tick(6 * DAY_MS - shelf.now + T0)
    shelf.take(late)
    shelf.tick(9 * DAY_MS)
    shelf.ticks(3)
    assert shelf.held() == 1
    shelf.tick(6 * DAY_MS)
    shelf.ticks(3)
    assert shelf.held() == 0
    assert shelf.gaps() == []
    assert shelf.balances()


def test_a_slot_that_must_be_computed_again_keeps_its_readings(shelf: Shelf) -> None:
    shelf.hours(2)
    with shelf.transaction():
        shelf.connection.execute(
            "INSERT INTO dirty_slot SELECT point_id, ?, ? FROM point WHERE name = ?",
            (T0 + QUARTER_MS, T0 + 90 * DAY_MS, CO2),
        )
    shelf.tick(20 * DAY_MS)
    shelf.ticks(3)
    assert shelf.one("SELECT min(measured_at) FROM reading") == T0 + QUARTER_MS


def test_a_restart_finds_what_its_open_slots_need_however_long_a_meter_was_silent(shelf: Shelf) -> None:
    shelf.take(*(shelf.at(minute, 1000 + minute / 10, ENERGY) for minute in range(40)))
    shelf.tick(30 * DAY_MS)
    shelf.ticks(3)
    assert shelf.held(ENERGY) == 0
    assert shelf.kept(ENERGY).told == 10, "those of the slot whose end nobody has told are in no known value"
    shelf.restart()
    minute = (shelf.now - T0) / MINUTE
    shelf.take(shelf.at(minute, 1100, ENERGY), shelf.at(minute + 20, 1101, ENERGY))
    shelf.ticks(40)
    total = shelf.one(
        "SELECT sum(steps) FROM interval JOIN point USING (point_id) WHERE name = ? AND period = '15min'"
        " AND content <> 'missing'",
        (ENERGY,),
    )
    assert total >= 1000, "all that flowed while it was silent"
    assert shelf.balances(ENERGY)


def test_readings_dated_in_the_future_go_by_when_they_came(shelf: Shelf) -> None:
    future = 3650 * 24 * 60
    shelf.take(
        *(
            shelf.at(future + n, 1, received_at=T0, quality=Quality.BAD, reason="device_clock")
            for n in range(5)
        )
    )
    shelf.tick(13 * DAY_MS)
    shelf.ticks(3)
    assert shelf.held() == 5
    shelf.tick(2 * DAY_MS)
    shelf.ticks(3)
    assert shelf.held() == 0
    assert shelf.balances()


def test_a_late_reading_never_makes_an_interval_worse_whose_readings_are_gone(shelf: Shelf) -> None:
    shelf.hours(2)
    question = (
        "SELECT group_concat(period || start || content || share || coalesce(mean, '')) FROM interval"
        " WHERE start < 1763863200000"
    )
    shelf.tick(20 * DAY_MS)
    shelf.ticks(3)
    before = shelf.connection.execute(question).fetchone()
    assert shelf.held() == 0
    shelf.take(shelf.at(30.5, 9000, received_at=shelf.now))
    shelf.tick(2 * MINUTE)
    assert shelf.connection.execute(question).fetchone() == before
    shelf.tick(15 * DAY_MS)
    shelf.ticks(3)
    shelf.tick(DAY_MS)
    assert [(gap.count, gap.reason) for gap in shelf.gaps()] == [(1, raw_sweep.IN_NO_INTERVAL)]
    assert shelf.balances()


def test_a_step_looks_at_a_bounded_number_of_rows(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_sweep, "ROWS_MAX", 50)
    shelf.hours(3)
    shelf.now += 20 * DAY_MS
    shelf.tick()
    counts = [shelf.held()]
    for _ in range(4):
        shelf.tick()
        counts.append(shelf.held())
    assert counts == [130, 80, 30, 0, 0]


def test_p12_a_clock_that_leaps_ahead_by_years_takes_no_history_with_it(tmp_path: Path) -> None:
    with Shelf(tmp_path, catch_up_ms=shedding.CATCH_UP_MS) as shelf:
        shelf.hours(2)
        intervals = shelf.one("SELECT count(*) FROM interval")
        right = shelf.now
        shelf.now += 10 * 365 * DAY_MS
        shelf.ticks(3)
        shelf.restart()
        shelf.ticks(3)
        shelf.now = right
        shelf.ticks(2)
        assert shelf.held() == 120
        assert shelf.one("SELECT count(*) FROM interval") >= intervals
        assert shelf.balances()
