"""The proof of a change: every bit of it, in rows of this schema and of older ones."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import DamagedRowError
from gateway.store import changes, proof
from gateway.store.changes import ChangeLog
from gateway.store.database import open_reader, open_writer

HEADER_BYTES = 10
"""Before the columns of a row, as SQLite keeps it: two lengths, the seq, and the types of seven columns."""


def filled(path: Path) -> sqlite3.Connection:
    connection = open_writer(path)
    log = ChangeLog(0)
    log.append("interval", "15min/a.b/0", 1, 5, b'{"share":1.0}')
    log.append("site", "site", 1, 6, '{"name":"示例"}'.encode())
    log.flush(connection)
    return connection


def test_a_change_comes_back_as_it_was_told(tmp_path: Path) -> None:
    with closing(filled(tmp_path / "buffer.db")) as connection:
        assert [(change.seq, change.kind) for change in changes.read(connection, 0, 9)] == [
            (1, "interval"),
            (2, "site"),
        ]


@pytest.mark.parametrize(
    "harm",
    [
        "key = '15min/a.c/0'",
        "revision = 3",
        "at = 4",
        "kind = 'event'",
        "body = x'7b7d'",
        "body = 'text'",
        "body = 7",
    ],
)
def test_a_change_that_is_not_as_it_was_written_is_not_given_out(tmp_path: Path, harm: str) -> None:
    with closing(filled(tmp_path / "buffer.db")) as connection:
        connection.execute(f"UPDATE change SET {harm} WHERE seq = 1")
        with pytest.raises(DamagedRowError):
            changes.read(connection, 0, 9)
        assert len(changes.read(connection, 1, 9)) == 1


def long_feed(path: Path) -> sqlite3.Connection:
    """Two and a half times as many rows as are read at once."""
    connection = open_writer(path)
    connection.execute("BEGIN")
    log = ChangeLog(0)
    for seq in range(1, changes.ROWS_AT_ONCE * 5 // 2):
        log.append("interval", f"15min/a.b/{seq}", 1, 5, b'{"share":1.0}')
    log.flush(connection)
    connection.execute("COMMIT")
    return connection


@pytest.mark.parametrize("off", [0, -1, 1])
def test_the_one_damaged_row_is_named_wherever_it_lies(tmp_path: Path, off: int) -> None:
    seq = changes.ROWS_AT_ONCE + off
    with closing(long_feed(tmp_path / "buffer.db")) as connection:
        connection.execute("UPDATE change SET body = replace(body, '1', '3') WHERE seq = ?", (seq,))
        with pytest.raises(DamagedRowError) as damage:
            changes.read(connection, 0, 5000)
        assert damage.value.key == (seq,)
        assert [change.seq for change in changes.read(connection, 0, seq - 1)] == list(range(1, seq))
        assert changes.read(connection, seq, 1)[0].seq == seq + 1


def test_a_long_feed_comes_back_whole_and_in_order(tmp_path: Path) -> None:
    with closing(long_feed(tmp_path / "buffer.db")) as connection:
        found = changes.read(connection, 0, 5000)
        assert [change.seq for change in found] == list(range(1, changes.head(connection) + 1))
        assert {change.key for change in found} == {f"15min/a.b/{change.seq}" for change in found}


def test_a_flipped_bit_of_a_stored_change_never_reaches_an_uplink(tmp_path: Path) -> None:
    """Every bit of the row in the file, its header and CRC too. Where the reader passes the row by, since its number lies before
    the reader's place now, the scrub finds it."""
    path = tmp_path / "buffer.db"
    with closing(filled(path)) as connection:
        told = changes.read(connection, 0, 9)
        (crc,) = connection.execute("SELECT crc FROM change WHERE seq = 1").fetchone()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = path.read_bytes()
    assert data.count(told[0].body) == 1
    start = data.index(b"interval15min/a.b/0") - HEADER_BYTES
    end = data.index(told[0].body) + len(told[0].body) + (4 if crc < 2**31 else 6)
    for bit in range(8 * start, 8 * end):
        with flipped(path, bit) as reader, suppress(DamagedRowError, sqlite3.DatabaseError):
            found = changes.read(reader, 0, 9)
            assert [change for change in found if change not in told] == [], f"bit {bit - 8 * start}"
            rows = reader.execute(f"SELECT {changes.PROVEN} FROM change").fetchall()
            assert found == told or not all(map(changes.is_proven, rows)), f"bit {bit - 8 * start}"
    assert path.read_bytes() == data


@contextmanager
def flipped(path: Path, bit: int) -> Iterator[sqlite3.Connection]:
    """A reader of the file with one bit of it flipped, for as long as it is open."""
    flip(path, bit)
    with closing(open_reader(path)) as reader:
        yield reader
    flip(path, bit)


def flip(path: Path, bit: int) -> None:
    with path.open("r+b") as file:
        file.seek(bit // 8)
        (byte,) = file.read(1)
        file.seek(bit // 8)
        file.write(bytes([byte ^ 1 << bit % 8]))


@given(st.binary(min_size=1, max_size=80), st.data())
def test_every_bit_of_a_body_counts(body: bytes, data: st.DataObject) -> None:
    row = (1, "interval", "k", 1, 5, body)
    bit = data.draw(st.integers(0, 8 * len(body) - 1))
    other = bytearray(body)
    other[bit // 8] ^= 1 << bit % 8
    assert changes.is_proven((*row, changes.checksum(*row)))
    assert not changes.is_proven((*row[:-1], bytes(other), changes.checksum(*row)))


def test_rows_of_older_schemas_are_proven_by_their_own_sum_or_have_none() -> None:
    row = (1, "interval", "k", 1, 5, b"{}")
    assert changes.is_proven((*row, proof.checksum(row)))
    assert changes.is_proven((*row, None))
    assert not changes.is_proven(("15min/a.b/0", 1, 1, 5, b"{}", None, None)), "columns that moved up"
    assert not changes.is_proven((*row, proof.checksum(row) ^ 1))
