"""Repeats, corrections and late readings: the better word stays, no word is lost, and every sum of slots is last − first."""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_config.site import LoadedSite
from gateway.book.accounts import Accounts
from gateway.intervals import CounterSpec, GaugeSpec, Sample, counter_interval, gauge_interval
from gateway.model import Interval, Quality, Reading, groups_of
from gateway.points import build_points
from gateway.slots import quarter_start
from gateway.store import intervals, readings
from gateway.store.database import open_writer
from tests.gateway.conftest import QUARTER_MS, T0, small_site
from tests.gateway.test_accounts import CO2, ENERGY, MINUTE, co2, energy

HOUR = 60


def again(site: LoadedSite, connection: sqlite3.Connection, minute: float = 0) -> Accounts:
    """The accounts after a restart."""
    accounts = Accounts(site, build_points(site))
    accounts.restore(connection, T0 + round(minute * MINUTE))
    return accounts


def say(accounts: Accounts, connection: sqlite3.Connection, *readings: Reading, minute: float = 0) -> None:
    accounts.book(connection, groups_of(readings), T0 + round(minute * MINUTE))


def bad(reading: Reading) -> Reading:
    return reading._replace(value=None, quality=Quality.BAD, reason="device_clock")


def rows(connection: sqlite3.Connection, name: str) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT value, quality FROM reading JOIN point USING (point_id) WHERE name = ? ORDER BY measured_at",
        (name,),
    ).fetchall()


