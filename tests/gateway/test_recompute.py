"""Slots that are computed again while their counter still closes those of a long silence."""

from __future__ import annotations

import sqlite3

import pytest

from gateway.book.accounts import Accounts
from tests.gateway.conftest import T0
from tests.gateway.test_accounts import MINUTE, energy
from tests.gateway.test_late_readings import HOUR, say, slots


@pytest.mark.parametrize("late_hour", [10, 50])
def test_a_late_reading_that_comes_while_its_counter_catches_up_with_a_long_silence_is_not_lost(
    accounts: Accounts, connection: sqlite3.Connection, late_hour: int
) -> None:
    say(accounts, connection, energy(0, 100), minute=0)
    for hour in range(1, 60):
        accounts.tick(connection, T0 + hour * HOUR * MINUTE)
    back = 60 * HOUR
    say(accounts, connection, energy(back, 700), minute=back)
    say(accounts, connection, energy(late_hour * HOUR, 130), minute=back)
    for tick in range(8):
        accounts.tick(connection, T0 + back * MINUTE + 70_000 + tick * 70_000)
    steps = [found[1] for _, found in sorted(slots(connection).items())]
    assert sum(one or 0 for one in steps[: 4 * late_hour]) == 300
    assert sum(one or 0 for one in steps) == 6000
