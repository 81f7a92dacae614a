"""Rows on their way into the buffer."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store import readings
from gateway.store.database import open_writer
from gateway.store.new_rows import ROWS_A_STATEMENT, NewRows

AT = 1_790_000_000_000
COLUMNS = "measured_at, point_id, lag, value, quality, reason, crc"


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = open_writer(tmp_path / "buffer.db")
    connection.execute("BEGIN IMMEDIATE")
    yield connection
    connection.execute("ROLLBACK")
    connection.close()


def stored(connection: sqlite3.Connection) -> list[readings.Row]:
    return connection.execute(f"SELECT {COLUMNS} FROM reading ORDER BY measured_at, point_id").fetchall()


@pytest.mark.parametrize("count", [1, 9, 61, sum(ROWS_A_STATEMENT) - 1, 2 * max(ROWS_A_STATEMENT)])
def test_good_rows_of_any_number_go_in_as_single_ones_would(
    connection: sqlite3.Connection, count: int
) -> None:
    rows, points = NewRows(), range(count)
    rows.add_good(AT, 40, points, [7 * point - 3 for point in points])
    rows.insert(connection)
    assert stored(connection) == [readings.row(AT, point, 40, 7 * point - 3, 0, None) for point in points]
    rows.insert(connection)  # nothing is left
    assert len(stored(connection)) == count


def test_a_good_row_of_the_same_instant_takes_the_place_of_a_bad_one(connection: sqlite3.Connection) -> None:
    rows = NewRows()
    rows.add(readings.row(AT, 1, 0, None, 2, "range"))
    rows.add_good(AT, 0, [1], [5])
    rows.insert(connection)
    assert stored(connection) == [readings.row(AT, 1, 0, 5, 0, None)]


def test_a_crc_takes_no_more_than_four_bytes_and_an_older_one_kept_unsigned_is_as_good() -> None:
    rows = [readings.row(AT + number, number % 300, 40, 7 * number, 0, None) for number in range(200)]
    assert all(-(2**31) <= row[-1] < 2**31 for row in rows)
    assert {row[-1] < 0 for row in rows} == {True, False}
    for row in rows:
        older = (*row[:-1], row[-1] % 2**32)
        assert readings.is_proven(row)
        assert readings.is_proven(older)
        assert not any(readings.is_proven((*row[:-1], row[-1] ^ 1 << bit)) for bit in range(32))
        assert not readings.is_proven((*row[:-1], row[-1] + 2**33))


def test_crcs_of_many_rows_are_those_of_each() -> None:
    points, values = range(300), [2**40 - 7**number % 2**41 for number in range(300)]
    assert list(readings.good_crcs(AT, -3, points, values)) == [
        readings.crc(AT, point, -3, value, 0) for point, value in zip(points, values, strict=True)
    ]
