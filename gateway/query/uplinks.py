"""Where each uplink stands in the change feed."""

from __future__ import annotations

import itertools
import sqlite3

from edge_config.uplinks import Uplink
from gateway.place import Range
from gateway.query.snapshot import Snapshot
from gateway.query.views import UplinkLane, UplinkRow
from gateway.uplinks.words import words_of

COLUMNS = "cursor, delivered, refused, delivered_at, error, error_at, paused"
NOTHING_YET = (0, 0, 0, None, None, None, 0)


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


def ranges_of(connection: sqlite3.Connection, uplink: str) -> list[Range]:
    """What an uplink has delivered: (from, to] in order, the first of them from before the first seq."""
    row = connection.execute("SELECT cursor FROM uplink WHERE uplink = ?", (uplink,)).fetchone()
    ahead = connection.execute(
        "SELECT from_seq, to_seq FROM uplink_range WHERE uplink = ? ORDER BY from_seq", (uplink,)
    ).fetchall()
    return [(-1, int(row[0]) if row else 0), *((int(low), int(high)) for low, high in ahead)]


def delivered_ranges(snapshot: Snapshot) -> list[Range]:
    """What every enabled uplink that knows of receipts has delivered; empty where there is none."""
    found: list[Range] | None = None
    for uplink in with_receipts(snapshot):
        ranges = ranges_of(snapshot.db, uplink)
        found = ranges if found is None else _common(found, ranges)
    return found or []


def with_receipts(snapshot: Snapshot) -> list[str]:
    """The enabled uplinks that know of receipts."""
    return [one.id for one in snapshot.site.file.uplinks if one.enabled and one.receipt != "none"]


def _common(some: list[Range], others: list[Range]) -> list[Range]:
    return [(max(a, c), min(b, d)) for a, b in some for c, d in others if max(a, c) < min(b, d)]


def _row(connection: sqlite3.Connection, uplink: Uplink, newest: int) -> UplinkRow:
    found = connection.execute(f"SELECT {COLUMNS} FROM uplink WHERE uplink = ?", (uplink.id,)).fetchone()
    cursor, delivered, refused, delivered_at, error, error_at, paused = found or NOTHING_YET
    lanes = _lanes(connection, ranges_of(connection, uplink.id), newest)
    cause, cure = words_of(error or "")
    return UplinkRow(
        uplink=uplink.id, kind=uplink.kind, destination=uplink.destination, cursor=cursor, head=newest,
        waiting=sum(lane.waiting for lane in lanes), waiting_since=_made_after(connection, cursor), delivered=delivered,
        refused=refused, delivered_at=delivered_at, error=error, error_at=error_at, receipt=uplink.receipt, lanes=lanes,
        is_paused=bool(paused), cause_zh=cause, cure_zh=cure,
    )  # fmt: skip


def _lanes(connection: sqlite3.Connection, ranges: list[Range], newest: int) -> list[UplinkLane]:
    """Live is what is new; back-fill (补传) what waits behind it since an outage, where there is such."""
    front = ranges[-1][1]
    live = UplinkLane("live", max(0, newest - front), _made_after(connection, front))
    holes = [after[0] - before[1] for before, after in itertools.pairwise(ranges)]
    if not holes:
        return [live]
    return [live, UplinkLane("backfill", sum(holes), _made_after(connection, ranges[0][1]))]


def _made_after(connection: sqlite3.Connection, seq: int) -> int | None:
    row = connection.execute("SELECT at FROM change WHERE seq > ? ORDER BY seq LIMIT 1", (seq,)).fetchone()
    return row[0] if row else None
