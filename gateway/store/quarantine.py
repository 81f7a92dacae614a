"""Rows that failed their proof: taken out of use with their bytes, and told once (see ``gateway.recovery.damage``).

A row goes here in the transaction of whoever meets it; ``found_at`` is empty until it has been told. Where the tree itself
is out of order a row cannot be taken out, and the file is no longer trusted.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.errors import DamagedBufferError


@dataclass(frozen=True, slots=True)
class Found:
    """An untold row of ``source``; ``point_id`` and the span are what it claims of itself, and may be nonsense."""

    quarantine_id: int
    source: str
    point_id: int | None
    start: int
    end: int


def put(
    connection: sqlite3.Connection, source: str, where: str, key: Sequence[object], row: Sequence[object],
    about: tuple[int | None, int, int],
) -> None:  # fmt: skip
    """Move one row of ``source`` here. ``where`` finds it by ``key``; ``about`` is its point_id and span. Raises
    DamagedBufferError where it cannot be taken out."""
    connection.execute(
        'INSERT INTO quarantine (source, point_id, start, "end", bytes) VALUES (?, ?, ?, ?, ?)',
        (source, *about, repr(tuple(row)).encode("utf-8", "surrogatepass")),
    )
    if connection.execute(f"DELETE FROM {source} WHERE {where}", tuple(key)).rowcount != 1:
        raise DamagedBufferError(f"table {source} is out of order near {tuple(key)!r}")


def untold(connection: sqlite3.Connection) -> list[Found]:
    rows = connection.execute(
        'SELECT quarantine_id, source, point_id, start, "end" FROM quarantine WHERE found_at IS NULL'
    )
    return [Found(*row) for row in rows]


def told(connection: sqlite3.Connection, now: int) -> None:
    connection.execute("UPDATE quarantine SET found_at = ? WHERE found_at IS NULL", (now,))


def count(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM quarantine").fetchone()[0])
