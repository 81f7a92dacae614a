"""Rows of ``uplink`` and ``dead_letter``: how far each uplink has come, and what a district refused for ever."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence


def state(connection: sqlite3.Connection, uplink: str) -> tuple[int, int | None]:
    """(cursor, to_seq of the batch in flight)."""
    row = connection.execute("SELECT cursor, batch_to FROM uplink WHERE uplink = ?", (uplink,)).fetchone()
    return (int(row[0]), row[1]) if row else (0, None)


def begin(connection: sqlite3.Connection, uplink: str, to_seq: int) -> None:
    """Keep the end of the batch in flight, so that a retry is the same stretch also after a restart."""
    connection.execute("UPDATE uplink SET batch_to = ? WHERE uplink = ?", (to_seq, _made(connection, uplink)))


def delivered(
    connection: sqlite3.Connection,
    uplink: str,
    to_seq: int,
    count: int,
    refused: Sequence[tuple[int, str]],
    at: int,
) -> None:
    """Move the cursor on a verified receipt, and keep what was refused with the answer."""
    connection.executemany(
        "INSERT OR REPLACE INTO dead_letter SELECT ?, seq, ?, ?, body FROM change WHERE seq = ?",
        [(uplink, at, reason, seq) for seq, reason in refused],
    )
    connection.execute(
        "UPDATE uplink SET cursor = ?, batch_to = NULL, delivered = delivered + ?, refused = refused + ?, delivered_at = ?,"
        " error = NULL, error_at = NULL WHERE uplink = ?",
        (to_seq, count - len(refused), len(refused), at, _made(connection, uplink)),
    )


def skip(connection: sqlite3.Connection, uplink: str, to_seq: int) -> None:
    """Pass a stretch the uplink's filter leaves empty."""
    connection.execute(
        "UPDATE uplink SET cursor = ?, batch_to = NULL WHERE uplink = ?", (to_seq, _made(connection, uplink))
    )


def failed(connection: sqlite3.Connection, uplink: str, message: str, at: int) -> None:
    connection.execute(
        "UPDATE uplink SET error = ?, error_at = ? WHERE uplink = ?", (message, at, _made(connection, uplink))
    )


def _made(connection: sqlite3.Connection, uplink: str) -> str:
    connection.execute("INSERT OR IGNORE INTO uplink (uplink, cursor) VALUES (?, 0)", (uplink,))
    return uplink
