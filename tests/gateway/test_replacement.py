"""换表: what flowed up to the change is counted, the step between two registers never, and a recount from raw agrees."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_config.site import LoadedSite
from gateway.book.accounts import Accounts
from gateway.commands.replacement import replace_meter
from gateway.control.protocol import Command
from gateway.errors import ConfigError, ControlError
from gateway.model import Readings
from gateway.points import build_points
from gateway.store.database import open_writer
from tests.gateway.conftest import QUARTER_MS, T0, small_site

MINUTE = 60_000
IMPORT, EXPORT = "main-e.energy_import", "main-e.energy_export"
COUNTERS = ("energy_import", "energy_export")


def book(accounts: Accounts, connection: sqlite3.Connection, minute: float, kwh: float) -> None:
    at = T0 + round(minute * MINUTE)
    accounts.book(connection, [Readings((IMPORT,), at, at, [kwh])], at)


def told(minute: float, final: object, initial: object, **more: Any) -> Command:
    figures = {"final": final, "initial": initial}
    registers = {
        name: figures if name == "energy_import" else {"final": "0", "initial": "0"} for name in COUNTERS
    }
    body = {"at": T0 + round(minute * MINUTE), "registers": registers, **more}
    return Command("k1", "王工", "replace_meter", "main-e", body)


def quarters(connection: sqlite3.Connection, point: str = IMPORT) -> dict[int, int | None]:
    """Steps by the slot's number."""
    rows = connection.execute(
        "SELECT start, steps FROM interval JOIN point USING (point_id) WHERE name = ? AND period = '15min' ORDER BY start",
        (point,),
    )
    return {(start - T0) // QUARTER_MS: steps for start, steps in rows}


def kinds(connection: sqlite3.Connection) -> dict[str, str]:
    return dict(connection.execute("SELECT kind, state FROM event"))


def settle(accounts: Accounts, connection: sqlite3.Connection, minute: float) -> None:
    """The tick that computes touched slots again."""
    accounts.tick(connection, T0 + round(minute * MINUTE))


def test_the_step_between_two_registers_is_no_consumption(
    accounts: Accounts, connection: sqlite3.Connection
) -> None:
    for minute in range(11):
        book(accounts, connection, minute, 1000 + minute)
    replace_meter(connection, accounts, told(10.5, "1010.5", "7.2"), T0 + 12 * MINUTE)
    for minute in range(12, 32):
        book(accounts, connection, minute, 7.2 + minute - 10.5)
    assert quarters(connection) == {0: 150, 1: 150}
    assert "reset" not in kinds(connection)


def test_a_new_meter_that_stands_higher_is_no_consumption_either(
    accounts: Accounts, connection: sqlite3.Connection
) -> None:
    for minute in range(11):
        book(accounts, connection, minute, 1000 + minute)
    replace_meter(connection, accounts, told(10.5, "1010.5", "50000"), T0 + 12 * MINUTE)
    for minute in range(12, 32):
        book(accounts, connection, minute, 50_000 + minute - 10.5)
    assert quarters(connection) == {0: 150, 1: 150}


def test_a_new_meter_that_stands_higher_is_none_either_where_the_slot_closed_in_silence(
    accounts: Accounts, connection: sqlite3.Connection
) -> None:
    for minute in range(11):
        book(accounts, connection, minute, 1000 + minute)
    settle(accounts, connection, 22)
    assert quarters(connection) == {0: None}
    replace_meter(connection, accounts, told(10.5, "1010.5", "50000"), T0 + 22 * MINUTE)
    for minute in range(24, 32):
        book(accounts, connection, minute, 50_000 + minute - 10.5)
    settle(accounts, connection, 34)
    assert quarters(connection) == {0: 150, 1: 150}


def test_a_replacement_told_an_hour_later_mends_what_was_taken_for_a_reset(
    accounts: Accounts, connection: sqlite3.Connection
) -> None:
    for minute in range(10):
        book(accounts, connection, minute, 1000 + minute)
    for minute in range(14, 62):  # the new meter speaks before anybody told of it
        book(accounts, connection, minute, 3 + minute - 10)
    assert kinds(connection) == {"reset": "closed"}
    assert quarters(connection)[0] != 150
    replace_meter(connection, accounts, told(10, "1010", "3"), T0 + 62 * MINUTE)
    settle(accounts, connection, 64)
    assert quarters(connection) == {0: 150, 1: 150, 2: 150, 3: 150}
    assert kinds(connection) == {"reset": "withdrawn", "meter_replaced": "closed"}


def test_a_restart_and_a_recount_from_raw_see_the_same(
    site: LoadedSite, accounts: Accounts, connection: sqlite3.Connection
) -> None:
    for minute in range(11):
        book(accounts, connection, minute, 1000 + minute)
    replace_meter(connection, accounts, told(10.5, "1010.5", "7.2"), T0 + 12 * MINUTE)
    again = Accounts(site, build_points(site))
    again.restore(connection, T0 + 12 * MINUTE)
    for minute in range(12, 32):
        book(again, connection, minute, 7.2 + minute - 10.5)
    running = quarters(connection)
    late = T0 + 5 * MINUTE + 1  # a late reading has the slot computed again from raw
    again.book(connection, [Readings((IMPORT,), late, T0 + 32 * MINUTE, [1005.0])], T0 + 32 * MINUTE)
    settle(again, connection, 34)
    assert quarters(connection) == running == {0: 150, 1: 150}


def test_registers_ratio_time_and_who_are_kept(accounts: Accounts, connection: sqlite3.Connection) -> None:
    book(accounts, connection, 0, 1000)
    answer = replace_meter(
        connection, accounts, told(10, "1010.5", "0.3", note="工单 17", ct_ratio="60"), T0 + 11 * MINUTE
    )
    assert answer["device"] == "main-e"
    (evidence,) = connection.execute("SELECT evidence FROM event WHERE kind = 'meter_replaced'").fetchone()
    found = json.loads(evidence)
    assert (found["user"], found["note"], found["ct_ratio"]) == ("王工", "工单 17", "60")
    assert found["registers"][IMPORT] == [1010.5, 0.3]
    assert connection.execute("SELECT at, final_steps, initial_steps, ct_ratio FROM replacement").fetchone() == (
        T0 + 10 * MINUTE, 10105, 3, "60",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (told(5, "999", "0"), "is below its last reading before that time, 1000 kWh"),
        (told(5, "abc", "0"), "energy_import.final"),
        (told(5, "1001", "-1"), "energy_import.initial"),
        (told(5, "1001", "NaN"), "energy_import.initial"),
        (told(15, "1001", "0"), "last 7 days"),
        (told(-8 * 1440, "1001", "0"), "last 7 days"),
        (told(5, "1001", "0", ct_ratio="0"), "ct_ratio"),
        (told(5, "1001", "0", colour="red"), "has no colour"),
        (replace(told(5, "1001", "0"), subject="main-f"), "no device main-f"),
        (replace(told(5, "1001", "0"), body={"at": T0, "registers": {"energy_import": {}}}), "of each of"),
    ],
    ids=["below", "words", "negative", "nan", "future", "long ago", "ratio", "key", "device", "registers"],
)
def test_a_replacement_that_cannot_be_is_refused_and_leaves_nothing(
    accounts: Accounts, connection: sqlite3.Connection, command: Command, says: str
) -> None:
    book(accounts, connection, 0, 1000)
    connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(ControlError, match=says):
        replace_meter(connection, accounts, command, T0 + 10 * MINUTE)
    connection.execute("ROLLBACK")
    book(accounts, connection, 16, 1016)
    assert quarters(connection) == {0: 150}
    assert connection.execute("SELECT count(*) FROM replacement").fetchone() == (0,)


