"""Opening the buffer: schema, pragmas, epoch and lock. The only module that imports sqlite_utils.

sqlite_utils pulls pandas and numpy into the process when they are installed (41 → 86 MB), so both are hidden while it
is imported. Every accepted commit is synchronous=FULL.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import sys
import uuid
from pathlib import Path
from typing import IO

from gateway.errors import StoreError, StoreLockedError
from gateway.store.migrations import register

HIDDEN = ("numpy", "pandas")

# WAL stays small (P9): checkpoint every 1,000 pages, and give the file back down to 16 MiB.
PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA wal_autocheckpoint=1000",
    "PRAGMA journal_size_limit=16777216",
    "PRAGMA busy_timeout=5000",
    "PRAGMA cache_size=-16384",
)


class BufferLock:
    """Holds ``<buffer>.lock`` for as long as it lives; a second collector is refused in one sentence."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock_path = path.with_name(path.name + ".lock")
        self._file: IO[str] = lock_path.open("a+", encoding="ascii")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            holder = self._file.read().strip() or "unknown"
            self._file.close()
            raise StoreLockedError(
                f"{path}: another collector or replay (process {holder}) is writing this buffer; stop it first, or give "
                "this site a buffer of its own (site file: buffer: {path: …})"
            ) from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        self._file.close()


def open_writer(path: Path) -> sqlite3.Connection:
    """The one writing connection, with the newest schema and an epoch. Raises StoreError naming the file."""
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for pragma in PRAGMAS:
            connection.execute(pragma)
        _migrate(connection)
        connection.execute("INSERT OR IGNORE INTO meta VALUES ('epoch', ?)", (uuid.uuid4().hex,))
    except sqlite3.Error as error:
        raise StoreError(
            f"{path}: cannot open the buffer: {error}; check the folder's permissions and free space"
        ) from error
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A read-only connection; it works while the collector writes or is down. Raises StoreError naming the file."""
    try:
        connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA busy_timeout=5000")
    except sqlite3.Error as error:
        raise StoreError(f"{path}: cannot read the buffer: {error}") from error
    return connection


def epoch_of(connection: sqlite3.Connection) -> str:
    row = connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()
    return str(row[0])


def _migrate(connection: sqlite3.Connection) -> None:
    hidden = {name: sys.modules.get(name) for name in HIDDEN if name not in sys.modules}
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        from sqlite_utils import Database, Migrations
    finally:
        for name in hidden:
            del sys.modules[name]
    migrations = Migrations("campus-gateway")
    register(migrations)
    migrations.apply(Database(connection))
