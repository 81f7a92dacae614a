"""Rows of ``left_out``: slots computed again after their readings had been shed, which would have known less than before.

Such a slot keeps the interval it has. The late readings that asked for it are then in no interval, so when their own time
comes they leave a gap record like any other such reading.
"""

from __future__ import annotations

import sqlite3


def keep(connection: sqlite3.Connection, point_id: int, start: int) -> None:
    """Note the quarter-hour from ``start``."""
    connection.execute("INSERT OR IGNORE INTO left_out VALUES (?, ?)", (point_id, start))


def is_held(connection: sqlite3.Connection, point_id: int, start: int) -> bool:
    """Whether the quarter-hour's interval has a known value that holds the slot's readings."""
    row = connection.execute(
        "SELECT 1 FROM interval WHERE point_id = ? AND period = '15min' AND start = ? AND content <> 'missing'"
        " AND NOT EXISTS (SELECT 1 FROM left_out WHERE left_out.point_id = interval.point_id"
        " AND left_out.start = interval.start)",
        (point_id, start),
    ).fetchone()
    return row is not None
