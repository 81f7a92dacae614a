"""Events of registers that fell: late words make and unmake them as they make and unmake the falls."""

from __future__ import annotations

import sqlite3

import pytest

from gateway.book.accounts import Accounts
from tests.gateway.conftest import T0
from tests.gateway.test_accounts import MINUTE, energy
from tests.gateway.test_late_readings import say, slots


def fell(connection: sqlite3.Connection) -> list[tuple[int, str]]:
    found = connection.execute("SELECT start, state FROM event WHERE kind = 'reset' ORDER BY start")
    return [((start - T0) // MINUTE, state) for start, state in found]


@pytest.mark.parametrize("arrives", [8, 20])
def test_a_late_word_that_makes_a_reset_of_a_dip_tells_it(
    accounts: Accounts, connection: sqlite3.Connection, arrives: int
) -> None:
    for minute, kwh in ((0, 5000), (5, 5005), (6, 1), (8, 6000), (arrives, 6010)):
        say(accounts, connection, energy(minute, kwh), minute=minute)
    assert fell(connection) == []
    say(accounts, connection, energy(7, 2), minute=arrives)
    accounts.tick(connection, T0 + (arrives + 2) * MINUTE)
    assert fell(connection) == [(6, "closed")]


@pytest.mark.parametrize("arrives", [9, 20])
def test_a_late_word_that_makes_a_dip_of_a_reset_withdraws_it(
    accounts: Accounts, connection: sqlite3.Connection, arrives: int
) -> None:
    for minute, kwh in ((0, 5000), (5, 5005), (6, 1), (8, 2), (arrives, 5009)):
        say(accounts, connection, energy(minute, kwh), minute=minute)
    assert fell(connection) == [(6, "closed")]
    say(accounts, connection, energy(7, 5007), minute=arrives)
    accounts.tick(connection, T0 + (arrives + 2) * MINUTE)
    say(accounts, connection, energy(25, 5025), energy(31, 5031), minute=31)
    assert fell(connection) == [(6, "withdrawn")]
    assert sum(steps or 0 for _, steps in slots(connection).values()) == 300
