"""Rows of ``gap``: readings that were dropped by policy or lost, each told once here and once in the change feed (P3).

``point`` is a point's name, or ``*`` where what is gone is not known by point.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from gateway.store import bodies
from gateway.store.changes import ChangeLog

ALL_POINTS = "*"


@dataclass(frozen=True, slots=True)
class Gap:
    """``count`` readings of [start, end) ms that are not in the buffer and in no interval; 0 where nobody can know how many."""

    point: str
    start: int
    end: int
    count: int
    reason: str


def record(connection: sqlite3.Connection, log: ChangeLog, gap: Gap, at: int) -> None:
    """Keep a gap and tell the feed, in the transaction that drops or misses the readings. The caller flushes ``log``."""
    epoch = connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()[0]
    gap_id = connection.execute(
        'INSERT INTO gap (point, start, "end", count, reason, at) VALUES (?, ?, ?, ?, ?, ?) RETURNING gap_id',
        (gap.point, gap.start, gap.end, gap.count, gap.reason, at),
    ).fetchone()[0]
    log.append(
        "gap",
        f"gap/{epoch[:8]}/{gap_id}",
        1,
        at,
        bodies.gap(gap.point, gap.start, gap.end, gap.count, gap.reason),
    )


def all_gaps(connection: sqlite3.Connection) -> list[Gap]:
    """Oldest first."""
    return [
        Gap(*row)
        for row in connection.execute('SELECT point, start, "end", count, reason FROM gap ORDER BY gap_id')
    ]


def made(connection: sqlite3.Connection) -> int:
    """How many gap records there ever were."""
    return int(connection.execute("SELECT coalesce(max(gap_id), 0) FROM gap").fetchone()[0])