def corrections(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
    return connection.execute("SELECT measured_at, old_value, new_value FROM correction").fetchall()


def slots(connection: sqlite3.Connection, name: str = ENERGY) -> dict[int, tuple[str, int | None]]:
    """Quarter-hour → what the buffer says of it, a counter's in steps."""
    found = connection.execute(
        "SELECT start, content, steps FROM interval JOIN point USING (point_id) WHERE name = ? AND period = '15min'",
        (name,),
    )
    return {(start - T0) // QUARTER_MS: (content, steps) for start, content, steps in found}


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_good_reading_at_the_moment_of_a_bad_one_keeps_the_bad_one_as_a_correction(
    site: LoadedSite, accounts: Accounts, connection: sqlite3.Connection, is_restarted: bool
) -> None:
    say(accounts, connection, co2(1, 500), bad(co2(3, 0)))
    if is_restarted:
        accounts = again(site, connection)
    say(accounts, connection, co2(3, 600))
    assert corrections(connection) == [(T0 + 3 * MINUTE, None, 600)]
    assert rows(connection, CO2) == [(500, 0), (600, 0)]
    assert sum(account.slots is not None for account in accounts.every.values()) == 1
    assert accounts.every[CO2].newest_at == T0 + 3 * MINUTE
    assert accounts.tally.open_count() == 2


def test_a_silent_points_bad_reading_of_long_ago_is_corrected_after_a_restart_too(
    site: LoadedSite, accounts: Accounts, connection: sqlite3.Connection
) -> None:
    say(accounts, connection, co2(1, 500), energy(1, 1), bad(co2(20, 0)))
    for minute in range(2, 3 * HOUR):
        say(accounts, connection, energy(minute, minute), minute=minute)
        accounts.tick(connection, T0 + minute * MINUTE)
    accounts = again(site, connection, 3 * HOUR)
    say(accounts, connection, co2(20, 600), minute=3 * HOUR)
    assert corrections(connection) == [(T0 + 20 * MINUTE, None, 600)]


def test_the_first_good_reading_at_the_moment_of_a_bad_one_begins_its_slot(
    accounts: Accounts, connection: sqlite3.Connection
) -> None:
    say(accounts, connection, bad(energy(1, 0)))
    say(accounts, connection, energy(1, 5))
    say(accounts, connection, energy(16, 8))
    assert slots(connection) == {0: ("estimated", 28)}  # of 3 kWh in 15 minutes, 14 lie in the slot


@pytest.mark.parametrize("quality", [Quality.BAD, Quality.UNCERTAIN])
def test_a_copy_that_is_judged_worse_puts_out_no_good_reading(
    accounts: Accounts, connection: sqlite3.Connection, quality: Quality
) -> None:
    say(accounts, connection, energy(0, 1), energy(5, 5), energy(10, 6))
    value = None if quality is Quality.BAD else 9.0
    say(accounts, connection, energy(5, 5)._replace(value=value, quality=quality, reason="rate"))
    say(accounts, connection, energy(15, 7))
    assert rows(connection, ENERGY) == [(10, 0), (50, 0), (60, 0), (70, 0)]
    assert slots(connection)[0] == ("measured", 60)
    assert corrections(connection) == [(T0 + 5 * MINUTE, None if value is None else 90, 50)]


def test_a_late_reading_right_after_the_open_slots_boundary_revises_the_slot_before_it(
    accounts: Accounts, connection: sqlite3.Connection
) -> None:
    for minute in (0, 14, 16):
        say(accounts, connection, energy(minute, minute), minute=minute)
    assert slots(connection)[0] == ("measured", 150)
    say(accounts, connection, energy(15.5, 14), minute=17)
    accounts.tick(connection, T0 + 19 * MINUTE)
    say(accounts, connection, energy(30, 30), minute=30)
    assert slots(connection) == {0: ("measured", 140), 1: ("measured", 160)}


def test_a_late_reading_before_a_silent_counters_last_one_moves_the_boundary_for_both_of_its_slots(
    site: LoadedSite, accounts: Accounts, connection: sqlite3.Connection
) -> None:
    for minute in (0, 14, 16):
        say(accounts, connection, energy(minute, minute), minute=minute)
    accounts.tick(connection, T0 + 40 * MINUTE)  # both closed; the second is missing until the counter speaks
    say(accounts, connection, energy(15.5, 14), minute=41)
    accounts.tick(connection, T0 + 43 * MINUTE)
    accounts = again(site, connection, 44)
    say(accounts, connection, energy(45, 45), minute=45)
    assert {start: steps for start, (_, steps) in slots(connection).items()} == {0: 140, 1: 160, 2: 150}


def test_a_late_reading_before_a_points_first_one_is_the_open_slots_left_neighbour(
    accounts: Accounts, connection: sqlite3.Connection
) -> None:
    say(accounts, connection, energy(20, 20), minute=20)
    say(accounts, connection, energy(5, 5), minute=21)
    accounts.tick(connection, T0 + 24 * MINUTE)
    say(accounts, connection, energy(30, 30), minute=30)
    accounts.tick(connection, T0 + 32 * MINUTE)
    assert slots(connection) == {0: ("estimated", 100), 1: ("estimated", 150)}


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_slot_that_waited_for_its_end_is_not_measured_when_its_beginning_was_not(
    site: LoadedSite, accounts: Accounts, connection: sqlite3.Connection, is_restarted: bool
) -> None:
    say(accounts, connection, energy(0, 0), energy(16, 16), energy(29, 29), minute=29)
    accounts.tick(connection, T0 + 40 * MINUTE)
    if is_restarted:
        accounts = again(site, connection, 41)
    say(accounts, connection, energy(30, 30), minute=42)
    assert slots(connection)[1] == ("estimated", 150)


def test_a_newest_reading_that_is_late_itself_leaves_the_register_at_its_slots_beginning_after_a_restart(
    site: LoadedSite, accounts: Accounts, connection: sqlite3.Connection
) -> None:
    say(accounts, connection, energy(10, 10), minute=10)
    accounts.tick(connection, T0 + 60 * MINUTE)
    say(accounts, connection, energy(20, 20), minute=61)
    accounts = again(site, connection, 62)
    say(accounts, connection, energy(63, 63), minute=63)
    assert {start: steps for start, (_, steps) in slots(connection).items()} == {
        0: 50,
        1: 150,
        2: 150,
        3: 150,
    }


def test_a_late_gauge_reading_counts_in_every_slot_that_it_holds_into(
    accounts: Accounts, connection: sqlite3.Connection
) -> None:
    say(accounts, connection, co2(8, 500), minute=8)
    accounts.tick(connection, T0 + 60 * MINUTE)
    say(accounts, connection, co2(14, 700), minute=61)
    accounts.tick(connection, T0 + 63 * MINUTE)
    means = connection.execute(
        "SELECT mean, content FROM interval JOIN point USING (point_id) WHERE name = ? AND period = '15min' ORDER BY start",
        (CO2,),
    ).fetchall()
    assert means[1] == (700.0, "estimated")


def test_a_dip_that_comes_late_into_the_open_slot_is_no_consumption(
    accounts: Accounts, connection: sqlite3.Connection
) -> None:
    for minute in (0, 5, 10):
        say(accounts, connection, energy(minute, 5000 + minute), minute=minute)
    say(accounts, connection, energy(7, 0), minute=11)
    say(accounts, connection, energy(15, 5015), minute=15)
    assert slots(connection) == {0: ("measured", 150)}
    accounts.tick(connection, T0 + 17 * MINUTE)
    assert slots(connection) == {0: ("measured", 150)}


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_reset_whose_second_sample_comes_late_is_counted_as_if_it_had_come_in_time(
    site: LoadedSite, accounts: Accounts, connection: sqlite3.Connection, is_restarted: bool
) -> None:
    for minute, kwh in ((0, 5000), (5, 5005), (7, 2)):
        say(accounts, connection, energy(minute, kwh), minute=minute)
    say(accounts, connection, energy(6, 1), minute=8)
    accounts.tick(connection, T0 + 10 * MINUTE)
    if is_restarted:
        accounts = again(site, connection, 11)
    say(accounts, connection, energy(15, 10), minute=15)
    assert slots(connection) == {0: ("measured", 50 + 90)}


def test_a_corrected_first_reading_of_a_point_counts_in_the_open_slot(
    accounts: Accounts, connection: sqlite3.Connection
) -> None:
    say(accounts, connection, energy(1, 100), co2(1, 400), minute=1)
    say(accounts, connection, energy(1, 103), co2(1, 500), minute=2)
    accounts.tick(connection, T0 + 4 * MINUTE)
    say(accounts, connection, energy(15, 110), co2(15, 500), minute=15)
    mean = connection.execute("SELECT mean FROM interval WHERE mean IS NOT NULL").fetchone()[0]
    assert (slots(connection), mean) == ({0: ("estimated", 70)}, 500.0)


def test_a_correction_below_the_reading_before_it_is_judged_with_its_neighbours(
    accounts: Accounts, connection: sqlite3.Connection
) -> None:
    for minute, kwh in ((0, 100), (5, 105), (15, 115)):
        say(accounts, connection, energy(minute, kwh), minute=minute)
    say(accounts, connection, energy(15, 0), minute=16)  # it was a dip
    accounts.tick(connection, T0 + 18 * MINUTE)
    say(accounts, connection, energy(30, 130), minute=30)
    assert {start: steps for start, (_, steps) in slots(connection).items()} == {0: 150, 1: 150}


def test_a_late_reading_behind_a_dip_moves_the_boundary_before_the_dip_too(
    accounts: Accounts, connection: sqlite3.Connection
) -> None:
    for minute, kwh in ((0, 100), (15, 0), (46, 146)):
        say(accounts, connection, energy(minute, kwh), minute=minute)
    say(accounts, connection, energy(31, 120), minute=47)
    accounts.tick(connection, T0 + 49 * MINUTE)
    assert {start: steps for start, (_, steps) in slots(connection).items()} == {0: 97, 1: 97, 2: 249}


def test_a_slot_computed_again_from_readings_that_begin_with_a_step_back_gains_nothing(
    accounts: Accounts, connection: sqlite3.Connection
) -> None:
    history = ((31, 969), (45, 968), (70, 970), (73, 971), (75, 971), (76, 981), (91, 985), (105, 985))
    for minute, steps in history:
        say(accounts, connection, energy(minute, steps / 10), minute=minute)
    say(accounts, connection, energy(78, 98.2), minute=106)
    accounts.tick(connection, T0 + 108 * MINUTE)
    assert sum(steps or 0 for _, steps in slots(connection).values()) == 985 - 969


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_reset_before_a_silence_is_not_forgotten_by_a_restart(
    site: LoadedSite, accounts: Accounts, connection: sqlite3.Connection, is_restarted: bool
) -> None:
    say(accounts, connection, energy(0, 5000), energy(10, 5010), energy(20, 0), minute=20)
    for minute in range(20, 120, 5):
        accounts.tick(connection, T0 + minute * MINUTE)
    if is_restarted:
        accounts = again(site, connection, 120)
    say(accounts, connection, energy(120, 40), energy(135, 45), minute=135)
    assert sum(steps or 0 for _, steps in slots(connection).values()) == 100 + 450


@pytest.mark.parametrize("arrives", [8, 20])
def test_a_late_word_that_nobody_can_have_consumed_is_uncertain_and_in_no_slot(
    tmp_path: Path, connection: sqlite3.Connection, arrives: int
) -> None:
    meter = {"id": "main-e", "profile": "acrel-adl400", "bus": "east", "unit_id": 1, "poll_interval_s": 60}
    accounts = again(small_site(tmp_path, devices=[{**meter, "power_max_kw": 90}]), connection)
    for minute in (0, 5, 7, arrives):
        say(accounts, connection, energy(minute, 5000 + minute), minute=minute)
    say(accounts, connection, energy(6, 90_000), minute=arrives)
    accounts.tick(connection, T0 + (arrives + 2) * MINUTE)
    say(accounts, connection, energy(25, 5025), energy(31, 5031), minute=31)
    assert {start: steps for start, (_, steps) in slots(connection).items()} == {0: 150, 1: 150}
    assert rows(connection, ENERGY)[2] == (900_000, 1)
    rejected = connection.execute("SELECT reason, count, example FROM rejection").fetchall()
    assert rejected == [("rate", 1, "90000")]


@pytest.mark.parametrize("minute", [-40, 7])
def test_a_slot_is_computed_again_from_no_more_readings_than_its_point_can_have(
    accounts: Accounts, connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch, minute: int
) -> None:
    """Of two weeks of everybody's readings a look at all takes seconds of the writer's transaction."""
    for at in (0, 5, 20):
        say(accounts, connection, energy(at, 100 + at), minute=at)
    say(accounts, connection, energy(minute, 100 + minute), minute=21)
    looked: list[int] = []

    def of_point(
        connection: sqlite3.Connection, point: int, start: int, end: int
    ) -> list[readings.StoredReading]:
        looked.append(end - start)
        return real(connection, point, start, end)

    real = readings.of_point
    monkeypatch.setattr(readings, "of_point", of_point)
    accounts.tick(connection, T0 + 23 * MINUTE)
    assert sum(looked) <= 6 * HOUR * MINUTE
    assert sum(steps or 0 for _, steps in slots(connection).values()) == 150 + max(0, -minute * 10)


HISTORY = st.lists(
    st.tuples(
        st.integers(min_value=1, max_value=1500),  # seconds to the next reading
        st.integers(min_value=0, max_value=40),  # steps until then
        st.sampled_from([0, 0, 0, 0, 100, 1500, 4000]),  # seconds until it arrives
        st.sampled_from([False, False, False, False, False, True]),  # a restart after it
    ),
    min_size=2,
    max_size=40,
)


def lived(
    point: str, history: list[tuple[int, int, int, bool]]
) -> tuple[Accounts, list[Sample], list[Interval]]:
    """What the buffer holds of a point after a history, all its slots, and the samples as they were measured."""
    at = steps = 0
    samples, arrivals = [], []
    with tempfile.TemporaryDirectory() as folder:
        site = small_site(Path(folder))
        connection = open_writer(site.buffer_path)
        connection.execute("PRAGMA synchronous=OFF")
        accounts, now = again(site, connection), T0
        account = accounts.every[point]
        for wait_s, rise, late_s, restarts in history:
            at, steps = at + 1000 * wait_s, steps + rise
            samples.append(Sample(T0 + at, steps, account.tolerance_ms))
            arrivals.append((T0 + at + 1000 * late_s, len(samples), samples[-1], restarts))
        for arrives, _, sample, restarts in sorted(arrivals):
            for tick in range(now, arrives, 5 * MINUTE):
                accounts.tick(connection, tick)
            now = arrives
            said = Reading(point, sample.at, now, account.value(sample.steps))
            accounts.book(connection, groups_of([said]), now)
            if restarts:
                accounts = again(site, connection, (now - T0) / MINUTE)
        for minute in (2, 4):
            accounts.tick(connection, now + minute * MINUTE)
        found = intervals.quarters(connection, account.point_id, point, 0, 2**62)
        connection.close()
    return accounts, samples, found


@settings(max_examples=20, deadline=None)
@given(HISTORY)
def test_p14_whatever_came_late_a_counters_slots_are_a_recounts_and_add_up_to_last_minus_first(
    history: list[tuple[int, int, int, bool]],
) -> None:
    accounts, samples, found = lived(ENERGY, history)
    spec = accounts.every[ENERGY].spec
    assert isinstance(spec, CounterSpec)
    known = [one for one in found if one.end <= samples[-1].at]
    want = [counter_interval(spec, one.start, samples) for one in known]
    assert [(one.start, one.content, one.steps) for one in known] == [
        (one.start, one.content, one.steps) for one in want
    ]
    first, last = quarter_start(samples[0].at), quarter_start(samples[-1].at)
    assert [one.start for one in known] == list(range(first, last, QUARTER_MS))
    if known:
        end = counter_interval(spec, last - QUARTER_MS, samples).end_steps
        assert end is not None
        assert sum(one.steps or 0 for one in known) == end - samples[0].steps


@settings(max_examples=15, deadline=None)
@given(HISTORY)
def test_p14_whatever_came_late_a_gauges_slots_are_a_recounts(
    history: list[tuple[int, int, int, bool]],
) -> None:
    accounts, samples, found = lived(CO2, history)
    spec = accounts.every[CO2].spec
    assert isinstance(spec, GaugeSpec)
    want = [gauge_interval(spec, one.start, samples) for one in found]
    assert [(one.start, one.content, one.mean, one.low, one.high) for one in found] == [
        (one.start, one.content, one.mean, one.low, one.high) for one in want
    ]
