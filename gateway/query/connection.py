"""Read-only connections to the buffer: one per question, one snapshot, a deadline.

Knows SQLite's ``mode=ro`` and nothing of what is asked. A buffer that is not there yet, or has no tables yet, is read as
an empty one. Works while the collector writes, is down, or was killed with a hot write-ahead log: the reader recovers
the log's index in shared memory and never writes the buffer or its log.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.errors import QueryTimeoutError, StoreError
from gateway.store.migrations import STEPS
from runtime.clock import SystemClock

REAL_CLOCK = SystemClock()
"""The deadline protects people who wait, so it runs in real time also where the gateway's clock runs fast."""

STEPS_BETWEEN_LOOKS = 10_000  # of SQLite's virtual machine; well below a millisecond


@contextmanager
def snapshot_of(path: Path, deadline_s: float) -> Iterator[sqlite3.Connection]:
    """A connection inside one read transaction. Raises QueryTimeoutError past the deadline and StoreError, naming the
    file, when the buffer cannot be read."""
    with within(_open(path, deadline_s), path, deadline_s) as connection:
        yield connection


@contextmanager
def within(connection: sqlite3.Connection, path: Path, deadline_s: float) -> Iterator[sqlite3.Connection]:
    """``connection`` until the deadline, then closed; errors are named as those of the file ``path``."""
    ends_at = REAL_CLOCK.monotonic_s() + deadline_s
    connection.set_progress_handler(lambda: REAL_CLOCK.monotonic_s() > ends_at, STEPS_BETWEEN_LOOKS)
    try:
        yield connection
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            raise QueryTimeoutError(
                f"the buffer did not answer within {deadline_s:g} s; ask for a shorter span, or try again"
            ) from error
        raise StoreError(f"{path}: cannot read the buffer: {error}") from error
    except sqlite3.DatabaseError as error:
        raise StoreError(
            f"{path}: the buffer is damaged: {error}; stop the collector and keep a copy"
        ) from error
    finally:
        connection.close()


def _open(path: Path, timeout_s: float) -> sqlite3.Connection:
    if not path.exists():
        return empty_buffer()
    try:
        connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=timeout_s
        )
    except sqlite3.Error as error:
        raise StoreError(f"{path}: cannot open the buffer: {error}; check who may read it") from error
    try:
        connection.execute("BEGIN")
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'statement'").fetchone():
            return connection
    except sqlite3.Error as error:
        connection.close()
        raise StoreError(
            f"{path}: cannot read the buffer: {error}; check who may read it and its folder"
        ) from error
    connection.close()
    return empty_buffer()


def empty_buffer(timeout_s: float = 5.0) -> sqlite3.Connection:
    """What a buffer looks like before the collector's first start: every table, no row."""
    connection = sqlite3.connect("file::memory:", uri=True, isolation_level=None, timeout=timeout_s)
    for statements in STEPS.values():
        for statement in statements:
            connection.execute(statement)
    return connection


def change_token(path: Path) -> str:
    """Differs whenever a commit or a checkpoint touched the buffer; two ``stat`` calls, no connection."""
    return "/".join(_stamp(file) for file in (path, path.with_name(path.name + "-wal")))


def _stamp(file: Path) -> str:
    try:
        stat = file.stat()
    except FileNotFoundError:
        return "-"
    # A reader may leave an empty log behind; that is no news.
    return f"{stat.st_ino:x}.{stat.st_size:x}.{stat.st_mtime_ns:x}" if stat.st_size else "-"
