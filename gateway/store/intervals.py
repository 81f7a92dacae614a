"""Rows of ``interval``, ``watermark`` and ``dirty_slot``: what has been closed, how far, and what must be done again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from gateway.errors import DamagedBufferError
from gateway.intervals import Sample
from gateway.model import QUARTER_MS, Content, Interval, Period
from gateway.open_slots import Mark
from gateway.store import proof, quarantine

REVISION_MAX = 1_000_000
COLUMNS = (
    'period, start, "end", content, share, steps, start_steps, end_steps, mean, low, high, revision, changes'
)
PROVEN = f"point_id, {COLUMNS}, seq, first_seq, crc"
"""All columns, the last of them the CRC over the others in this order."""
MARKS = "SELECT point_id, first_at, closed_to, open_from, left_at, left_steps, left_tolerance, open_steps, crc FROM watermark"
UPSERT = (
    'INSERT OR REPLACE INTO interval (point_id, period, start, "end", content, share, steps, start_steps, end_steps,'
    " mean, low, high, revision, changes, seq, first_seq, crc) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def put(connection: sqlite3.Connection, point_id: int, interval: Interval, seq: int, first_seq: int) -> None:
    """Write an interval's newest revision; ``seq`` and ``first_seq`` are its changes in the feed."""
    row = (
        point_id, interval.period.value, interval.start, interval.end, interval.content.value, interval.share,
        interval.steps, interval.start_steps, interval.end_steps, interval.mean, interval.low, interval.high,
        interval.revision, interval.changes, seq, first_seq,
    )  # fmt: skip
    connection.execute(UPSERT, (*row, proof.checksum(row)))


def find(
    connection: sqlite3.Connection, point_id: int, name: str, period: Period, start: int
) -> tuple[Interval, int] | None:
    """The stored interval and its first seq. Of one that is not as it was written nothing is left but its revision, so
    that what replaces it is the newer one."""
    row = connection.execute(
        f"SELECT {PROVEN} FROM interval WHERE point_id = ? AND period = ? AND start = ?",
        (point_id, period.value, start),
    ).fetchone()
    if row is None:
        return None
    if not proof.is_proven(row):
        quarantine_row(connection, row)
        revision = row[12] if isinstance(row[12], int) and 0 < row[12] < REVISION_MAX else 1
        return Interval(name, period, start, start, Content.MISSING, -1.0, revision=revision), 0
    return _interval(name, row), int(row[-2])


def quarters(
    connection: sqlite3.Connection, point_id: int, name: str, start: int, end: int
) -> list[Interval]:
    """The stored quarter-hours in [start, end), in time order; one that is not as it was written is computed again."""
    rows = connection.execute(
        f"SELECT {PROVEN} FROM interval"
        " WHERE point_id = ? AND period = '15min' AND start >= ? AND start < ? ORDER BY start",
        (point_id, start, end),
    ).fetchall()
    for row in rows:
        if not proof.is_proven(row):
            quarantine_row(connection, row)
    return [_interval(name, row) for row in rows if proof.is_proven(row)]


def last_measured(connection: sqlite3.Connection, point_id: int, name: str, before: int) -> Interval | None:
    """The newest quarter-hour that ended by ``before`` and was measured."""
    rows = connection.execute(
        f"SELECT {PROVEN} FROM interval WHERE point_id = ? AND period = '15min' AND start <= ? AND content = 'measured'"
        " ORDER BY start DESC LIMIT 1",
        (point_id, before - QUARTER_MS),
    ).fetchall()
    return next((_interval(name, row) for row in rows if proof.is_proven(row)), None)


def first_start(connection: sqlite3.Connection, point_id: int) -> int | None:
    """Where the oldest quarter-hour of a point begins."""
    found = connection.execute(
        "SELECT min(start) FROM interval WHERE point_id = ? AND period = '15min'", (point_id,)
    ).fetchone()
    return None if found[0] is None else int(found[0])


def quarantine_row(connection: sqlite3.Connection, row: Sequence[Any]) -> None:
    """Take out a stored interval (``PROVEN``) and have its slot computed again from raw, where
    that is still there; hours and longer follow from it."""
    point_id, period, start, end = row[:4]
    span = (start, end) if isinstance(start, int) and isinstance(end, int) else (0, 1)
    where = "point_id = ? AND period = ? AND start = ?"
    quarantine.put(connection, "interval", where, (point_id, period, start), row, (point_id, *span))
    if span[0]:
        mark_dirty(connection, point_id, span[0], 0)


def _interval(name: str, row: Sequence[Any]) -> Interval:
    period, start, end, content, share, *figures = row[1:14]
    return Interval(name, Period(period), start, end, Content(content), share, *figures)


def save_marks(connection: sqlite3.Connection, marks: Iterable[tuple[int, Mark]]) -> None:
    rows = [
        (point_id, mark.first_at, mark.closed_to, mark.open_from, *mark.left, mark.open_steps)
        for point_id, mark in marks
    ]
    connection.executemany(
        "INSERT OR REPLACE INTO watermark (point_id, first_at, closed_to, open_from, left_at, left_steps, left_tolerance,"
        " open_steps, crc) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(*row, proof.checksum(row)) for row in rows],
    )


def load_marks(connection: sqlite3.Connection) -> dict[int, Mark]:
    """Raises DamagedBufferError where a mark is not as it was written: no slot may begin from a wrong register."""
    rows = connection.execute(MARKS).fetchall()
    if not all(map(proof.is_proven, rows)):
        raise DamagedBufferError("table watermark is not as it was written")
    return {row[0]: mark_of(row) for row in rows}


def mark_of(row: Sequence[Any]) -> Mark:
    """A row of ``MARKS``."""
    return Mark(row[1], row[2], row[3], Sample(row[4], row[5], row[6]), row[7])


def mark_dirty(connection: sqlite3.Connection, point_id: int, at: int, marked_at: int) -> None:
    """A reading arrived in a closed slot: the slot must be computed again from the buffer."""
    connection.execute(
        "INSERT OR IGNORE INTO dirty_slot (point_id, start, marked_at) VALUES (?, ?, ?)",
        (point_id, at - at % QUARTER_MS, marked_at),
    )


def dirty(connection: sqlite3.Connection, marked_before: int, limit: int) -> list[tuple[int, int]]:
    """At most ``limit`` (point_id, slot start) that were marked by then and wait to be computed again."""
    return list(
        connection.execute(
            "SELECT point_id, start FROM dirty_slot WHERE marked_at <= ? ORDER BY start LIMIT ?",
            (marked_before, limit),
        )
    )


def clear_dirty(connection: sqlite3.Connection, point_id: int, start: int, end: int) -> None:
    connection.execute(
        "DELETE FROM dirty_slot WHERE point_id = ? AND start >= ? AND start < ?", (point_id, start, end)
    )


def add_replay_span(connection: sqlite3.Connection, start: int, end: int, expected_interval_s: float) -> None:
    connection.execute(
        'INSERT INTO replay_span (start, "end", expected_interval_s) VALUES (?, ?, ?)',
        (start, end, expected_interval_s),
    )


def replay_spans(connection: sqlite3.Connection) -> list[tuple[int, int, float]]:
    return list(
        connection.execute('SELECT start, "end", expected_interval_s FROM replay_span ORDER BY span_id')
    )
