"""SQLite behind the seam: one connection that writes, in one thread; readers are read-only connections of their own."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

from district.store.database import DatabaseTrouble, Row, Table
from district.store.sqlite_schema import open_for_reading, open_for_writing


@cache
def _upsert(table: Table) -> str:
    marks = ", ".join("?" * len(table.columns))
    return f"INSERT INTO {table.name} ({table.named()}) VALUES ({marks}) {table.on_conflict()}"


class SqliteConnection:
    """A writer's or a reader's; foreign errors are converted by whoever opened it."""

    __slots__ = ("_connection",)
    for_update = ""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, *values: object) -> list[Row]:
        return self._connection.execute(sql, values).fetchall()

    def run(self, sql: str, *values: object) -> int:
        return self._connection.execute(sql, values).rowcount

    def run_many(self, sql: str, rows: Sequence[Row]) -> None:
        self._connection.executemany(sql, rows)

    def upsert(self, table: Table, rows: Sequence[Row]) -> None:
        self._connection.executemany(_upsert(table), rows)


class SqliteDatabase:
    """A file. All writes and checkpoints go through one connection, bound to the thread that first wrote."""

    writers = 1

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: sqlite3.Connection | None = None

    @contextmanager
    def transaction(self) -> Iterator[SqliteConnection]:
        """After DatabaseTrouble the connection is opened anew: what SQLite holds of a failed commit is not known."""
        if self._writer is None:
            self._writer = open_for_writing(self._path)
        writer = self._writer
        try:
            writer.execute("BEGIN IMMEDIATE")
            yield SqliteConnection(writer)
            writer.execute("COMMIT")
        except sqlite3.Error as error:
            self.close()
            raise DatabaseTrouble(str(error)) from error
        finally:
            if self._writer is not None and writer.in_transaction:
                writer.execute("ROLLBACK")

    @contextmanager
    def snapshot(self) -> Iterator[SqliteConnection]:
        try:
            with closing(open_for_reading(self._path)) as connection:
                yield SqliteConnection(connection)
        except sqlite3.Error as error:
            raise DatabaseTrouble(str(error)) from error

    def make_room(self, starts: Iterable[int]) -> None:
        """A file grows by itself."""

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
