"""Whatever the wall clock does: nothing accepted is lost, no interval is negative, nothing counts twice (P12)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from itertools import pairwise

import pytest

from edge_config.site import LoadedSite
from gateway.book.accounts import Accounts
from gateway.model import QUARTER_MS, Readings, groups_of
from gateway.store import gaps, unsynced
from gateway.store.audit import Audit
from gateway.store.tally import kept
from gateway.time.going_back import GoingBack
from tests.gateway.conftest import T0
from tests.gateway.restless import CO2, ENERGY, MINUTE, Gateway, Wall, gateway_on, register
from tests.gateway.test_accounts import energy

SECOND, HOUR, DAY, YEAR = 1_000, 3_600_000, 86_400_000, 365 * 86_400_000


@pytest.fixture
def gateway(site: LoadedSite) -> Iterator[Gateway]:
    with gateway_on(site) as found:
        yield found


def events(gateway: Gateway, kind: str) -> list[tuple[str, dict[str, object]]]:
    rows = gateway.connection.execute(
        "SELECT state, evidence FROM event WHERE kind = ? ORDER BY start", (kind,)
    )
    return [(state, json.loads(evidence)) for state, evidence in rows]


def assert_registers_fit(gateway: Gateway) -> None:
    """Neighbours share the register between them, and it never falls."""
    rows = gateway.quarters(ENERGY)
    assert rows
    assert all(row["steps"] == row["end_steps"] - row["start_steps"] >= 0 for row in rows)
    for a, b in pairwise(rows):
        assert (
            a["end_steps"] == b["start_steps"]
            if a["end"] == b["start"]
            else a["end_steps"] <= b["start_steps"]
        )


def assert_true(gateway: Gateway, since: int, until: int) -> None:
    """Every quarter-hour of the span was measured and is what the meter really counted."""
    rows = [row for row in gateway.quarters(ENERGY) if since <= row["start"] and row["end"] <= until]
    assert len(rows) == (until - since) // QUARTER_MS
    for row in rows:
        assert row["content"] == "measured"
        assert abs(row["steps"] - (register(row["end"]) - register(row["start"]))) <= 1


def test_steady_time_is_booked_as_it_comes(gateway: Gateway) -> None:
    gateway.run(120)
    assert_true(gateway, T0 + QUARTER_MS, T0 + 7 * QUARTER_MS)
    assert (gateway.accounted, gateway.bad()) == (240, 0)
    assert gateway.count("SELECT count(*) FROM event") == 0


def test_a_boot_in_1970_keeps_readings_waiting_and_dates_them_when_the_time_server_answers(
    site: LoadedSite,
) -> None:
    wall = Wall(error_ms=90_000 - T0)
    with gateway_on(site, wall) as gateway:
        gateway.run(60)
        assert (unsynced.count(gateway.connection), gateway.count("SELECT count(*) FROM reading")) == (120, 0)
        wall.error_ms = 0
        gateway.run(30)
        assert unsynced.count(gateway.connection) == 0
        assert_true(gateway, T0 + QUARTER_MS, T0 + 5 * QUARTER_MS)
        assert gateway.accounted == gateway.offered == 180
        assert [state for state, _ in events(gateway, "clock_doubt")] == ["closed"]


def test_a_process_that_dies_in_doubt_loses_nothing(site: LoadedSite) -> None:
    wall = Wall(error_ms=90_000 - T0)
    with gateway_on(site, wall) as gateway:
        gateway.run(30)
        gateway.start()
        gateway.run(30)
        wall.error_ms = 0
        gateway.start()
        gateway.run(30)
        assert_true(gateway, T0 + QUARTER_MS, T0 + 5 * QUARTER_MS)
        assert gateway.accounted == gateway.offered == 180


def test_readings_of_a_boot_that_never_knew_the_time_are_told_as_a_gap(site: LoadedSite) -> None:
    wall = Wall(error_ms=90_000 - T0)
    with gateway_on(site, wall) as gateway:
        gateway.run(30)
        gateway.power_cut()
        wall.error_ms = 0
        gateway.run(30)
        told = {gap.point: (gap.count, gap.reason) for gap in gaps.all_gaps(gateway.connection)}
        assert told == {ENERGY: (30, "no_clock"), CO2: (30, "no_clock")}
        assert gateway.accounted == gateway.offered


@pytest.mark.parametrize("step", [-10 * YEAR, -2 * DAY, 2 * DAY, 10 * YEAR])
def test_a_large_step_that_is_taken_back_within_minutes_leaves_no_trace(gateway: Gateway, step: int) -> None:
    gateway.run(60)
    gateway.wall.error_ms = step
    gateway.run(8)
    assert unsynced.count(gateway.connection) == 16
    gateway.wall.error_ms = 0
    gateway.run(60)
    assert_true(gateway, T0 + QUARTER_MS, T0 + 8 * QUARTER_MS)
    assert (gateway.accounted, gateway.bad()) == (gateway.offered, 0)
    assert events(gateway, "clock_step") == []


@pytest.mark.parametrize("step", [-DAY, -HOUR, -7 * MINUTE, -3 * SECOND])
def test_a_clock_that_was_ahead_makes_bad_what_it_stamped_and_the_slots_are_measured_when_their_time_comes(
    site: LoadedSite, step: int
) -> None:
    with gateway_on(site, Wall(error_ms=-step)) as gateway:
        gateway.run(120)
        gateway.wall.error_ms = 0
        gateway.run(1)
        assert all(row["start"] < gateway.wall.ms for row in gateway.quarters(ENERGY))
        ((state, evidence),) = events(gateway, "clock_step")
        assert (state, evidence["size_s"]) == ("closed", step / 1000)
        since = gateway.wall.ms
        gateway.run(240)
        assert_true(gateway, since - since % QUARTER_MS + 2 * QUARTER_MS, T0 + 23 * QUARTER_MS)
        assert_registers_fit(gateway)
        assert gateway.accounted == gateway.offered


def test_a_slot_told_too_early_is_told_again_as_missing_and_once_more_when_it_is_measured(
    gateway: Gateway,
) -> None:
    gateway.wall.error_ms = HOUR
    gateway.run(80)
    gateway.wall.error_ms = 0
    gateway.run(120)
    rows = gateway.connection.execute(
        "SELECT revision, body FROM change WHERE key = ? ORDER BY seq",
        (f"15min/{ENERGY}/{T0 + 7 * QUARTER_MS}",),
    ).fetchall()
    assert [(revision, json.loads(body)["content"]) for revision, body in rows] == [
        (1, "measured"), (2, "missing"), (3, "measured"),
    ]  # fmt: skip


@pytest.mark.parametrize("step", [HOUR, DAY])
def test_a_step_ahead_is_believed_and_the_silence_it_makes_is_estimated(gateway: Gateway, step: int) -> None:
    gateway.run(60)
    gateway.wall.error_ms = step
    gateway.run(60)
    assert_registers_fit(gateway)
    rows = gateway.quarters(ENERGY)
    assert sum(row["steps"] for row in rows) == rows[-1]["end_steps"] - rows[0]["start_steps"]
    assert len(rows) == (rows[-1]["end"] - rows[0]["start"]) // QUARTER_MS
    assert gateway.accounted == gateway.offered


def test_a_clock_ten_years_ahead_that_stays_closes_no_ten_years_of_slots_and_finds_its_way_back(
    gateway: Gateway,
) -> None:
    gateway.run(60)
    gateway.wall.error_ms = 10 * YEAR
    gateway.run(60)
    assert gateway.count("SELECT count(*) FROM interval") < 500
    assert [gap.reason for gap in gaps.all_gaps(gateway.connection)] == ["too_long", "too_long"]
    gateway.wall.error_ms = 0
    gateway.run(12)
    assert events(gateway, "clock_step")[0][1]["size_s"] == -10 * YEAR / 1000
    gateway.run(180)
    assert_true(gateway, T0 + 9 * QUARTER_MS, T0 + 18 * QUARTER_MS)
    assert_registers_fit(gateway)
    assert gateway.accounted == gateway.offered + sum(gap.count for gap in gaps.all_gaps(gateway.connection))


def test_a_walk_back_that_a_crash_ends_is_taken_up_again(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.time.going_back.ROWS_MAX", 20)
    monkeypatch.setattr("gateway.time.going_back.INTERVALS_MAX", 3)
    gateway.wall.error_ms = HOUR
    gateway.run(90)
    gateway.wall.error_ms = 0
    gateway.wall.ms += MINUTE
    gateway.commit([])
    gateway.commit([])
    assert 0 < gateway.bad() < 120
    gateway.start()
    gateway.settle()
    assert gateway.bad() == 118  # an hour of two points, but for the minute that has passed
    gateway.run(120)
    assert_true(gateway, T0 + 7 * QUARTER_MS, T0 + 13 * QUARTER_MS)
    assert gateway.accounted == gateway.offered


def test_a_device_with_its_own_time_keeps_it_and_is_judged_when_ours_is_known(gateway: Gateway) -> None:
    gateway.run(30)
    gateway.wall.error_ms = 5 * YEAR
    gateway.wall.ms += MINUTE
    received = gateway.clock.now_ms()
    own, wrong = gateway.wall.ms - 2 * SECOND, gateway.wall.ms + 10 * YEAR
    gateway.commit([Readings((CO2,), own, received, [700.0]), Readings((CO2,), wrong, received, [701.0])])
    gateway.wall.error_ms = 0
    gateway.run(1)
    rows = gateway.connection.execute(
        "SELECT measured_at, measured_at + lag, value, quality, reason FROM reading WHERE measured_at IN (?, ?) ORDER BY 1",
        (own, wrong),
    ).fetchall()
    assert rows == [
        (own, own + 2 * SECOND, 700, 0, None),
        (wrong, own + 2 * SECOND, None, 2, "device_clock"),
    ]


def test_what_was_stamped_just_before_the_clock_went_back_gets_its_right_time(gateway: Gateway) -> None:
    gateway.wall.error_ms = HOUR
    gateway.run(30)
    gateway.wall.ms += MINUTE
    stamped = gateway.clock.now_ms()
    gateway.wall.error_ms = 0
    gateway.commit([Readings((CO2,), stamped, stamped, [900.0])])
    gateway.settle()
    row = gateway.connection.execute("SELECT measured_at, quality FROM reading WHERE value = 900").fetchone()
    assert row == (gateway.wall.ms, 0)


def test_a_reading_received_by_a_clock_that_was_ahead_casts_no_doubt_on_the_clock_set_right(
    gateway: Gateway,
) -> None:
    gateway.wall.error_ms = HOUR
    gateway.run(10)
    received = gateway.clock.now_ms()
    gateway.commit([Readings((CO2,), gateway.wall.ms - MINUTE, received, [700.0])])
    gateway.wall.error_ms = 0
    gateway.run(1)
    gateway.start()
    assert gateway.clock.is_trusted


def test_the_count_of_readings_balances_after_the_clock_went_back(gateway: Gateway) -> None:
    gateway.wall.error_ms = 5 * HOUR
    gateway.run(90)
    gateway.accounts.tally.settle(gateway.connection, gateway.wall.now_ms())
    gateway.wall.error_ms = 0
    gateway.run(90)
    tally = gateway.accounts.tally
    tally.settle(gateway.connection, gateway.wall.now_ms())
    assert tally.settled_to < gateway.wall.ms
    assert Audit().step(gateway.connection, tally.settled_to) == []
    assert sum(one.due for one in kept(gateway.connection, tally.settled_to).values()) > 0


def test_a_silent_point_is_not_told_missing_for_years_while_the_clock_is_ten_years_ahead(
    gateway: Gateway,
) -> None:
    gateway.run(60)
    gateway.wall.error_ms = 10 * YEAR
    gateway.run(11)
    before = gateway.count("SELECT count(*) FROM interval")
    for _ in range(50):
        gateway.wall.ms += MINUTE
        gateway.commit([])
    assert gateway.count("SELECT count(*) FROM interval") - before < 20


def test_a_dip_before_the_slot_that_a_clock_goes_back_into_is_no_register(
    accounts: Accounts, connection: sqlite3.Connection
) -> None:
    for minute, kwh in ((0, 5000), (31, 0), (46, 5046), (70, 5070)):
        accounts.book(connection, groups_of([energy(minute, kwh)]), T0 + minute * MINUTE)
    back = GoingBack.begun(connection, T0 + 50 * MINUTE)
    while not back.step(connection, accounts, T0 + 50 * MINUTE):
        pass
    accounts.book(connection, groups_of([energy(62, 5062), energy(76, 5076)]), T0 + 76 * MINUTE)
    told = connection.execute(
        "SELECT sum(steps) FROM interval WHERE period = '15min' AND start BETWEEN ? AND ?",
        (T0, T0 + 60 * MINUTE),
    ).fetchone()
    assert told == (750,)
