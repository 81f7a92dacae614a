"""The seam between the district and its database. Knows no driver: ``sqlite`` and ``postgres`` stand behind it.

SQL is written once, in what SQLite and PostgreSQL have in common, with ``?`` for a value. Every statement names the
``site_id`` of the rows it means, so that tables may be spread over machines by site. What the two do differently is
here in words: a transaction, a snapshot, the lock of a row, the upsert of many rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

Row = tuple[Any, ...]
POSTGRESQL = ("postgresql://", "postgres://")


class DatabaseTrouble(Exception):  # noqa: N818 - nobody's mistake
    """The database did not do what it was asked. Whether a transaction is on the disk is then not known: the same batch
    is sent again and finds out."""


@dataclass(frozen=True, slots=True)
class Table:
    """What an upsert needs to know. ``rest`` ends in ``revision``: the higher one wins. ``owner``, where there is one,
    is a column that an upsert never changes and must find equal."""

    name: str
    key: tuple[str, ...]
    rest: tuple[str, ...]
    owner: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        return self.key + self.rest

    def on_conflict(self) -> str:
        """The end of an INSERT: what happens to a row that is there."""
        kept = {self.owner}
        changed = ", ".join(f'"{name}" = excluded."{name}"' for name in self.rest if name not in kept)
        same = f" AND excluded.{self.owner} = {self.name}.{self.owner}" if self.owner else ""
        return (
            f"ON CONFLICT ({', '.join(self.key)}) DO UPDATE SET {changed}"
            f" WHERE excluded.revision > {self.name}.revision{same}"
        )

    def named(self) -> str:
        return ", ".join(f'"{name}"' for name in self.columns)


class Connection(Protocol):
    """One transaction's or one snapshot's way to the database. Every method raises DatabaseTrouble."""

    for_update: str
    """Ends a SELECT whose row nobody else may change until the transaction ends; empty where there is one writer."""

    def rows(self, sql: str, *values: object) -> list[Row]: ...

    def run(self, sql: str, *values: object) -> int:
        """How many rows it touched."""
        ...

    def run_many(self, sql: str, rows: Sequence[Row]) -> None: ...

    def upsert(self, table: Table, rows: Sequence[Row]) -> None:
        """``rows`` in the order of ``table.columns``, each key once. Counts of ``slot`` follow those of ``interval``."""
        ...


class Database(Protocol):
    """Where the district keeps what it received."""

    writers: int
    """How many transactions may run at once, each in a thread of its own; with 1 always the same thread."""

    def transaction(self) -> AbstractContextManager[Connection]:
        """All or nothing, and on the disk when the block has ended."""
        ...

    def snapshot(self) -> AbstractContextManager[Connection]:
        """Questions to one state of the data; they cannot write and may not run for ever."""
        ...

    def make_room(self, starts: Iterable[int]) -> None:
        """Before a transaction that will write intervals with these starts (UTC ms)."""
        ...

    def close(self) -> None:
        """In the thread that wrote. Safe to call again."""
        ...


def open_database(where: Path | str) -> Database:
    """A file's path is SQLite, a ``postgresql://`` URL is PostgreSQL. Connects at the first use."""
    if isinstance(where, str) and where.startswith(POSTGRESQL):
        from district.store.postgres import PostgresDatabase

        return PostgresDatabase(where)
    from district.store.sqlite import SqliteDatabase

    return SqliteDatabase(Path(where))