def test_another_ratio_is_refused_until_the_replacement_is_told(tmp_path: Path) -> None:
    meter = {"id": "main-e", "profile": "chint-dtsu666", "bus": "east", "unit_id": 1, "poll_interval_s": 60}
    old, new = (small_site(tmp_path, devices=[{**meter, "ct_ratio": ratio}]) for ratio in (40, 60))
    with closing(open_writer(old.buffer_path)) as connection:
        accounts = Accounts(old, build_points(old))
        accounts.restore(connection, T0)
        book(accounts, connection, 0, 1000)
        step = accounts.points[IMPORT].step
        with pytest.raises(ConfigError, match="meter replace"):
            Accounts(new, build_points(new)).restore(connection, T0)
        replace_meter(connection, accounts, told(10, "1010", "0", ct_ratio="60"), T0 + 11 * MINUTE)
        accounts = Accounts(new, build_points(new))
        accounts.restore(connection, T0 + 11 * MINUTE)
        assert accounts.points[IMPORT].step == step  # old figures keep their meaning
        for minute in range(11, 32):
            book(accounts, connection, minute, minute - 10)
        assert {slot: float((steps or 0) * step) for slot, steps in quarters(connection).items()} == {
            0: pytest.approx(15, abs=float(step)), 1: pytest.approx(15, abs=float(step)),
        }  # fmt: skip


@pytest.mark.parametrize("is_told_late", [False, True])
def test_two_meters_swapped_by_mistake_and_swapped_back_count_what_flowed(
    accounts: Accounts, connection: sqlite3.Connection, is_told_late: bool
) -> None:
    swapped, back = told(10, "1010", "5000"), replace(told(40, "5030", "1010"), key="k2")
    for minute in range(10):
        book(accounts, connection, minute, 1000 + minute)
    if not is_told_late:
        replace_meter(connection, accounts, swapped, T0 + 11 * MINUTE)
    for minute in range(12, 40):
        book(accounts, connection, minute, 5000 + minute - 10)
    if not is_told_late:
        replace_meter(connection, accounts, back, T0 + 41 * MINUTE)
    for minute in range(42, 62):
        book(accounts, connection, minute, 1010 + minute - 40)
    if is_told_late:
        replace_meter(connection, accounts, swapped, T0 + 62 * MINUTE)
        assert (
            kinds(connection)["reset"] == "closed"
        )  # the fall is not explained by the meter that stood higher
        replace_meter(connection, accounts, back, T0 + 62 * MINUTE)
    settle(accounts, connection, 64)
    assert quarters(connection) == {0: 150, 1: 150, 2: 150, 3: 150}
    assert kinds(connection).get("reset", "withdrawn") == "withdrawn"
