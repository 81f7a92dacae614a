"""P2, conservation: accepted = held + shed + quarantined per point, at any instant, after any restart."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.door.upkeep import UNACCOUNTED
from gateway.store import audit
from gateway.store.gaps import Gap
from tests.gateway.conftest import T0
from tests.store.shelf import CO2, DAY_MS, ENERGY, MINUTE, QUARTER_MS, Shelf


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    with Shelf(tmp_path) as shelf:
        yield shelf


MINUTES = st.integers(min_value=0, max_value=600)
STEP = st.one_of(
    st.tuples(st.just("good"), MINUTES),
    st.tuples(st.just("bad"), MINUTES),
    st.tuples(st.just("now"), MINUTES),
    st.tuples(st.just("tick"), st.sampled_from([5_000, QUARTER_MS, 14 * DAY_MS, -DAY_MS])),
    st.tuples(st.just("restart"), st.just(0)),
)


@settings(max_examples=20, deadline=None)
@given(st.lists(STEP, max_size=25))
def test_p2_the_count_balances_after_every_step_of_any_history(steps: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder, Shelf(Path(folder)) as shelf:
        for kind, value in steps:
            if kind == "good":
                shelf.take(shelf.at(value / 4, 500 + value, received_at=shelf.now))
            elif kind == "bad":
                shelf.take(shelf.bad(value / 4))
            elif kind == "now":
                minute = (shelf.now - T0) / MINUTE
                shelf.take(shelf.at(minute, 600), shelf.at(minute, 1000 + minute, ENERGY))
            elif kind == "tick":
                shelf.tick(value)
            else:
                shelf.restart()
            assert shelf.balances(), (kind, value)
            assert shelf.balances(ENERGY), (kind, value)
        shelf.ticks(3)
        assert shelf.upkeep.figures.unaccounted == 0


def test_a_good_reading_that_takes_a_bad_ones_place_is_no_second_row(shelf: Shelf) -> None:
    shelf.take(shelf.at(1, 500))
    shelf.take(shelf.bad(2))
    shelf.restart()
    shelf.take(shelf.at(2, 600))
    assert (shelf.held(), shelf.kept().accepted) == (2, 2)


def test_no_row_of_the_tally_is_written_while_a_quarter_hour_is_open(shelf: Shelf) -> None:
    shelf.hours(1)
    shelf.tick()
    before = shelf.connection.execute("SELECT * FROM tally ORDER BY 1").fetchall()
    minute = (shelf.now - T0) / MINUTE
    shelf.take(shelf.at(minute, 500), shelf.at(minute + 1, 501))
    shelf.tick()
    assert shelf.connection.execute("SELECT * FROM tally ORDER BY 1").fetchall() == before
    assert shelf.balances()


def reconciled(shelf: Shelf) -> int | None:
    for _ in range(60):
        shelf.tick()
        if shelf.upkeep.figures.unaccounted is not None:
            break
    return shelf.upkeep.figures.unaccounted


def test_p2_readings_that_vanished_are_found_at_the_next_start_and_told_once(shelf: Shelf) -> None:
    shelf.hours(2)
    shelf.connection.execute("DELETE FROM reading WHERE measured_at < ?", (T0 + 5 * MINUTE,))
    shelf.restart()
    assert reconciled(shelf) == 5
    settled_to = shelf.accounts.tally.settled_to
    assert shelf.gaps() == [Gap(CO2, 0, settled_to, 5, UNACCOUNTED)]
    kinds = shelf.connection.execute("SELECT kind, subject FROM event").fetchall()
    assert ("unaccounted", CO2) in kinds
    shelf.restart()
    assert reconciled(shelf) == 0
    assert len(shelf.gaps()) == 1


def test_a_buffer_from_before_there_was_a_tally_is_adopted_without_delaying_its_start(shelf: Shelf) -> None:
    shelf.hours(2)
    with shelf.transaction():
        shelf.connection.execute("DELETE FROM tally")
        shelf.connection.execute("DELETE FROM meta WHERE key LIKE 'tally%'")
    shelf.restart()
    assert shelf.accounts.tally.open_count() == 15, "only the newest are counted at the start"
    assert reconciled(shelf) == 0
    assert shelf.balances()
    assert shelf.one("SELECT count(*) FROM event") == 0


def test_p2_readings_that_nobody_accepted_are_found_too(shelf: Shelf) -> None:
    shelf.hours(2)
    shelf.connection.execute(
        "INSERT INTO reading SELECT measured_at + 1, point_id, lag, value, 0, NULL, crc FROM reading"
    )
    shelf.restart()
    assert (reconciled(shelf) or 0) > 80
    assert shelf.gaps() == []
    shelf.restart()
    assert reconciled(shelf) == 0


def test_rows_that_come_and_go_during_the_count_are_no_difference(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "ROWS_MAX", 2)
    shelf.hours(2)
    shelf.restart()
    shelf.ticks(3)
    shelf.take(shelf.at(3.5, 700, received_at=shelf.now), shelf.at(80.5, 700, received_at=shelf.now))
    shelf.tick(14 * DAY_MS - 90 * MINUTE)
    assert shelf.held() < 122, "some went meanwhile"
    assert shelf.upkeep.figures.unaccounted is None
    assert reconciled(shelf) == 0
    assert shelf.gaps() == []


def test_quarantined_readings_are_accounted_for(shelf: Shelf) -> None:
    shelf.hours(2)
    point_id = shelf.one("SELECT point_id FROM point WHERE name = ?", (CO2,))
    for minute in (10, 119):
        at = T0 + minute * MINUTE
        shelf.connection.execute("DELETE FROM reading WHERE measured_at = ?", (at,))
        shelf.connection.execute(
            "INSERT INTO quarantine (source, point_id, start, \"end\", bytes) VALUES ('reading', ?, ?, ?, x'00')",
            (point_id, at, at + 1),
        )
    shelf.restart()
    shelf.tick(2 * QUARTER_MS)
    assert reconciled(shelf) == 0
    assert shelf.kept().quarantined == 2
    assert shelf.balances()


def test_p12_a_clock_that_leapt_ahead_and_came_back_leaves_the_count_as_it_was(shelf: Shelf) -> None:
    shelf.hours(2)
    right = shelf.now
    shelf.now += 3650 * DAY_MS
    shelf.tick()
    ahead = (shelf.now - T0) / MINUTE
    shelf.take(shelf.at(ahead, 500))
    shelf.tick()
    shelf.now = right
    shelf.take(shelf.at(120, 500), shelf.at(121, 501))
    assert shelf.balances()
    shelf.tick()
    assert shelf.balances()
    assert shelf.accounts.tally.settled_to < right
    before = shelf.connection.execute("SELECT * FROM tally").fetchall()
    shelf.take(shelf.at(122, 500))
    assert shelf.connection.execute("SELECT * FROM tally").fetchall() == before, "no row of it at each commit"
    shelf.restart()
    assert reconciled(shelf) == 0
    assert shelf.balances()


def test_p2_a_crash_before_the_first_quarter_hour_is_over_loses_no_count(shelf: Shelf) -> None:
    shelf.take(shelf.at(1, 500), shelf.at(2, 501))
    assert reconciled(shelf) == 0
    shelf.now += 2 * QUARTER_MS
    shelf.restart()
    assert reconciled(shelf) == 0
    assert shelf.balances()
