"""Reading everything once more, a little at a time: damage is found before a figure needs the row.

``Scrub`` walks the tables on a connection of its own, opened for each step, so that it sees what is on the disk and not what
the writer still has in memory. ``mend`` runs on the writer's connection: a row that is good there is written again, which
mends the page on the disk; another is taken out.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from gateway.errors import DamagedBufferError
from gateway.store import changes, events, intervals, proof, readings
from gateway.store.database import open_reader

ROWS_A_STEP = 2500
"""2.5 ms a step; with a step every 5 s two weeks of 30 readings a second pass by in a day."""

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Walk:
    columns: str
    keys: tuple[str, ...]
    places: tuple[int, ...]
    """Where the key columns stand in a row."""
    is_proven: Callable[[Sequence[Any]], bool] = proof.is_proven

    @property
    def where(self) -> str:
        return " AND ".join(f"{key} = ?" for key in self.keys)


WALKS = {
    "reading": _Walk(readings.PROVEN, ("measured_at", "point_id"), (0, 1), readings.is_proven),
    "interval": _Walk(intervals.PROVEN, ("point_id", "period", "start"), (0, 1, 2)),
    "change": _Walk(changes.PROVEN, ("seq",), (0,), changes.is_proven),
    "event": _Walk(events.PROVEN, ("event_id",), (0,)),
}


@dataclass(slots=True)
class Scrub:
    """Where the walk is. ``passes`` counts how often everything was read, ``rows`` those of this pass."""

    passes: int = 0
    rows: int = 0
    _left: list[str] = field(default_factory=lambda: list(WALKS))
    _after: Key | None = None

    def step(self, path: Path) -> list[tuple[str, Key]]:
        """Read on; (table, key) of rows that failed their proof. Raises sqlite3.DatabaseError where pages cannot be read, and
        DamagedBufferError where rows are out of order."""
        table = self._left[0]
        walk = WALKS[table]
        order = ", ".join(walk.keys)
        since = "" if self._after is None else f" WHERE ({order}) > ({', '.join('?' * len(walk.keys))})"
        try:
            with closing(open_reader(path)) as reader:
                rows = reader.execute(
                    f"SELECT {walk.columns} FROM {table}{since} ORDER BY {order} LIMIT {ROWS_A_STEP}",
                    self._after or (),
                ).fetchall()
        except UnicodeDecodeError as error:  # the engine's message quotes damaged text
            raise DamagedBufferError(f"{path}: damaged text in its schema") from error
        bad = self._judge(table, walk, rows)
        self.rows += len(rows)
        if len(rows) < ROWS_A_STEP:
            self._next_table()
        return bad

    def _judge(self, table: str, walk: _Walk, rows: list[tuple[Any, ...]]) -> list[tuple[str, Key]]:
        """Only what is proven moves the walk on, so that a key out of order does not lead it astray. A damaged key that does
        not lie between its neighbours misleads every search near it: such a tree is not used."""
        bad: list[tuple[str, Key]] = []
        between: list[Key] = []
        for row in rows:
            key = tuple(row[place] for place in walk.places)
            if not walk.is_proven(row):
                between.append(key)
                continue
            if not _is_rising([() if self._after is None else self._after, *between, key]):
                raise DamagedBufferError(f"table {table} is out of order near {key!r}")
            bad += [(table, one) for one in between]
            self._after, between = key, []
        if between and len(between) == len(rows) >= ROWS_A_STEP:
            raise DamagedBufferError(f"table {table}: none of {len(rows)} rows is what was written")
        if not _is_rising([() if self._after is None else self._after, *between]):
            raise DamagedBufferError(f"table {table} is out of order near {between[0]!r}")
        return bad + [(table, one) for one in between]

    def _next_table(self) -> None:
        self._left.pop(0)
        self._after = None
        if not self._left:
            self.passes, self.rows, self._left = self.passes + 1, 0, list(WALKS)


def _is_rising(keys: list[Key]) -> bool:
    try:
        return all(before < after for before, after in pairwise(keys))
    except TypeError:  # a key column became something else than a number or a text
        return False


def mend(connection: sqlite3.Connection, table: str, key: Key) -> bool:
    """Whether the row is good again; False when it had to be taken out."""
    walk = WALKS[table]
    row = connection.execute(f"SELECT {walk.columns} FROM {table} WHERE {walk.where}", key).fetchone()
    if row is None:
        return True  # gone since by its own right
    if walk.is_proven(row):
        connection.execute(f"UPDATE {table} SET crc = crc WHERE {walk.where}", key)
        return True
    if table == "reading":
        readings.quarantine_row(connection, row)
    elif table == "interval":
        intervals.quarantine_row(connection, row)
    elif table == "event":
        events.quarantine_row(connection, row)
    else:
        changes.quarantine_row(connection, row)
    return False
