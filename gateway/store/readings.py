"""Rows of ``reading``: integers scaled by the point's step, a CRC-32 each, and what became of duplicates.

Identity (ARCHITECTURE 3): same point, time and value is no new row; another value is a correction, and the old one is
kept with both arrival times.
"""

from __future__ import annotations

import sqlite3
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_PACK = struct.Struct("<qqqqB").pack
_NO_VALUE = -(2**62)

# The conflict clause is only reached when a good reading meets a bad one of the very same millisecond.
INSERT = (
    "INSERT INTO reading (measured_at, point_id, lag, value, quality, reason, crc) VALUES (?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET lag = excluded.lag, value = excluded.value, quality = excluded.quality,"
    " reason = excluded.reason, crc = excluded.crc"
)

Row = tuple[int, int, int, int | None, int, str | None, int]


class StoredReading(NamedTuple):
    measured_at: int
    point_id: int
    lag: int
    value: int | None
    quality: int


def row(
    measured_at: int, point_id: int, lag: int, value: int | None, quality: int, reason: str | None
) -> Row:
    """A row with its CRC; ``value`` in steps, ``lag`` = received_at − measured_at in ms."""
    return measured_at, point_id, lag, value, quality, reason, crc(measured_at, point_id, lag, value, quality)


def crc(measured_at: int, point_id: int, lag: int, value: int | None, quality: int) -> int:
    """CRC-32 over the row's numbers; the reason is words and not covered."""
    return zlib.crc32(_PACK(measured_at, point_id, lag, _NO_VALUE if value is None else value, quality))


def insert(connection: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Rows that are known to be new, or better than a bad one."""
    connection.executemany(INSERT, rows)


def find(connection: sqlite3.Connection, point_id: int, measured_at: int) -> StoredReading | None:
    found = connection.execute(
        "SELECT measured_at, point_id, lag, value, quality FROM reading WHERE measured_at = ? AND point_id = ?",
        (measured_at, point_id),
    ).fetchone()
    return StoredReading(*found) if found else None


def correct(connection: sqlite3.Connection, old: StoredReading, new: Row) -> None:
    """Replace a reading's value and keep the old one."""
    measured_at, point_id, lag, value, quality, reason, checksum = new
    connection.execute(
        "INSERT INTO correction (point_id, measured_at, old_value, old_received_at, new_value, new_received_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (point_id, measured_at, old.value, measured_at + old.lag, value, measured_at + lag),
    )
    connection.execute(
        "UPDATE reading SET lag = ?, value = ?, quality = ?, reason = ?, crc = ? WHERE measured_at = ? AND point_id = ?",
        (lag, value, quality, reason, checksum, measured_at, point_id),
    )


def since(connection: sqlite3.Connection, start: int) -> Iterator[StoredReading]:
    """Good readings of all points from ``start``, oldest first."""
    for found in connection.execute(
        "SELECT measured_at, point_id, lag, value, quality FROM reading"
        " WHERE measured_at >= ? AND quality = 0 ORDER BY measured_at, point_id",
        (start,),
    ):
        yield StoredReading(*found)


def of_point(connection: sqlite3.Connection, point_id: int, start: int, end: int) -> list[StoredReading]:
    """Good readings of one point in [start, end), oldest first; scans the span, so keep it short."""
    return [
        StoredReading(*found)
        for found in connection.execute(
            "SELECT measured_at, point_id, lag, value, quality FROM reading"
            " WHERE measured_at >= ? AND measured_at < ? AND point_id = ? AND quality = 0 ORDER BY measured_at",
            (start, end, point_id),
        )
    ]
