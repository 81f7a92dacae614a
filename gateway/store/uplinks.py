"""Rows of ``uplink``, ``uplink_range``, ``uplink_void``, ``uplink_sent`` and ``dead_letter``: where each uplink stands
(``gateway.place``), what went up under which bounds, and what a district refused for ever.

A leg that no longer begins where its lane stands has been overtaken by a command: nothing is changed then.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from gateway import place as places
from gateway.place import Content, Lane, Leg, Place, Range

COLUMNS = "cursor, batch_to, live_to, passed_from, live_passed_from, paused"
DAY_MS = 86_400_000
SENT_KEPT_MS = 100 * DAY_MS
"""Longer than a district keeps the digest of a batch (90 days)."""


def state(connection: sqlite3.Connection, uplink: str) -> Place:
    row = connection.execute(f"SELECT {COLUMNS} FROM uplink WHERE uplink = ?", (uplink,)).fetchone()
    if row is None:
        return Place()
    cursor, batch_to, live_to, passed_from, live_passed_from, paused = row
    return Place(
        cursor, batch_to, _ranges(connection, "uplink_range", uplink), live_to, passed_from, live_passed_from,
        _ranges(connection, "uplink_void", uplink), bool(paused),
    )  # fmt: skip


def keep(connection: sqlite3.Connection, uplink: str, place: Place, before: Place | None = None) -> None:
    """Store a place. ``before`` is what is stored now, where that is known."""
    before = before or state(connection, uplink)
    connection.execute(
        "INSERT INTO uplink (uplink, cursor, batch_to, live_to, passed_from, live_passed_from, paused)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (uplink) DO UPDATE SET cursor = excluded.cursor,"
        " batch_to = excluded.batch_to, live_to = excluded.live_to, passed_from = excluded.passed_from,"
        " live_passed_from = excluded.live_passed_from, paused = excluded.paused",
        (uplink, place.cursor, place.batch_to, place.live_to, place.passed_from, place.live_passed_from, place.is_paused),
    )  # fmt: skip
    for table, old, new in (
        ("uplink_range", before.ranges, place.ranges),
        ("uplink_void", before.voids, place.voids),
    ):
        if old != new:
            connection.execute(f"DELETE FROM {table} WHERE uplink = ?", (uplink,))
            connection.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", [(uplink, *one) for one in new])


def begin(
    connection: sqlite3.Connection, uplink: str, leg: Leg, content: Content | None = None, at: int = 0
) -> bool:
    """Keep the end of the batch in flight, so that a retry is the same stretch also after a restart, and the digest of its
    bytes. False, and nothing is kept: the lane has moved, or other content went up under these bounds before."""
    now = state(connection, uplink)
    if not now.fits(leg) or (content is not None and not _keep_sent(connection, uplink, leg, content, at)):
        return False
    if now.sent_to(leg.lane) != leg.to_seq:
        keep(connection, uplink, places.begun(now, leg), now)
    return True


def sent(connection: sqlite3.Connection, uplink: str, from_seq: int) -> dict[int, bytes]:
    """What went up under bounds that begin at ``from_seq``: their ends, and the digest of each."""
    found = connection.execute(
        "SELECT to_seq, sha256 FROM uplink_sent WHERE uplink = ? AND from_seq = ?", (uplink, from_seq)
    )
    return {int(to_seq): bytes(sha256) for to_seq, sha256 in found}


def _keep_sent(connection: sqlite3.Connection, uplink: str, leg: Leg, content: Content, at: int) -> bool:
    """Whether the bounds are free or name these very bytes. A single change is one content, whatever is kept of it."""
    key = (uplink, content.from_seq, leg.to_seq)
    known = connection.execute(
        "SELECT sha256, at FROM uplink_sent WHERE uplink = ? AND from_seq = ? AND to_seq = ?", key
    ).fetchone()
    if known is not None and known[0] != content.sha256 and leg.to_seq - content.from_seq > 1:
        return False
    if known is None or known[0] != content.sha256 or not known[1] <= at < known[1] + DAY_MS:
        connection.execute(
            "INSERT OR REPLACE INTO uplink_sent VALUES (?, ?, ?, ?, ?)", (*key, content.sha256, at)
        )
    return True


def _forget_sent(connection: sqlite3.Connection, uplink: str, at: int) -> None:
    """Of the two lowest what the district has forgotten, too: more go than come."""
    connection.execute(
        "DELETE FROM uplink_sent WHERE at < ? AND (uplink, from_seq, to_seq) IN (SELECT uplink, from_seq, to_seq"
        " FROM uplink_sent WHERE uplink = ? ORDER BY from_seq, to_seq LIMIT 2)",
        (at - SENT_KEPT_MS, uplink),
    )


def delivered(
    connection: sqlite3.Connection,
    uplink: str,
    leg: Leg,
    count: int,
    refused: Sequence[tuple[int, str]],
    at: int,
    *,
    by_receipt: bool = True,
) -> None:
    """Move on, on a verified receipt, and keep what was refused with the answer. Not ``by_receipt``: the receiver refused all
    records of the leg for ever, and has nothing of it."""
    now = state(connection, uplink)
    if not now.fits(leg) or now.sent_to(leg.lane) != leg.to_seq:
        return
    connection.executemany(
        "INSERT OR REPLACE INTO dead_letter SELECT ?, seq, ?, ?, body FROM change WHERE seq = ?",
        [(uplink, at, reason, seq) for seq, reason in refused],
    )
    keep(connection, uplink, places.delivered(now, leg) if by_receipt else places.passed(now, leg), now)
    connection.execute(
        "UPDATE uplink SET delivered = delivered + ?, refused = refused + ?, delivered_at = ?,"
        " error = NULL, error_at = NULL WHERE uplink = ?",
        (count - len(refused), len(refused), at, uplink),
    )
    _forget_sent(connection, uplink, at)


def take_refused(connection: sqlite3.Connection, uplink: str, after_seq: int, to_seq: int) -> list[int]:
    """The changes of (after_seq, to_seq] that were refused for ever and are still in the feed, in order; they are dead letters no
    more. Whoever takes them tells them again, under new numbers: a receiver takes no second effect from the old ones."""
    found = connection.execute(
        "DELETE FROM dead_letter WHERE uplink = ? AND seq > ? AND seq <= ? AND seq IN (SELECT seq FROM change) RETURNING seq",
        (uplink, after_seq, to_seq),
    )
    return sorted(int(seq) for (seq,) in found)


def skip(connection: sqlite3.Connection, uplink: str, leg: Leg) -> None:
    """Pass a stretch the uplink's filter leaves empty."""
    now = state(connection, uplink)
    if now.fits(leg):
        keep(connection, uplink, places.passed(now, leg), now)


