"""What is kept beside a reading of the same point and millisecond: the value that gave way, and where bad readings may lie.

A value that is put out by another one is kept by ``readings.correct``; here is the other way about.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from gateway.store.readings import Row, StoredReading

Span = tuple[int, int]
"""First and last time, both in it."""


def keep_worse(connection: sqlite3.Connection, stays: StoredReading, worse: Row) -> None:
    """Keep a reading of lower quality that came for the time of one that stays what it is."""
    measured_at, point_id, lag, value, *_ = worse
    connection.execute(
        "INSERT INTO correction (point_id, measured_at, old_value, old_received_at, new_value, new_received_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (point_id, measured_at, value, measured_at + lag, stays.value, measured_at + stays.lag),
    )


def bad_since(connection: sqlite3.Connection, start: int) -> Iterator[tuple[int, Span]]:
    """The span of each point's readings from ``start`` that are not good."""
    for point_id, first, last in connection.execute(
        "SELECT point_id, min(measured_at), max(measured_at) FROM reading WHERE measured_at >= ? AND quality <> 0"
        " GROUP BY point_id",
        (start,),
    ):
        yield point_id, (first, last)
