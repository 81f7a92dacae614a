"""Rows of ``candidate``: strangers on a broker that staff may adopt or dismiss. No reading is ever kept of them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

from gateway.candidate import Candidate

ROWS_MAX = 1000


def put(connection: sqlite3.Connection, found: Iterable[Candidate]) -> None:
    """Add what was seen since the last call; beyond ``ROWS_MAX`` those that have been silent longest are forgotten."""
    connection.executemany(
        "INSERT INTO candidate VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL) ON CONFLICT (broker, topic) DO UPDATE SET"
        " title = CASE WHEN excluded.title = '' THEN title ELSE excluded.title END, fits = excluded.fits,"
        " sample = excluded.sample, last_at = max(last_at, excluded.last_at), count = count + excluded.count",
        [
            (one.broker, one.topic, one.title, json.dumps(one.fits), one.sample, one.first_at, one.last_at, one.count)
            for one in found
        ],
    )  # fmt: skip
    connection.execute(
        "DELETE FROM candidate WHERE (broker, topic) IN"
        " (SELECT broker, topic FROM candidate ORDER BY last_at DESC LIMIT -1 OFFSET ?)",
        (ROWS_MAX,),
    )


def is_known(connection: sqlite3.Connection, broker: str, topic: str) -> bool:
    row = connection.execute("SELECT 1 FROM candidate WHERE broker = ? AND topic = ?", (broker, topic))
    return row.fetchone() is not None


def dismiss(connection: sqlite3.Connection, broker: str, topic: str, at: int) -> None:
    """Show it no more, however often it speaks."""
    connection.execute(
        "UPDATE candidate SET dismissed_at = ? WHERE broker = ? AND topic = ?", (at, broker, topic)
    )


def remove(connection: sqlite3.Connection, broker: str, topic: str) -> None:
    """It is a device now."""
    connection.execute("DELETE FROM candidate WHERE broker = ? AND topic = ?", (broker, topic))
