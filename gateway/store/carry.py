"""Taking over what a set-aside buffer still proves: first what ingest needs to go on where it was, then all the rest.

Writes the new buffer from rows that ``salvage`` gives out; every row keeps its own identity, so that a salvage may begin
again after a crash and changes nothing twice. Points are known by name: their ids may differ.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from gateway.model import QUARTER_MS, EventState, Interval, Period
from gateway.store import bodies, events, intervals, proof, readings
from gateway.store.bisect import Row
from gateway.store.changes import ChangeLog
from gateway.store.points import put_meta
from gateway.store.salvage import POINT, Source
from gateway.store.tally import Tally

NOT_CARRIED = frozenset(
    {"epoch", "activity", "site", "gateway", "tally_settled_to", "tally_adopted", "boot", "ended"}
)
"""Keys of ``meta`` that belong to a file and not to its content."""

BY_POINT = ("replacement", "unsynced")
"""Meters that were changed, and readings that wait for the first time of day."""

MINUTE_MS = 60_000
MARKS_MAX_MS = 86_400_000
"""Lost marks are not looked for further back: ingest waits for this."""


def take_over(connection: sqlite3.Connection, source: Source, now: int) -> None:
    """In a new buffer's first transaction: points under their ids, open events, marks, and the readings of the open slots, so
    that what follows is what follows a restart."""
    marks_of = ", ".join("?" * len(POINT.split(",")))
    connection.executemany(f"INSERT INTO point ({POINT}) VALUES ({marks_of})", source.points.values())
    put_meta(connection, {key: value for key, value in source.meta().items() if key not in NOT_CARRIED})
    connection.executemany(
        'INSERT INTO replay_span (start, "end", expected_interval_s) VALUES (?, ?, ?)', source.replay_spans()
    )
    for table in BY_POINT:
        width, rows = source.kept_by_point(table)
        connection.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({', '.join('?' * width)})", rows)
    for piece in source.events():
        for row in piece.rows:
            event = events.of_row(row[1:])
            if event.state is EventState.OPEN:
                events.insert(connection, event, 0)
    marks = {row[0]: tuple(row[:8]) for row in source.watermarks()}
    marks |= _marks_again(source, source.points.keys() - marks.keys(), now)
    connection.executemany(
        f"INSERT INTO watermark VALUES ({', '.join('?' * 9)})",
        [(*row, proof.checksum(row)) for row in marks.values()],
    )
    if marks:
        start = min(
            left if left + QUARTER_MS > closed else closed for _, _, closed, _, left, *_ in marks.values()
        )
        for piece in source.readings(start, now + MINUTE_MS):
            connection.executemany(_READING, piece.rows)


def _marks_again(source: Source, lost: Iterable[int], now: int) -> dict[int, tuple[Any, ...]]:
    """Where a point's mark is lost it goes on from its newest proven interval, and the good reading nearest before the end of
    that, or the first one after it."""
    closed = {point_id: at for point_id in lost if (at := source.closed_to(point_id)) is not None}
    if not closed:
        return {}
    start = max(min(closed.values()) - QUARTER_MS, now - MARKS_MAX_MS)
    nearest: dict[int, Row] = {}
    for piece in source.readings(start, now + MINUTE_MS):
        for row in piece.rows:
            at, point_id = row[0], row[1]
            if point_id in closed and not row[4] and (at <= closed[point_id] or point_id not in nearest):
                nearest[point_id] = row
    return {
        point_id: (
            point_id, source.first_at(point_id) or row[0], closed[point_id], closed[point_id], row[0], row[3],
            round(max(60.0, 2 * source.points[point_id][8]) * 1000), None,
        )
        for point_id, row in nearest.items()
    }  # fmt: skip


_READING = "INSERT OR IGNORE INTO reading (measured_at, point_id, lag, value, quality, reason, crc) VALUES (?, ?, ?, ?, ?, ?, ?)"

_CAME_BEFORE = """UPDATE reading SET lag = ?, crc = ? WHERE measured_at = ? AND point_id = ? AND value IS ? AND quality = ?
    AND lag > ?"""
"""A reading that was sent again meanwhile came when it came first."""


@dataclass(slots=True)
class Carrier:
    """Puts salvaged rows into a buffer that is in use; each method runs inside a transaction of its writer.

    ``ids`` maps the old file's points to this one's. ``counts`` says how many rows of each table came."""

    points: dict[int, Row]
    delivered_to: int
    ids: dict[int, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    _seqs: dict[int, int] = field(default_factory=dict)

    def begin(self, connection: sqlite3.Connection) -> None:
        """Find every point by its name; one that is no longer in the site file is kept, out of service."""
        for old, row in self.points.items():
            known = connection.execute("SELECT point_id FROM point WHERE name = ?", (row[1],)).fetchone()
            if known is None:
                names = POINT.partition(", ")[2]
                known = connection.execute(
                    f"INSERT INTO point ({names}) VALUES ({', '.join('?' * (len(row) - 1))}) RETURNING point_id",
                    (*row[1:-2], 0, row[-1]),
                ).fetchone()
            self.ids[old] = known[0]
        proof.seal(connection, ("point",))

    def changes(self, connection: sqlite3.Connection, log: ChangeLog, rows: Iterable[Row]) -> None:
        """What no uplink has delivered yet goes up again, under its own key and revision; a district has its effect once."""
        for seq, kind, key, revision, at, body, _ in rows:
            self._seqs[seq] = log.append(kind, key, revision, at, body)
            self._count("change")
        log.flush(connection)

    def intervals(
        self, connection: sqlite3.Connection, log: ChangeLog, rows: Iterable[Row], now: int
    ) -> None:
        for row in rows:
            point_id, old_revision = self.ids[row[0]], row[12]
            known = connection.execute(
                "SELECT revision FROM interval WHERE point_id = ? AND period = ? AND start = ?",
                (point_id, row[1], row[2]),
            ).fetchone()
            if known is None:
                seq, first_seq = self._seqs.get(row[14], 0), self._seqs.get(row[15], 0)
                fresh = (point_id, *row[1:14], seq, first_seq or seq)
                connection.execute(intervals.UPSERT, (*fresh, proof.checksum(fresh)))
                self._count("interval")
            elif known[0] <= old_revision:
                self._outrank(connection, log, row, old_revision, now)
        log.flush(connection)

    def events(self, connection: sqlite3.Connection, rows: Iterable[Row]) -> None:
        """Events as they were; one that is open here too goes on here."""
        for row in rows:
            event = events.of_row(row)
            if events.find(connection, event.event_id) is None:
                events.insert(connection, event, self._seqs.get(row[9], 0))
                self._count("event")

    def readings(
        self, connection: sqlite3.Connection, tally: Tally, rows: Sequence[Row], now: int
    ) -> list[tuple[int, int]]:
        """Late readings; a slot that no interval tells of is computed again. Their keys, as (measured_at, point_id)."""
        fresh = [
            readings.row(at, self.ids[point], lag, value, quality, reason)
            for at, point, lag, value, quality, reason, _ in rows
        ]
        for row in fresh:
            if connection.execute(_READING, row).rowcount:
                tally.book(row[0], [row[1]])
                self._count("reading")
            else:
                connection.execute(_CAME_BEFORE, (row[2], row[6], row[0], row[1], row[3], row[4], row[2]))
        tally.flush(connection)
        for point_id, start in sorted({(row[1], row[0] - row[0] % QUARTER_MS) for row in fresh}):
            if not connection.execute(_IS_TOLD, (point_id, start, point_id, start)).fetchone():
                intervals.mark_dirty(connection, point_id, start, now)
        return [row[:2] for row in fresh]

    def small(
        self,
        connection: sqlite3.Connection,
        acts: Iterable[Row],
        statements: Iterable[Row],
        gaps: Iterable[Row],
    ) -> None:
        """Acts of staff, statements and gap records. They have no CRC: one that breaks a column's rule is left out."""
        known = set(connection.execute('SELECT point, start, "end", count, reason, at FROM gap'))
        for sql, rows in (
            ("INSERT OR IGNORE INTO act VALUES (?, ?, ?, ?, ?, ?, ?)", acts),
            ("INSERT OR IGNORE INTO statement VALUES (?, ?, ?, ?)", statements),
            (
                'INSERT OR IGNORE INTO gap (point, start, "end", count, reason, at) VALUES (?, ?, ?, ?, ?, ?)',
                [row for row in gaps if row not in known],
            ),
        ):
            connection.executemany(sql, rows)

    def _outrank(
        self, connection: sqlite3.Connection, log: ChangeLog, row: Row, old_revision: int, now: int
    ) -> None:
        """A slot that both files closed: what is here knows more, and its revision must say so."""
        point = self.points[row[0]]
        point_id, name, kind = self.ids[row[0]], str(point[1]), str(point[6])
        period = Period(row[1])
        known = intervals.find(connection, point_id, name, period, row[2])
        if known is None:
            return
        interval = replace(known[0], revision=old_revision + 1)
        key = f"{period.value}/{name}/{interval.start}"
        seq = log.append(
            "interval", key, interval.revision, now, _body(interval, kind, Decimal(str(point[7])))
        )
        intervals.put(connection, point_id, interval, seq, known[1] or seq)

    def _count(self, table: str) -> None:
        self.counts[table] = self.counts.get(table, 0) + 1


_IS_TOLD = (
    "SELECT 1 FROM interval WHERE point_id = ? AND period = '15min' AND start = ?"
    " UNION ALL SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM watermark WHERE point_id = ? AND closed_to > ?)"
)
"""The slot has its interval, or is one that the running account will close."""


def _body(interval: Interval, kind: str, step: Decimal) -> bytes:
    if kind == "counter":
        return bodies.counter(interval, *step.as_integer_ratio())
    return bodies.state(interval) if kind == "state" else bodies.gauge(interval)
