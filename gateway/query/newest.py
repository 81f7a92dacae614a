"""The newest word of every point, straight from ``reading``, which is clustered by time (ARCHITECTURE 1).

One range scan from the newest good reading backwards, in two strides, at most 20 minutes of data; what is older comes
from the point's newest interval, or from its open slot where that is newer.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from devices.quantities import Kind
from gateway.query.known_points import KnownPoint
from gateway.store import readings

MINUTE_MS = 60_000
QUARTER_MS = 15 * MINUTE_MS
STRIDES_MS = (2 * MINUTE_MS, 20 * MINUTE_MS)
AHEAD_MAX_MS = 5 * MINUTE_MS  # a reading further ahead of us is a device's wrong clock (ARCHITECTURE 3)
QUALITY = {0: "good", 1: "uncertain", 2: "bad"}


@dataclass(frozen=True, slots=True)
class Newest:
    """``steps`` is set for a counter and for anything read in the last 20 minutes; ``value`` in the point's unit."""

    measured_at: int
    quality: str
    value: float | None
    steps: int | None = None
    reason: str | None = None


def data_at(connection: sqlite3.Connection, now: int) -> int | None:
    """When the newest good reading was measured, UTC ms; None while there is none."""
    row = connection.execute(
        "SELECT measured_at FROM reading WHERE measured_at <= ? AND quality = 0 ORDER BY measured_at DESC LIMIT 1",
        (now + AHEAD_MAX_MS,),
    ).fetchone()
    return None if row is None else int(row[0])


def newest(
    connection: sqlite3.Connection, points: list[KnownPoint], newest_at: int | None, now: int
) -> dict[int, Newest]:
    """By point_id: the newest good reading, else the newest interval's last value, else the newest bad reading."""
    known = {point.point_id: point for point in points if point.point_id is not None}
    good: dict[int, Newest] = {}
    bad: dict[int, Newest] = {}
    until = now + AHEAD_MAX_MS
    for stride in STRIDES_MS if newest_at is not None else ():
        since = (newest_at or 0) - stride
        _scan(connection, known, (since, until), good, bad)
        until = since
    for point_id, point in known.items():
        if point_id not in good:
            found = _kept(connection, point, now + AHEAD_MAX_MS) or bad.get(point_id)
            if found is not None:
                good[point_id] = found
    return good


def _scan(
    connection: sqlite3.Connection,
    known: dict[int, KnownPoint],
    span: tuple[int, int],
    good: dict[int, Newest],
    bad: dict[int, Newest],
) -> None:
    """Readings in (since, until] from the newest on, until every wanted point has spoken."""
    wanted = known.keys() - good.keys()
    if not wanted:
        return
    rows = connection.execute(
        f"SELECT {readings.PROVEN} FROM reading WHERE measured_at > ? AND measured_at <= ?"
        f" AND point_id IN ({','.join(map(str, sorted(wanted)))}) ORDER BY measured_at DESC",
        span,
    )
    for row in rows:
        measured_at, point_id, _, steps, quality, reason, _ = row
        kept = bad if quality else good
        if point_id not in kept and point_id not in good:
            if not readings.is_proven(row):
                continue
            value = known[point_id].figure(steps)
            kept[point_id] = Newest(measured_at, QUALITY[quality], value, steps, reason)
        if not quality:
            wanted.discard(point_id)
            if not wanted:
                return


def _kept(connection: sqlite3.Connection, point: KnownPoint, until: int) -> Newest | None:
    """What the buffer keeps of a point that has been silent for more than 20 minutes of data. What a clock that was ahead
    dated later than ``until`` is not shown as now."""
    found = _from_interval(connection, point, until)
    if point.left_at is None or point.left_at > until:
        return found
    if found is not None and found.measured_at > point.left_at:
        return found
    return Newest(point.left_at, "good", point.figure(point.left_steps), point.left_steps)


def _from_interval(connection: sqlite3.Connection, point: KnownPoint, until: int) -> Newest | None:
    row = connection.execute(
        'SELECT "end", content, end_steps, mean, low, high FROM interval'
        " WHERE point_id = ? AND period = '15min' AND start < ? AND content <> 'missing' ORDER BY start DESC LIMIT 1",
        (point.point_id, until - QUARTER_MS),
    ).fetchone()
    if row is None:
        return None
    end, content, end_steps, mean, low, high = row
    quality = "good" if content == "measured" else "uncertain"
    if point.kind is Kind.COUNTER:
        return Newest(end, quality, point.figure(end_steps), end_steps)
    # A state that changed within the slot has no last value there; a mean of it would be neither on nor off.
    value = mean if point.kind is Kind.GAUGE or low == high else None
    return Newest(end, quality, value)
