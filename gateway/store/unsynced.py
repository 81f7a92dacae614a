"""Rows of ``unsynced``: readings accepted while our clock was in doubt, in the order they came, until their time is known.

A row's time can be known while the monotonic clock it was received by still runs: ``boot_id`` names it. Of an earlier one
only the count is left.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from gateway.store import proof, quarantine

COLUMNS = "unsynced_id, boot_id, mono_ms, point_id, measured_at, value, quality, reason"
PROVEN = f"{COLUMNS}, crc"


class Waiting(NamedTuple):
    """``mono_ms`` is when it was received; ``value`` in steps; ``measured_at`` as ``schema_6`` says."""

    mono_ms: int
    point_id: int
    measured_at: int
    value: int | None
    quality: int
    reason: str | None


def put(connection: sqlite3.Connection, boot_id: str, rows: Iterable[Waiting]) -> int:
    """Behind those that wait already; how many."""
    last = connection.execute("SELECT coalesce(max(unsynced_id), 0) FROM unsynced").fetchone()[0]
    kept = [(last + place, boot_id, *row) for place, row in enumerate(rows, 1)]
    connection.executemany(
        f"INSERT INTO unsynced ({PROVEN}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(*row, proof.checksum(row)) for row in kept],
    )
    return len(kept)


def take(connection: sqlite3.Connection, boot_id: str, limit: int) -> list[Waiting]:
    """The oldest of this boot, which wait no longer; a row that is not as it was written is taken out of use."""
    rows = connection.execute(
        f"SELECT {PROVEN} FROM unsynced WHERE boot_id = ? ORDER BY unsynced_id LIMIT ?", (boot_id, limit)
    ).fetchall()
    for row in rows:
        if not proof.is_proven(row):
            quarantine.put(connection, "unsynced", "unsynced_id = ?", row[:1], row, (row[3], 0, 1))
    good = [row for row in rows if proof.is_proven(row)]
    connection.executemany("DELETE FROM unsynced WHERE unsynced_id = ?", [row[:1] for row in good])
    return [Waiting(*row[2:8]) for row in good]


def take_timeless(connection: sqlite3.Connection, boot_id: str, limit: int) -> Counter[int]:
    """How many of other boots, by point, which nobody can ever date; they are gone."""
    rows = connection.execute(
        "SELECT unsynced_id, point_id FROM unsynced WHERE boot_id <> ? ORDER BY unsynced_id LIMIT ?",
        (boot_id, limit),
    ).fetchall()
    connection.executemany("DELETE FROM unsynced WHERE unsynced_id = ?", [row[:1] for row in rows])
    return Counter(int(point_id) for _, point_id in rows)


def oldest_mono_ms(connection: sqlite3.Connection, boot_id: str) -> int | None:
    """When the first one of this boot came."""
    row = connection.execute(
        "SELECT mono_ms FROM unsynced WHERE boot_id = ? ORDER BY unsynced_id LIMIT 1", (boot_id,)
    ).fetchone()
    return None if row is None else int(row[0])


def is_any(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM unsynced LIMIT 1").fetchone() is not None


def count(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM unsynced").fetchone()[0])
