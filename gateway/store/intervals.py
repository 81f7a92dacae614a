"""Rows of ``interval``, ``watermark`` and ``dirty_slot``: what has been closed, how far, and what must be done again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from gateway.intervals import Sample
from gateway.model import QUARTER_MS, Content, Interval, Period
from gateway.open_slots import Mark

COLUMNS = 'period, start, "end", content, share, steps, start_steps, end_steps, mean, low, high, revision'
UPSERT = (
    'INSERT OR REPLACE INTO interval (point_id, period, start, "end", content, share, steps, start_steps, end_steps,'
    " mean, low, high, revision, seq, first_seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def put(connection: sqlite3.Connection, point_id: int, interval: Interval, seq: int, first_seq: int) -> None:
    """Write an interval's newest revision; ``seq`` and ``first_seq`` are its changes in the feed."""
    connection.execute(
        UPSERT,
        (
            point_id, interval.period.value, interval.start, interval.end, interval.content.value, interval.share,
            interval.steps, interval.start_steps, interval.end_steps, interval.mean, interval.low, interval.high,
            interval.revision, seq, first_seq,
        ),
    )  # fmt: skip


def find(
    connection: sqlite3.Connection, point_id: int, name: str, period: Period, start: int
) -> tuple[Interval, int] | None:
    """The stored interval and its first seq."""
    row = connection.execute(
        f"SELECT {COLUMNS}, first_seq FROM interval WHERE point_id = ? AND period = ? AND start = ?",
        (point_id, period.value, start),
    ).fetchone()
    return (_interval(name, row), int(row[-1])) if row else None


def quarters(
    connection: sqlite3.Connection, point_id: int, name: str, start: int, end: int
) -> list[Interval]:
    """The stored quarter-hours in [start, end), in time order."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM interval WHERE point_id = ? AND period = '15min' AND start >= ? AND start < ? ORDER BY start",
        (point_id, start, end),
    )
    return [_interval(name, row) for row in rows]


def _interval(name: str, row: tuple[object, ...]) -> Interval:
    period, start, end, content, share, steps, start_steps, end_steps, mean, low, high, revision = row[:12]
    return Interval(
        name, Period(period), start, end, Content(content), share, steps, start_steps, end_steps, mean, low, high, revision,  # type: ignore[arg-type]
    )  # fmt: skip


def save_marks(connection: sqlite3.Connection, marks: Iterable[tuple[int, Mark]]) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO watermark (point_id, first_at, closed_to, open_from, left_at, left_steps, left_tolerance,"
        " open_steps) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (point_id, mark.first_at, mark.closed_to, mark.open_from, *mark.left, mark.open_steps)
            for point_id, mark in marks
        ],
    )


def load_marks(connection: sqlite3.Connection) -> dict[int, Mark]:
    return {
        row[0]: Mark(row[1], row[2], row[3], Sample(row[4], row[5], row[6]), row[7])
        for row in connection.execute(
            "SELECT point_id, first_at, closed_to, open_from, left_at, left_steps, left_tolerance, open_steps FROM watermark"
        )
    }


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
