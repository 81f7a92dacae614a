"""Proof that a stored row is the row that was written: a CRC-32 over its columns, kept beside them.

SQLite does not checksum what it keeps: of 600 single flipped bits 557 gave wrong rows with ``integrity_check`` ok. Readings
carry their own CRC (``readings.crc``). This one is for the rarer rows (intervals, changes, marks, events), and for small
tables as a whole, whose sum is kept in ``seal``. Rows from before schema 4 have none, and are taken as they are.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Sequence

from gateway.errors import DamagedBufferError

SEALED = {
    "meta": "key, value",
    "uplink": "uplink, cursor, batch_to, live_to, passed_from, live_passed_from",
    "uplink_range": "uplink, from_seq, to_seq",
    "uplink_void": "uplink, from_seq, to_seq",
    "replay_span": 'span_id, start, "end", expected_interval_s',
    "point": "point_id, name, device, space, quantity, unit, kind, step, expected_interval_s, in_service, revision",
}
"""Small tables on which every figure rests: how far uplinks have come, how often a replay was read, what points are."""

OFTEN = ("meta", "uplink", "uplink_range", "uplink_void", "replay_span")
"""Those that change while the collector runs: sealed with every commit, 35 µs. Points change at an opening only."""


def checksum(values: Iterable[object]) -> int:
    """CRC-32 of a row's columns in order. A whole number is the same whether a column keeps it as INTEGER or REAL, and SQLite
    knows no negative zero."""
    text = repr(tuple(values))[1:-1] + ","
    return zlib.crc32(text.encode("utf-8", "surrogatepass").replace(b".0,", b",").replace(b"-0,", b"0,"))


def is_proven(row: Sequence[object]) -> bool:
    """Whether a row whose last column is its CRC is what was written; one without a CRC is older than the proof. Where a page
    was never written all columns are NULL, also those that no row is without."""
    if row[-1] is None:
        return None not in row[:2]
    return row[-1] == checksum(row[:-1])


def seal(connection: sqlite3.Connection, tables: Iterable[str] = SEALED) -> None:
    """Keep the sums of small tables, in the transaction that changed them."""
    kept = dict(connection.execute("SELECT name, crc FROM seal"))
    for table in tables:
        found = _sum(connection, table)
        if kept.get(table) != found:
            connection.execute("INSERT OR REPLACE INTO seal VALUES (?, ?)", (table, found))


def check_seals(connection: sqlite3.Connection, tables: Iterable[str] = SEALED) -> None:
    """Raises DamagedBufferError naming the small table that is not as it was written."""
    kept = dict(connection.execute("SELECT name, crc FROM seal"))
    for table in tables:
        if table in kept and kept[table] != _sum(connection, table):
            raise DamagedBufferError(f"table {table} is not as it was written")


def _sum(connection: sqlite3.Connection, table: str) -> int:
    rows = connection.execute(f"SELECT {SEALED[table]} FROM {table} ORDER BY 1, 2").fetchall()
    return checksum(checksum(row) for row in rows)
