"""One transaction's work: identity of readings, intervals with revisions, events, and the change feed that tells it all."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest

from edge_config.site import LoadedSite
from gateway.book.accounts import Accounts
from gateway.errors import ConfigError
from gateway.model import Quality, Reading, Readings, groups_of
from gateway.points import build_points, parts
from gateway.store import readings
from tests.gateway.conftest import QUARTER_MS, T0, small_site

MINUTE = 60_000
ENERGY, CO2 = "main-e.energy_import", "air.co2"


def energy(minute: float, kwh: float) -> Reading:
    at = T0 + round(minute * MINUTE)
    return Reading(ENERGY, at, at, kwh)


def co2(minute: float, ppm: float) -> Reading:
    at = T0 + round(minute * MINUTE)
    return Reading(CO2, at, at + 250, ppm)


def changes(connection: sqlite3.Connection, kind: str) -> list[dict[str, Any]]:
    rows = connection.execute("SELECT seq, revision, body FROM change WHERE kind = ? ORDER BY seq", (kind,))
    return [{"seq": seq, "revision": revision, **json.loads(body)} for seq, revision, body in rows]


def of_point(connection: sqlite3.Connection, point: str, period: str = "15min") -> list[dict[str, Any]]:
    return [c for c in changes(connection, "interval") if c["point"] == point and c["period"] == period]


def test_site_and_points_are_told_before_any_figure(
    accounts: Accounts, connection: sqlite3.Connection
) -> None:
    kinds = [row[0] for row in connection.execute("SELECT kind FROM change ORDER BY seq")]
    assert kinds == ["site"] + ["point"] * 7
    assert {c["point"]: c["step"] for c in changes(connection, "point")}[ENERGY] == "0.1"


def test_a_meter_that_becomes_a_part_is_told_again_and_so_is_one_that_left_and_came_back_as_none(
    tmp_path: Any, connection: sqlite3.Connection
) -> None:
    main = {"id": "main-e", "profile": "acrel-adl400", "bus": "east", "unit_id": 1}
    sub = {"id": "sub-e", "profile": "acrel-adl400", "bus": "east", "unit_id": 2}

    def told(*devices: dict[str, Any]) -> list[tuple[str, int]]:
        site = small_site(tmp_path, devices=list(devices))
        Accounts(site, build_points(site)).restore(connection, T0)
        found = [c for c in changes(connection, "point") if c["point"] == "sub-e.energy_import"]
        return [(c["role"], c["revision"]) for c in found]

    connection.execute("DELETE FROM point")
    connection.execute("DELETE FROM change WHERE kind = 'point'")
    assert told(main, sub) == [("total", 1)]
    assert told(main, sub) == [("total", 1)]
    part = {**sub, "parent": "main-e"}
    assert told(main, part) == told(main, part) == [("total", 1), ("part", 2)]
    told(main)
    assert told(main, part)[2:] == []
    told(main)
    assert told(main, sub)[2:] == [("total", 3)]


def test_a_buffer_that_kept_no_word_of_parts_tells_its_points_once_more(
    accounts: Accounts, connection: sqlite3.Connection
) -> None:
    connection.execute("DELETE FROM meta WHERE key = 'parts'")
    accounts.restore(connection, T0)
    accounts.restore(connection, T0)
    assert [c["revision"] for c in changes(connection, "point")] == [1] * 7 + [2] * 7


def test_a_lamps_own_energy_counter_is_no_part_of_a_schools_total(tmp_path: Any) -> None:
    lamp = {"id": "uv", "profile": "tasmota-uv-lamp", "broker": "local", "topic": "tele/uv"}
    meters = [
        {"id": "main-e", "profile": "acrel-adl400", "bus": "east", "unit_id": 1},
        {"id": "sub-e", "profile": "acrel-adl400", "bus": "east", "unit_id": 2, "parent": "main-e"},
    ]
    assert parts(small_site(tmp_path, devices=[*meters, lamp])) == {"uv", "sub-e"}
    declared = {**lamp, "energy_code": "01D00"}
    assert parts(small_site(tmp_path, devices=[*meters, declared])) == {"sub-e"}


def test_a_restart_tells_nothing_twice(
    site: LoadedSite, accounts: Accounts, connection: sqlite3.Connection
) -> None:
    head = accounts.head
    again = Accounts(site, build_points(site))
    again.restore(connection, T0)
    assert again.head == head


def test_the_same_reading_again_is_no_new_row(accounts: Accounts, connection: sqlite3.Connection) -> None:
    assert accounts.book(connection, groups_of([energy(0, 5.0), energy(1, 5.1)]), T0).stored == 2
    outcome = accounts.book(connection, groups_of([energy(0, 5.0), energy(1, 5.1)]), T0)
    assert (outcome.stored, outcome.repeated) == (0, 2)
    assert connection.execute("SELECT count(*) FROM reading").fetchone() == (2,)


def test_another_value_at_the_same_time_is_a_correction_and_the_old_one_is_kept(
    accounts: Accounts, connection: sqlite3.Connection
) -> None:
    accounts.book(connection, groups_of([energy(0, 5.0), energy(1, 5.1)]), T0)
    assert accounts.book(connection, groups_of([energy(0, 4.0)]), T0).corrected == 1
    assert connection.execute("SELECT old_value, new_value FROM correction").fetchall() == [(50, 40)]


def test_a_stored_row_carries_a_crc_that_its_numbers_give(
    accounts: Accounts, connection: sqlite3.Connection
) -> None:
    accounts.book(connection, groups_of([co2(0, 640)]), T0)
    *numbers, crc = connection.execute(
        "SELECT measured_at, point_id, lag, value, quality, crc FROM reading"
    ).fetchone()
    assert readings.crc(*numbers) == crc
    assert numbers[2:] == [250, 640, 0]


def test_quarters_hours_and_days_are_told_once_and_add_up(
    accounts: Accounts, connection: sqlite3.Connection
) -> None:
    connection.execute("BEGIN")  # one commit for all: this is about arithmetic
    for minute in range(40 * 60 + 1):
        accounts.book(connection, groups_of([energy(minute, 100 + minute / 10)]), T0 + minute * MINUTE)
    quarters, hours, days = (of_point(connection, ENERGY, p) for p in ("15min", "hour", "day"))
    assert (len(quarters), len(hours), len(days)) == (160, 40, 2)
    assert {c["revision"] for c in quarters + hours + days} == {1}
    assert sum(c["value"] for c in quarters) == pytest.approx(240.0)
    assert days[1]["value"] == pytest.approx(144.0)
    assert days[1]["value"] == pytest.approx(days[1]["register_end"] - days[1]["register_start"])
    assert days[1]["content"] == "measured"
    assert days[0]["content"] == "estimated"  # Shanghai's day had begun eight hours before the first reading


def test_a_month_is_told_when_its_last_day_is_over_and_is_the_sum_of_its_days(
    accounts: Accounts, connection: sqlite3.Connection
) -> None:
    until = 9 * 24 * 60  # T0 is 23 November in UTC; Shanghai's November ends at 16:00 UTC of the 30th
    connection.execute("BEGIN")  # one commit for all: this is about arithmetic
    for minute in range(0, until, 10):
        accounts.book(connection, groups_of([energy(minute, 100 + minute / 10)]), T0 + minute * MINUTE)
    (month,) = of_point(connection, ENERGY, "month")
    days = [
        day for day in of_point(connection, ENERGY, "day") if month["start"] <= day["start"] < month["end"]
    ]
    assert month["end"] - month["start"] == 30 * 86_400_000
    assert month["value"] == pytest.approx(sum(day["value"] for day in days))
    assert month["content"] == "estimated"  # it had begun before the first reading


def test_seq_is_gap_free_and_every_interval_knows_its_change(
    accounts: Accounts, connection: sqlite3.Connection
) -> None:
    for minute in range(121):
        accounts.book(connection, groups_of([energy(minute, minute), co2(minute, 500)]), T0 + minute * MINUTE)
    seqs = [row[0] for row in connection.execute("SELECT seq FROM change ORDER BY seq")]
    assert seqs == list(range(1, len(seqs) + 1))
    orphans = connection.execute(
        "SELECT count(*) FROM interval WHERE seq NOT IN (SELECT seq FROM change)"
    ).fetchone()
    assert orphans == (0,)


def test_a_silence_is_missing_then_estimated_under_a_higher_revision(
    accounts: Accounts, connection: sqlite3.Connection
) -> None:
    accounts.book(connection, groups_of([energy(0, 10), energy(1, 10.1)]), T0)
    accounts.tick(connection, T0 + 3 * QUARTER_MS)
    assert [c["content"] for c in of_point(connection, ENERGY)] == ["missing", "missing"]
    accounts.book(connection, groups_of([energy(61, 16.1)]), T0 + 61 * MINUTE)
    latest = {c["start"]: c for c in of_point(connection, ENERGY)}
    assert [(c["content"], c["revision"]) for c in latest.values()] == [
        ("estimated", 2),
        ("estimated", 2),
        ("estimated", 1),
        ("estimated", 1),
    ]
    assert sum(c["value"] for c in latest.values()) == pytest.approx(6.0)


def test_a_late_reading_revises_exactly_its_slots(accounts: Accounts, connection: sqlite3.Connection) -> None:
    for minute in [*range(20), *range(26, 61)]:
        accounts.book(connection, groups_of([energy(minute, minute)]), T0 + minute * MINUTE)
    before = accounts.head
    accounts.book(connection, groups_of([energy(22, 24)]), T0 + 60 * MINUTE)
    accounts.tick(connection, T0 + 60 * MINUTE)
    assert connection.execute("SELECT count(*) FROM dirty_slot").fetchone() == (
        1,
    )  # at most one revision a minute
    accounts.tick(connection, T0 + 61 * MINUTE)
    assert connection.execute("SELECT count(*) FROM dirty_slot").fetchone() == (0,)
    assert accounts.head == before  # the register at both boundaries is what it was: nothing to say


def test_a_late_reading_that_moves_a_boundary_revises_both_sides_and_the_hour(
    accounts: Accounts, connection: sqlite3.Connection
) -> None:
    for minute in [*range(14), *range(18, 62)]:
        accounts.book(connection, groups_of([energy(minute, minute)]), T0 + minute * MINUTE)
    accounts.book(connection, groups_of([energy(15, 14)]), T0 + 61 * MINUTE)
    accounts.tick(connection, T0 + 62 * MINUTE)
    revised = {(c["period"], c["start"]): c for c in changes(connection, "interval") if c["revision"] == 2}
    assert set(revised) == {("15min", T0), ("15min", T0 + QUARTER_MS), ("hour", T0)}
    hour = revised["hour", T0]
    assert (hour["value"], hour["content"], hour["share"]) == (60.0, "measured", 1.0)
    latest = {c["start"]: c["value"] for c in of_point(connection, ENERGY)}
    assert (latest[T0], latest[T0 + QUARTER_MS]) == (14.0, 16.0)


def test_a_restart_after_every_reading_gives_the_same_feed(site: LoadedSite, tmp_path: Any) -> None:
    from gateway.store.database import open_writer

    def feed(name: str, restart: bool) -> list[tuple[Any, ...]]:
        connection = open_writer(tmp_path / name)
        accounts = Accounts(site, build_points(site))
        accounts.restore(connection, T0)
        for minute in range(130):
            if restart:
                accounts = Accounts(site, build_points(site))
                accounts.restore(connection, T0)
            batch = [energy(minute, minute)] * (minute % 7 != 3) + [co2(minute, 500 + minute)]
            accounts.book(connection, groups_of(batch), T0 + minute * MINUTE)
            accounts.tick(connection, T0 + minute * MINUTE)
        rows = connection.execute("SELECT seq, kind, key, revision, body FROM change ORDER BY seq").fetchall()
        connection.close()
        return sorted((kind, key, revision, body) for _, kind, key, revision, body in rows)

    assert feed("once.db", restart=False) == feed("often.db", restart=True)


def test_a_limit_opens_one_event_after_its_time_and_closes_it_inside_the_dead_band(
    accounts: Accounts, connection: sqlite3.Connection
) -> None:
    urgent = [accounts.book(connection, groups_of([co2(m, 1600 + m)]), T0).urgent for m in range(15)]
    assert urgent.index(True) == 10
    assert sum(urgent) == 1
    accounts.book(connection, groups_of([co2(15, 1450)]), T0)
    assert [c["state"] for c in changes(connection, "event")] == ["open"]
    accounts.book(connection, groups_of([co2(16, 1390)]), T0)
    event = changes(connection, "event")[-1]
    assert (event["state"], event["start"], event["end"]) == ("closed", T0, T0 + 16 * MINUTE)
    assert event["evidence"]["worst"] == 1614


def test_an_open_event_is_taken_up_again_after_a_restart(
    site: LoadedSite, accounts: Accounts, connection: sqlite3.Connection
) -> None:
    for m in range(12):
        accounts.book(connection, groups_of([co2(m, 1600)]), T0)
    again = Accounts(site, build_points(site))
    again.restore(connection, T0)
    again.book(connection, groups_of([co2(12, 1700), co2(13, 900)]), T0)
    assert [(c["state"], c["revision"]) for c in changes(connection, "event")] == [("open", 1), ("closed", 2)]


def test_a_device_that_falls_silent_opens_an_event_and_closes_it_when_it_is_back(
    accounts: Accounts, connection: sqlite3.Connection
) -> None:
    for at, state in enumerate(("online", "offline", "offline", "suspect", "online")):
        accounts.device_state(connection, "main-e", state, "no answer", T0 + at)
    assert [(c["event_kind"], c["state"]) for c in changes(connection, "event")] == [
        ("device_offline", "open"),
        ("device_offline", "closed"),
    ]


def test_a_bad_reading_is_kept_and_enters_no_interval(
    accounts: Accounts, connection: sqlite3.Connection
) -> None:
    bad = Reading(ENERGY, T0 + 10 * 86_400_000, T0, None, Quality.BAD, "device_clock")
    accounts.book(connection, groups_of([energy(0, 1), bad, energy(1, 1.1), energy(16, 2)]), T0)
    assert connection.execute("SELECT quality, reason, value FROM reading WHERE quality > 0").fetchall() == [
        (2, "device_clock", None)
    ]
    assert [c["value"] for c in of_point(connection, ENERGY)] == [0.9]
    assert [c["event_kind"] for c in changes(connection, "event")] == ["clock"]


def test_another_step_for_a_stored_point_is_refused_in_words(
    site: LoadedSite, accounts: Accounts, connection: sqlite3.Connection, tmp_path: Any
) -> None:
    connection.execute("UPDATE point SET step = '0.01' WHERE name = ?", (ENERGY,))
    with pytest.raises(ConfigError, match=r"main-e\.energy_import.*0\.01 kWh.*0\.1"):
        Accounts(small_site(tmp_path), build_points(site)).restore(connection, T0)


def test_a_point_that_is_twice_in_a_group_is_corrected_by_its_second_value(
    connection: sqlite3.Connection, accounts: Accounts
) -> None:
    accounts.book(connection, groups_of([energy(0, 5.0)]), T0)
    twice = Readings((ENERGY, ENERGY), T0 + MINUTE, T0 + MINUTE, [6.0, 7.0])
    outcome = accounts.book(connection, [twice], T0)
    assert (outcome.stored, outcome.corrected) == (1, 1)
    old = connection.execute("SELECT old_value, new_value FROM correction").fetchall()
    assert len(old) == 1


def test_a_group_that_comes_again_in_part_stores_what_is_new_of_it(
    connection: sqlite3.Connection, accounts: Accounts
) -> None:
    accounts.book(connection, [Readings((ENERGY, CO2), T0, T0, [5.0, 500.0])], T0)
    accounts.book(connection, [Readings((CO2,), T0 + MINUTE, T0 + MINUTE, [510.0])], T0)
    outcome = accounts.book(connection, [Readings((ENERGY, CO2), T0 + MINUTE, T0 + MINUTE, [5.1, 510.0])], T0)
    assert (outcome.stored, outcome.repeated) == (1, 1)


def test_a_gauges_newest_reading_that_comes_after_its_slot_was_closed_revises_it(
    accounts: Accounts, connection: sqlite3.Connection
) -> None:
    accounts.book(connection, groups_of([co2(1, 500.0)]), T0)
    accounts.tick(connection, T0 + 36 * MINUTE)
    late = co2(16, 900.0)
    accounts.book(connection, groups_of([late._replace(received_at=T0 + 37 * MINUTE)]), T0 + 37 * MINUTE)
    accounts.tick(connection, T0 + 39 * MINUTE)
    assert [(c["start"], c["revision"], c["mean"]) for c in of_point(connection, CO2)][-1] == (
        T0 + QUARTER_MS, 2, 900.0,
    )  # fmt: skip


def test_a_damaged_quarter_hour_leaves_its_hour_missing_until_it_is_computed_again(
    accounts: Accounts, connection: sqlite3.Connection
) -> None:
    for minute in range(60):
        accounts.book(connection, groups_of([energy(minute, minute)]), T0)
    connection.execute(
        "UPDATE interval SET steps = 7 WHERE period = '15min' AND start = ?", (T0 + QUARTER_MS,)
    )
    accounts.book(connection, groups_of([energy(60, 60)]), T0 + 60 * MINUTE)
    (hour,) = of_point(connection, ENERGY, "hour")
    assert (hour["content"], hour["value"]) == ("missing", None)
    accounts.tick(connection, T0 + 62 * MINUTE)
    _, hour = of_point(connection, ENERGY, "hour")
    assert (hour["content"], hour["value"]) == ("measured", 60)
