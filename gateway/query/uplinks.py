"""Where each uplink stands in the change feed."""

from __future__ import annotations

import sqlite3

from edge_config.uplinks import Uplink
from gateway.query.snapshot import Snapshot
from gateway.query.views import UplinkRow

COLUMNS = "cursor, delivered, refused, delivered_at, error, error_at"
NOTHING_YET = (0, 0, 0, None, None, None)


def uplinks(snapshot: Snapshot) -> list[UplinkRow]:
    """The enabled uplinks of the site file, in its order."""
    newest = head(snapshot.db)
    return [_row(snapshot.db, uplink, newest) for uplink in snapshot.site.file.uplinks if uplink.enabled]


def head(connection: sqlite3.Connection) -> int:
    """The newest seq: delivered changes may have been pruned, cursors stay."""
    row = connection.execute(
        "SELECT max(coalesce((SELECT max(seq) FROM change), 0), coalesce((SELECT max(cursor) FROM uplink), 0))"
    ).fetchone()
    return int(row[0])


def delivered_to(snapshot: Snapshot) -> int:
    """Up to which seq every enabled uplink has delivered; 0 without an uplink."""
    return min((row.cursor for row in uplinks(snapshot)), default=0)


def _row(connection: sqlite3.Connection, uplink: Uplink, newest: int) -> UplinkRow:
    found = connection.execute(f"SELECT {COLUMNS} FROM uplink WHERE uplink = ?", (uplink.id,)).fetchone()
    cursor, delivered, refused, delivered_at, error, error_at = found or NOTHING_YET
    oldest = connection.execute(
        "SELECT at FROM change WHERE seq > ? ORDER BY seq LIMIT 1", (cursor,)
    ).fetchone()
    return UplinkRow(
        uplink=uplink.id, kind=uplink.kind, destination=uplink.destination, cursor=cursor, head=newest, waiting=newest - cursor,
        waiting_since=oldest[0] if oldest else None, delivered=delivered, refused=refused, delivered_at=delivered_at,
        error=error, error_at=error_at,
    )  # fmt: skip
