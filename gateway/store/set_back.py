"""What the buffer says of a time that has not come, once the clock went back: readings made bad, figures counted anew.

Steps along keys, each bounded. A reading's key is never changed, nothing is deleted but marks of slots to be computed again.
"""

from __future__ import annotations

import sqlite3

from gateway.model import QUARTER_MS, Period, Quality
from gateway.slots import HOUR_MS, quarter_start
from gateway.store import readings, tally
from gateway.store.points import meta, put_meta
from gateway.store.raw_sweep import SHED_TO

CLOCK_STEP = "clock_step"
"""Reason of a bad reading that was stamped by a clock which was wrong."""

BACK_TO = "clock_back_to"
"""Key of ``meta``: readings dated later than this are being made bad."""

LONGEST_MS = {
    Period.QUARTER: QUARTER_MS, Period.HOUR: HOUR_MS, Period.DAY: 26 * HOUR_MS, Period.MONTH: 32 * 24 * HOUR_MS,
}  # fmt: skip

SPOILED = "clock_spoiled"
"""Key of ``meta``: first and last time of the readings that the last such walk made bad. Good ones of the very same times come
when time gets there, and must not put the bad ones out."""

Key = tuple[int, int]
Span = tuple[int, int]


def spoiled(connection: sqlite3.Connection) -> Span:
    first, last = (meta(connection, SPOILED) or "0 0").split()
    return int(first), int(last)


def begun(connection: sqlite3.Connection) -> int | None:
    found = meta(connection, BACK_TO)
    return None if found is None else int(found)


def begin(connection: sqlite3.Connection, back_to: int) -> None:
    put_meta(connection, {BACK_TO: str(back_to)})


def done(connection: sqlite3.Connection, changed: Span | None) -> None:
    if changed is not None:
        put_meta(connection, {SPOILED: f"{changed[0]} {changed[1]}"})
    connection.execute("DELETE FROM meta WHERE key = ?", (BACK_TO,))


def spoil(connection: sqlite3.Connection, after: Key, limit: int) -> tuple[Key | None, Span | None]:
    """Make the next readings after a key bad, value and times kept. The last key looked at, None when there are no more; first
    and last time of those that are bad for this reason now.

    One that is not as it was written is left for whoever uses it to find."""
    rows = connection.execute(
        f"SELECT {readings.PROVEN} FROM reading WHERE (measured_at, point_id) > (?, ?)"
        " ORDER BY measured_at, point_id LIMIT ?",
        (*after, limit),
    ).fetchall()
    bad = int(Quality.BAD)
    wrong = [row for row in rows if row[4] != bad and readings.is_proven(row)]
    connection.executemany(
        "UPDATE reading SET quality = ?, reason = ?, crc = ? WHERE measured_at = ? AND point_id = ?",
        [
            (bad, CLOCK_STEP, readings.crc(at, point_id, lag, value, bad), at, point_id)
            for at, point_id, lag, value, *_ in wrong
        ],
    )
    times = [row[0] for row in rows if row[4] != bad or row[5] == CLOCK_STEP]
    last = (rows[-1][0], rows[-1][1]) if len(rows) == limit else None
    return last, (times[0], times[-1]) if times else None


def told_later(
    connection: sqlite3.Connection, point_id: int, back_to: int, limit: int
) -> list[tuple[Period, int]]:
    """(period, start) of at most ``limit`` intervals of a point that say something and end after ``back_to``."""
    found: list[tuple[Period, int]] = []
    for period, longest in LONGEST_MS.items():
        rows = connection.execute(
            'SELECT start FROM interval WHERE point_id = ? AND period = ? AND start > ? AND "end" > ?'
            " AND content <> 'missing' ORDER BY start LIMIT ?",
            (point_id, period.value, back_to - longest, back_to, limit - len(found)),
        )
        found += [(period, start) for (start,) in rows]
    return found


def forget_mark(connection: sqlite3.Connection, point_id: int) -> None:
    """The point came into being after ``back_to``: it begins with its next reading."""
    connection.execute("DELETE FROM watermark WHERE point_id = ?", (point_id,))


def count_again(connection: sqlite3.Connection, back_to: int, now: int) -> None:
    """What is kept of counts, sheds and slots to be computed again, as if time had not gone beyond ``back_to``."""
    slot = quarter_start(back_to)
    settled_to = int(meta(connection, tally.SETTLED_TO) or 0)
    if settled_to > slot:
        held = connection.execute(
            "SELECT point_id, count(*) FROM (SELECT point_id FROM reading WHERE measured_at >= :since AND measured_at < :until"
            " UNION ALL SELECT point_id FROM quarantine WHERE source = 'reading' AND start >= :since AND start < :until)"
            " GROUP BY point_id",
            {"since": slot, "until": settled_to},
        )
        tally.correct(connection, accepted={point_id: -count for point_id, count in held}, shed={})
        put_meta(connection, {tally.SETTLED_TO: str(slot)})
    if int(meta(connection, SHED_TO) or 0) > slot:
        put_meta(connection, {SHED_TO: str(slot)})
    connection.execute("DELETE FROM dirty_slot WHERE start >= ?", (slot,))
    connection.execute("UPDATE dirty_slot SET marked_at = ? WHERE marked_at > ?", (now, now))
