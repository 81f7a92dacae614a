"""Opening the buffer: schema, pragmas, epoch and lock. The only module that imports sqlite_utils.

sqlite_utils pulls pandas and numpy into the process when they are installed (41 → 86 MB), so both are hidden while it
is imported, and no plugin of its is looked for among the installed packages. Every accepted commit is synchronous=FULL.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import uuid
from contextlib import closing, suppress
from itertools import chain
from pathlib import Path
from typing import IO

from gateway.errors import DamagedBufferError, NewerSchemaError, StoreError, StoreLockedError
from gateway.store.migrations import STEPS, register
from runtime.memory import without

MIGRATIONS = "campus-gateway"

# WAL stays small (P9): checkpoint every 1,000 pages, and give the file back down to 16 MiB.
PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA wal_autocheckpoint=1000",
    "PRAGMA journal_size_limit=16777216",
    "PRAGMA busy_timeout=5000",
    "PRAGMA cache_size=-4096",
)
"""4 MiB of pages: readings go in at the end, and of older pages a transaction wants few. 16 MiB are filled within minutes and
save nothing; with 2 MiB a replay of 10,000 rows a commit writes a ninth more (docs/decisions/0019)."""
READER_CACHE = "PRAGMA cache_size=-512"
"""Who reads here goes through once, in order."""


class BufferLock:
    """Holds ``<buffer>.lock`` for as long as it lives; a second collector is refused in one sentence."""

    def __init__(self, path: Path) -> None:
        lock_path = path.with_name(path.name + ".lock")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: IO[str] = lock_path.open("a+", encoding="ascii")
        except OSError as error:
            raise StoreError(
                f"{path}: the buffer cannot be written: {error.strerror}; check that its disk is mounted for writing, and the "
                "folder's permissions"
            ) from error
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
    """The one writing connection, with the newest schema and an epoch. Raises StoreError naming the file, NewerSchemaError
    where a newer version wrote it, and DamagedBufferError where its tables are not those of its schema."""
    _refuse_newer(path)
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise _cannot_open(path, error) from error
    try:
        for pragma in PRAGMAS:
            connection.execute(pragma)
        _migrate(connection)
        _check_schema(connection)
        connection.execute("INSERT OR IGNORE INTO meta VALUES ('epoch', ?)", (uuid.uuid4().hex,))
    except StoreError:
        connection.close()
        raise
    except (
        UnicodeDecodeError
    ) as error:  # the driver cannot read the engine's own message, which quotes damaged text
        connection.close()
        raise DamagedBufferError(f"{path}: damaged text in its schema") from error
    except sqlite3.Error as error:
        connection.close()
        if error.sqlite_errorcode == sqlite3.SQLITE_ERROR:
            raise DamagedBufferError(f"{path}: its tables are not those of its schema: {error}") from error
        raise _cannot_open(path, error) from error
    return connection


def _cannot_open(path: Path, error: sqlite3.Error) -> StoreError:
    return StoreError(
        f"{path}: cannot open the buffer: {error}; check the folder's permissions and free space"
    )


def open_reader(path: Path) -> sqlite3.Connection:
    """A read-only connection; it works while the collector writes or is down. Raises StoreError naming the file."""
    try:
        connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA busy_timeout=5000")
    except sqlite3.Error as error:
        raise StoreError(f"{path}: cannot read the buffer: {error}") from error
    with suppress(
        sqlite3.DatabaseError
    ):  # it looks into the file; what is damaged there the first question finds as well
        connection.execute(READER_CACHE)
    return connection


def epoch_of(connection: sqlite3.Connection) -> str:
    row = connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()
    return str(row[0])


def new_epoch(connection: sqlite3.Connection) -> str:
    """From here on the change feed is another one: no number of the old one is given out again under its name."""
    epoch = uuid.uuid4().hex
    connection.execute("UPDATE meta SET value = ? WHERE key = 'epoch'", (epoch,))
    return epoch


def schema_of(connection: sqlite3.Connection) -> list[str]:
    """Names of the migrations a buffer has been through."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = '_sqlite_migrations'").fetchone():
        return []
    rows = connection.execute(
        "SELECT name FROM _sqlite_migrations WHERE migration_set = ? ORDER BY name", (MIGRATIONS,)
    )
    return [str(row[0]) for row in rows]


def _migrate(connection: sqlite3.Connection) -> None:
    """Through sqlite_utils where there is anything to do; from the second start on it need not be loaded (3 MB, 0.05 s)."""
    if STEPS.keys() <= set(schema_of(connection)):
        return
    with without("numpy", "pandas"):
        from sqlite_utils import Database, Migrations
    migrations = Migrations(MIGRATIONS)
    register(migrations)
    migrations.apply(Database(connection, execute_plugins=False))


def _refuse_newer(path: Path) -> None:
    """Asked read-only, before anything is written: a file of a newer version stays as it is. What cannot be read at all is
    for the writer to find."""
    if not path.exists() or path.stat().st_size == 0:
        return
    try:
        with closing(open_reader(path)) as reader:
            found = schema_of(reader)
    except (sqlite3.Error, StoreError, UnicodeDecodeError):
        return
    unknown = sorted(set(found) - STEPS.keys())
    if unknown and not STEPS.keys() <= set(found):
        raise DamagedBufferError(f"its list of schemas makes no sense: {', '.join(found)}")
    if unknown:
        raise NewerSchemaError(
            f"{path}: a newer version of campus-gateway wrote this buffer ({', '.join(unknown)}); install that version "
            "again, or give this one a buffer of its own (site file: buffer: {path: …}); nothing was changed"
        )


def _check_schema(connection: sqlite3.Connection) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        for statement in chain.from_iterable(STEPS.values()):
            fresh.execute(statement)
        missing = _columns(fresh) - _columns(connection)
    if missing:
        table, column = min(missing)
        raise DamagedBufferError(f"table {table} has no column {column}")


def _columns(connection: sqlite3.Connection) -> set[tuple[str, str]]:
    return set(
        connection.execute(
            "SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'"
        )
    )
