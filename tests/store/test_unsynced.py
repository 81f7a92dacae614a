"""Readings that wait for their time: in order, proven, and told apart by the boot they came in."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.store import quarantine, unsynced
from gateway.store.database import open_writer
from gateway.store.unsynced import Waiting

ROWS = [Waiting(100 + n, 1 + n % 2, -5 + n, None if n == 3 else n, 0, None) for n in range(6)]


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_writer(tmp_path / "buffer.db")) as found:
        yield found


def test_rows_are_taken_oldest_first_and_once(connection: sqlite3.Connection) -> None:
    assert unsynced.put(connection, "a", ROWS[:4]) == 4
    assert unsynced.put(connection, "a", ROWS[4:]) == 2
    assert unsynced.oldest_mono_ms(connection, "a") == 100
    assert unsynced.take(connection, "a", 4) == ROWS[:4]
    assert unsynced.take(connection, "a", 4) == ROWS[4:]
    assert not unsynced.is_any(connection)


def test_rows_of_another_boot_are_counted_and_gone(connection: sqlite3.Connection) -> None:
    unsynced.put(connection, "old", ROWS)
    unsynced.put(connection, "new", ROWS[:1])
    assert unsynced.take_timeless(connection, "new", 4) == {1: 2, 2: 2}
    assert unsynced.take_timeless(connection, "new", 4) == {1: 1, 2: 1}
    assert unsynced.count(connection) == 1


def test_a_row_that_is_not_as_it_was_written_is_taken_out_of_use(connection: sqlite3.Connection) -> None:
    unsynced.put(connection, "a", ROWS[:3])
    connection.execute("UPDATE unsynced SET value = value + 1 WHERE mono_ms = 101")
    assert unsynced.take(connection, "a", 10) == [ROWS[0], ROWS[2]]
    assert not unsynced.is_any(connection)
    assert [(one.source, one.point_id) for one in quarantine.untold(connection)] == [("unsynced", 2)]
