"""Rows of ``reading``: integers scaled by the point's step, a CRC-32 each, and what became of duplicates.

Identity (ARCHITECTURE 3): same point, time and value is no new row; another value is a correction, and the old one is
kept with both arrival times.
"""

from __future__ import annotations

import sqlite3
import struct
import zlib
from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Any, NamedTuple

from gateway.model import Quality
from gateway.store import quarantine

_PACK_TIME, _PACK_REST = struct.Struct("<q").pack, struct.Struct("<qqqB").pack
"""Time, then point, lag, value and quality, as the CRC covers them one after another."""
_UNSIGNED = 2**32
_NO_VALUE = -(2**62)

RAW_KEPT_MS = 14 * 86_400_000

Row = tuple[int, int, int, int | None, int, str | None, int]
Damaged = tuple[Any, ...]

PROVEN = "measured_at, point_id, lag, value, quality, reason, crc"


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
    """CRC-32 over the row's numbers; the reason is words and not covered. Signed: four bytes in the table, where an unsigned one
    takes six as often as not."""
    rest = _PACK_REST(point_id, lag, _NO_VALUE if value is None else value, quality)
    found = zlib.crc32(rest, zlib.crc32(_PACK_TIME(measured_at)))
    return found - _UNSIGNED if found >= _UNSIGNED // 2 else found


def good_crcs(measured_at: int, lag: int, point_ids: Sequence[int], values: Sequence[int]) -> Sequence[int]:
    """``crc`` of a good row for each point."""
    rests = map(_PACK_REST, point_ids, repeat(lag), values, repeat(0))
    found = map(zlib.crc32, rests, repeat(zlib.crc32(_PACK_TIME(measured_at))))
    return struct.unpack(f"={len(values)}i", struct.pack(f"={len(values)}I", *found))


def find(connection: sqlite3.Connection, point_id: int, measured_at: int) -> StoredReading | None:
    found = connection.execute(
        f"SELECT {PROVEN} FROM reading WHERE measured_at = ? AND point_id = ?", (measured_at, point_id)
    ).fetchone()
    kept = _proven(connection, [found] if found else [])
    return kept[0] if kept else None


def last_before(connection: sqlite3.Connection, point_id: int, before: int) -> int | None:
    """The value in steps of the newest good reading of the 14 days before an instant."""
    rows = connection.execute(
        f"SELECT {PROVEN} FROM reading WHERE measured_at >= ? AND measured_at < ? AND point_id = ? ORDER BY measured_at DESC",
        (before - RAW_KEPT_MS, before, point_id),
    )
    return next((row[3] for row in rows if is_proven(row) and not row[4]), None)


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


def doubt(connection: sqlite3.Connection, point_id: int, measured_at: int, reason: str) -> None:
    """A good reading turned out to be uncertain; its value is kept."""
    known = find(connection, point_id, measured_at)
    if known is not None and known.quality == 0:
        quality = int(Quality.UNCERTAIN)
        connection.execute(
            "UPDATE reading SET quality = ?, reason = ?, crc = ? WHERE measured_at = ? AND point_id = ?",
            (
                quality,
                reason,
                crc(measured_at, point_id, known.lag, known.value, quality),
                measured_at,
                point_id,
            ),
        )


def since(connection: sqlite3.Connection, start: int) -> Iterator[StoredReading]:
    """Good readings of all points from ``start``, oldest first."""
    found = connection.execute(
        f"SELECT {PROVEN} FROM reading WHERE measured_at >= ? ORDER BY measured_at, point_id", (start,)
    )
    bad: list[Damaged] = []
    for row in found:
        if is_proven(row):
            if not row[4]:
                yield StoredReading(*row[:5])
        else:
            bad.append(row)
    _set_aside(connection, bad)


def of_point(connection: sqlite3.Connection, point_id: int, start: int, end: int) -> list[StoredReading]:
    """Good readings of one point in [start, end), oldest first; scans the span, so keep it short."""
    found = connection.execute(
        f"SELECT {PROVEN} FROM reading"
        " WHERE measured_at >= ? AND measured_at < ? AND point_id = ? ORDER BY measured_at",
        (start, end, point_id),
    ).fetchall()
    return [row for row in _proven(connection, found) if not row.quality]


def is_proven(row: Sequence[Any]) -> bool:
    """Whether (measured_at, point_id, lag, value, quality, …, crc) is what was written. Older rows keep the CRC unsigned."""
    try:
        found = crc(row[0], row[1], row[2], row[3], row[4])
        return row[-1] in (found, found % _UNSIGNED)
    except (struct.error, TypeError):  # a flipped bit may make a column something else than a number
        return False


def _proven(connection: sqlite3.Connection, found: Sequence[Damaged]) -> list[StoredReading]:
    """The rows that are what was written; the others are taken out of use. A good reading's loss must be seen, so rows of
    any quality are proven: the bit that flipped may be the quality's."""
    _set_aside(connection, [row for row in found if not is_proven(row)])
    return [StoredReading(*row[:5]) for row in found if is_proven(row)]


def _set_aside(connection: sqlite3.Connection, bad: Sequence[Damaged]) -> None:
    for row in bad:
        quarantine_row(connection, row)


def quarantine_row(connection: sqlite3.Connection, row: Damaged) -> None:
    """Take a damaged row (``PROVEN``) out of use. Its time may be what is damaged: what is sure is that it lay between the rows
    on both sides."""
    at = row[0] if isinstance(row[0], int) else 0
    before, after = connection.execute(
        "SELECT (SELECT max(measured_at) FROM reading WHERE measured_at < ?),"
        " (SELECT min(measured_at) FROM reading WHERE measured_at > ?)",
        (at, at),
    ).fetchone()
    span = (at if before is None else before, (at if after is None else after) + 1)
    quarantine.put(connection, "reading", "measured_at = ? AND point_id = ?", row[:2], row, (row[1], *span))
