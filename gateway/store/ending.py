"""How the buffer's last life ended, as marks in it and beside it say, and since when readings may be gone if not well.

A card may lie about syncing: then a power cut takes what was accepted last from the database and from the second witness
alike, and nothing that is left knows of it. What remains knowable is that the machine was started anew and that nobody ended
the buffer before. Both files must say that it was ended, at one time, for both can be an older copy of themselves.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from gateway.model import QUARTER_MS
from gateway.store.high_water import Witness
from gateway.store.points import meta, put_meta
from gateway.store.tally import SETTLED_TO

BOOT, ENDED, LOST_FROM = "boot", "ended", "lost_from"
"""Keys of ``meta``: the machine's start that wrote the buffer, when it was ended, since when readings may be gone."""

NEWEST_ROWS = 5_000
LATE_MS = 60_000
"""A reading waits no longer than this between its stamp and its commit, but for a full buffer."""
UNCOUNTED_MS = QUARTER_MS
"""A correction changes no count, so one that fell back is not missed by P2. It takes a whole quarter-hour of commits none of
whose syncs was done for an older one to be gone."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What a buffer says of its last life. What was measured before ``settled_to`` is counted: where some of it is gone, the
    count of P2 finds that; where it was corrected and the correction is gone, nothing does."""

    boot: str | None = None
    ended: str | None = None
    settled_to: str | None = None


def marks(connection: sqlite3.Connection) -> Marks:
    return Marks(meta(connection, BOOT), meta(connection, ENDED), meta(connection, SETTLED_TO))


def may_have_lost(here: Marks, beside: Witness | None, boot: str) -> bool:
    """Whether a power cut may have taken what was accepted. Not within one start of the machine, whose memory holds what the
    card does not; not of a buffer that never had these marks, unless the second witness had."""
    if here.boot is None:
        return beside is not None and beside.boot not in (None, boot)
    if here.boot == boot:
        return False
    return here.ended is None or beside is None or beside.ended != here.ended


def begin(connection: sqlite3.Connection, boot: str) -> None:
    """In the transaction that opens the buffer."""
    connection.execute("DELETE FROM meta WHERE key = ?", (ENDED,))
    put_meta(connection, {BOOT: boot})


def doubt(connection: sqlite3.Connection, here: Marks, known_to: int) -> None:
    """In the same transaction, after ``may_have_lost``; a doubt that was not told yet stays. ``known_to`` is the newest moment
    that anything but the buffer knows of, 0 where nothing does."""
    since = max(0, (_newest_received(connection) or known_to) - LATE_MS)
    if here.settled_to is not None:
        since = min(since, max(0, int(here.settled_to) - UNCOUNTED_MS))
    untold = meta(connection, LOST_FROM)
    put_meta(connection, {LOST_FROM: str(since if untold is None else min(since, int(untold)))})


def lost_from(connection: sqlite3.Connection) -> int | None:
    """Since when what was received may be gone; None when there is nothing to tell."""
    found = meta(connection, LOST_FROM)
    return None if found is None else int(found)


def told(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM meta WHERE key = ?", (LOST_FROM,))


def end(connection: sqlite3.Connection, at: int) -> str:
    """The mark of a life that ended well, for the second witness too."""
    put_meta(connection, {ENDED: str(at)})
    return str(at)


def forget(connection: sqlite3.Connection) -> None:
    """A copy that is put into use has no life behind it."""
    connection.execute("DELETE FROM meta WHERE key IN (?, ?, ?)", (BOOT, ENDED, LOST_FROM))


def _newest_received(connection: sqlite3.Connection) -> int | None:
    row = connection.execute(
        "SELECT max(measured_at + lag) FROM"
        " (SELECT measured_at, lag FROM reading WHERE quality = 0 ORDER BY measured_at DESC LIMIT ?)",
        (NEWEST_ROWS,),
    ).fetchone()
    return None if row[0] is None else int(row[0])
