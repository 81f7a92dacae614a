"""The change feed: append-only, one immutable row for each closed or revised interval, event, point or statement.

Rows are written in the transaction of the change they tell. ``seq`` is gap-free among committed rows and never used
twice, also where delivered rows are gone.
"""

from __future__ import annotations

import sqlite3

from gateway.model import Change


class ChangeLog:
    """Numbers and collects the changes of one transaction; ``flush`` writes them before COMMIT."""

    __slots__ = ("_rows", "_seq")

    def __init__(self, head: int) -> None:
        self._seq = head
        self._rows: list[tuple[int, str, str, int, int, bytes]] = []

    def append(self, kind: str, key: str, revision: int, at: int, body: bytes) -> int:
        """Add one change and return its seq."""
        self._seq += 1
        self._rows.append((self._seq, kind, key, revision, at, body))
        return self._seq

    @property
    def head(self) -> int:
        return self._seq

    def flush(self, connection: sqlite3.Connection) -> None:
        connection.executemany(
            "INSERT INTO change (seq, kind, key, revision, at, body) VALUES (?, ?, ?, ?, ?, ?)", self._rows
        )
        self._rows.clear()


def head(connection: sqlite3.Connection) -> int:
    """The highest seq ever given: of the feed, or of a cursor that is past pruned rows."""
    row = connection.execute(
        "SELECT max(coalesce((SELECT max(seq) FROM change), 0), coalesce((SELECT max(cursor) FROM uplink), 0))"
    ).fetchone()
    return int(row[0])


def read(connection: sqlite3.Connection, after_seq: int, limit: int) -> list[Change]:
    """At most ``limit`` changes after ``after_seq``, in order."""
    return [
        Change(*row)
        for row in connection.execute(
            "SELECT seq, kind, key, revision, body FROM change WHERE seq > ? ORDER BY seq LIMIT ?",
            (after_seq, limit),
        )
    ]
