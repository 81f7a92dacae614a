"""The write-ahead log stays short while readers come and go; fault F13."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store import wal
from gateway.store.database import open_reader, open_writer
from gateway.store.space import MIB, wal_bytes
from gateway.store.wal import LogLimit


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "buffer.db"


@pytest.fixture
def writer(path: Path) -> Iterator[sqlite3.Connection]:
    connection = open_writer(path)
    connection.execute("CREATE TABLE waste (id INTEGER PRIMARY KEY, bytes BLOB)")
    yield connection
    connection.close()


def write(writer: sqlite3.Connection, mib: float) -> None:
    writer.execute("INSERT OR REPLACE INTO waste VALUES (1, zeroblob(?))", (round(mib * MIB),))


def held(path: Path) -> sqlite3.Connection:
    """A reader inside a snapshot."""
    reader = open_reader(path)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM waste").fetchone()
    return reader


def test_a_long_log_begins_anew_when_nobody_reads(path: Path, writer: sqlite3.Connection) -> None:
    for _ in range(4):
        write(writer, 3)
    assert LogLimit(path).hold(writer) == 0


def test_p9_the_log_stays_below_sixteen_mib_while_readers_never_leave_a_gap(
    path: Path, writer: sqlite3.Connection
) -> None:
    """Each reader begins before the one before it ends, so that nobody but the writer finds a moment without any."""
    over, begun = threading.Event(), threading.Semaphore(0)

    def look_again_and_again() -> None:
        reader = held(path)
        begun.release()
        while not over.wait(0.02):
            reader, before = held(path), reader
            before.close()
        reader.close()

    thread = threading.Thread(target=look_again_and_again)
    thread.start()
    begun.acquire()
    limit, sizes = LogLimit(path), []
    for _ in range(40):
        write(writer, 1)
        limit.hold(writer)
        sizes.append(wal_bytes(path))
    over.set()
    thread.join()
    assert max(sizes) <= wal.MAX_BYTES


def test_a_reader_that_does_not_end_is_waited_for_once_and_not_at_every_tick(
    path: Path, writer: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wal, "LONG_WAIT_MS", 300)
    monkeypatch.setattr(wal, "SHORT_WAIT_MS", 1)
    reader, limit = held(path), LogLimit(path)
    for _ in range(5):
        write(writer, 3)
    waits: list[int] = []
    writer.set_trace_callback(
        lambda sql: waits.append(int(sql.split("=")[1])) if "busy_timeout" in sql else None
    )
    for _ in range(3):
        assert limit.hold(writer) > wal.LONGER_BYTES
    assert waits == [300, wal.BUSY_TIMEOUT_MS, 1, wal.BUSY_TIMEOUT_MS, 1, wal.BUSY_TIMEOUT_MS]
    reader.close()
    assert limit.hold(writer) == 0


def test_the_long_wait_ends_when_the_reader_does(path: Path, writer: sqlite3.Connection) -> None:
    reader, limit = held(path), LogLimit(path)
    for _ in range(5):
        write(writer, 3)
    leaving = threading.Timer(0.2, reader.close)
    leaving.start()
    assert limit.hold(writer) == 0
    leaving.join()
