"""Intervals, changes and records whose time is over, each in steps of a few milliseconds along a key.

Days and months stay for ever. A change goes only when every uplink that counts is past it; the newest stays always, since the
next seq follows it, and so do those that describe the site and its points, which an uplink added later needs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.store.shedding import Horizons
from gateway.timekeeping import EARLIEST_MS

INTERVALS_MAX, CHANGES_MAX, RECORDS_MAX = 2_000, 1_000, 200
"""Rows a step deletes: 1 ms each."""
POINTS_MAX = 50
"""Points a step looks at: one has nothing to give on most days."""

RECORDS = {
    "correction": "correction_id IN (SELECT correction_id FROM correction ORDER BY correction_id LIMIT :limit)"
    " AND new_received_at < :before",
    "gap": "gap_id IN (SELECT gap_id FROM gap ORDER BY gap_id LIMIT :limit) AND at < :before",
    "event": "event_id IN (SELECT event_id FROM event WHERE start < :before AND state <> 'open'"
    ' AND coalesce("end", start) < :before LIMIT :limit)',
    "act": "idempotency_key IN (SELECT idempotency_key FROM act WHERE at < :before AND at >= :earliest LIMIT :limit)",
    "statement": "day IN (SELECT day FROM statement WHERE day < :day ORDER BY day LIMIT :limit)",
    "dead_letter": "(uplink, seq) IN (SELECT uplink, seq FROM dead_letter WHERE at < :before LIMIT :limit)",
}
"""Table → which of its rows go. Each condition is found along a key or an index. An act that a clock without a battery dated
stays: nobody knows that it is old, and its key must have no second effect."""


def delivered_changes(connection: sqlite3.Connection, uplinks: Sequence[str], before: int) -> int:
    """Delete changes appended before ``before`` that each of ``uplinks`` is past; how many."""
    cursors = dict(connection.execute("SELECT uplink, cursor FROM uplink"))
    past = min((int(cursors.get(uplink, 0)) for uplink in uplinks), default=2**62)
    found = connection.execute(
        "SELECT seq FROM change WHERE seq <= min(?, (SELECT max(seq) FROM change) - 1) AND at < ?"
        " AND kind NOT IN ('point', 'site') ORDER BY seq LIMIT ?",
        (past, before, CHANGES_MAX),
    ).fetchall()
    if not found:
        return 0
    return connection.execute(
        "DELETE FROM change WHERE seq BETWEEN ? AND ? AND at < ? AND kind NOT IN ('point', 'site')",
        (found[0][0], found[-1][0], before),
    ).rowcount


@dataclass(slots=True)
class IntervalSweep:
    """A round of all points for one period; a new one begins when the horizon moves."""

    period: str
    _before: int = -1
    _point_id: int = 0
    _is_done: bool = False

    def step(self, connection: sqlite3.Connection, before: int) -> int:
        """Delete intervals of the next points that start before ``before``; how many."""
        if before != self._before:
            self._before, self._point_id, self._is_done = before, 0, False
        if self._is_done:
            return 0
        points = connection.execute(
            "SELECT point_id FROM point WHERE point_id > ? ORDER BY point_id LIMIT ?",
            (self._point_id, POINTS_MAX),
        ).fetchall()
        deleted = 0
        for (point_id,) in points:
            deleted += self._of_point(connection, point_id, INTERVALS_MAX - deleted)
            if deleted >= INTERVALS_MAX:
                return deleted
            self._point_id = point_id
        self._is_done = len(points) < POINTS_MAX
        return deleted

    def _of_point(self, connection: sqlite3.Connection, point_id: int, limit: int) -> int:
        last = connection.execute(
            "SELECT max(start) FROM (SELECT start FROM interval WHERE point_id = ? AND period = ? AND start < ?"
            " ORDER BY start LIMIT ?)",
            (point_id, self.period, self._before, limit),
        ).fetchone()[0]
        if last is None:
            return 0
        return connection.execute(
            "DELETE FROM interval WHERE point_id = ? AND period = ? AND start <= ?",
            (point_id, self.period, last),
        ).rowcount


def old_records(connection: sqlite3.Connection, horizons: Horizons) -> int:
    """Delete some events that are over, acts, statements, gaps, corrections and dead letters; how many."""
    values = {
        "before": horizons.records,
        "earliest": EARLIEST_MS,
        "day": datetime.fromtimestamp(horizons.records / 1000, UTC).date().isoformat(),
        "limit": RECORDS_MAX,
    }
    return sum(
        connection.execute(f"DELETE FROM {table} WHERE {which}", values).rowcount
        for table, which in RECORDS.items()
    )