def cut(connection: sqlite3.Connection, uplink: str, lane: Lane, at: int) -> None:
    """Let the lane's next batch begin at ``at``, within what was passed before it."""
    now = state(connection, uplink)
    if lane in now.lanes and now.begins_at(lane) < at <= now.stands_at(lane):
        keep(connection, uplink, places.cut(now, lane, at), now)


def split(connection: sqlite3.Connection, uplink: str, head: int, more_than: int) -> bool:
    """Begin the live lane at ``head`` where more than so many changes wait; whether there is one now that was not."""
    now = state(connection, uplink)
    front = now.ranges[-1][1] if now.ranges else now.cursor
    if head - front <= more_than:
        return False
    after = places.split(now, head)
    keep(connection, uplink, after, now)
    return after != now


def again(
    connection: sqlite3.Connection, uplink: str, stretches: Sequence[Range], *, lanes: bool = True
) -> int:
    """Let delivered stretches wait once more; how many changes that are."""
    now = state(connection, uplink)
    after = places.again(now, stretches, lanes=lanes)
    keep(connection, uplink, after, now)
    return after.waiting(0) - now.waiting(0)


def pause(connection: sqlite3.Connection, uplink: str, *, paused: bool) -> None:
    connection.execute("INSERT OR IGNORE INTO uplink (uplink, cursor) VALUES (?, 0)", (uplink,))
    connection.execute("UPDATE uplink SET paused = ? WHERE uplink = ?", (paused, uplink))


def begin_epoch(connection: sqlite3.Connection, after_seq: int | None = None) -> None:
    """The buffer has another epoch now, in which nobody holds anything. ``after_seq``: nothing above is in the feed."""
    connection.execute("DELETE FROM uplink_sent")
    for (uplink,) in connection.execute("SELECT uplink FROM uplink").fetchall():
        now = state(connection, uplink)
        lost = [] if after_seq is None or after_seq >= now.cursor else [(after_seq, now.cursor)]
        keep(connection, uplink, places.renewed(places.again(now, lost)), now)


def failed(connection: sqlite3.Connection, uplink: str, message: str, at: int) -> None:
    connection.execute("INSERT OR IGNORE INTO uplink (uplink, cursor) VALUES (?, 0)", (uplink,))
    connection.execute("UPDATE uplink SET error = ?, error_at = ? WHERE uplink = ?", (message, at, uplink))


def _ranges(connection: sqlite3.Connection, table: str, uplink: str) -> tuple[Range, ...]:
    found = connection.execute(
        f"SELECT from_seq, to_seq FROM {table} WHERE uplink = ? ORDER BY from_seq, to_seq", (uplink,)
    )
    return tuple((int(low), int(high)) for low, high in found)
