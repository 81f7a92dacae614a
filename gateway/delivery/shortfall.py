"""A district that holds less than it once confirmed: it was restored from an older backup, or wiped (F27).

What it lacks waits once more. Of what is no longer in the feed a gap record tells, which itself goes up.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from gateway import place as places
from gateway.place import Leg, Range
from gateway.store import changes, gaps, uplinks
from gateway.store.changes import ChangeLog
from gateway.store.gaps import ALL_POINTS, Gap
from gateway.uplinks.feed import Held

DISTRICT_LOST = "district_lost"


def missing(connection: sqlite3.Connection, uplink: str, leg: Leg, held: Held) -> list[Range]:
    """The stretches behind the uplink, when ``leg`` is delivered, that ``held`` lacks."""
    now = uplinks.state(connection, uplink)
    if not now.fits(leg) or now.sent_to(leg.lane) != leg.to_seq:
        return []
    return places.missing(places.delivered(now, leg), held.ranges, is_cut_off=held.is_cut_off)


def descriptions(connection: sqlite3.Connection, uplink: str, missing: Sequence[Range]) -> list[int]:
    """The changes with which a district that lacks ``missing`` is told what our points are. Those of an earlier epoch too: under
    this one's name it never had them, and has forgotten what it had."""
    if not missing:
        return []
    return changes.descriptions_in(connection, sorted([*missing, *uplinks.state(connection, uplink).voids]))


def resend(
    connection: sqlite3.Connection, log: ChangeLog, uplink: str, missing: Sequence[Range], refused: Sequence[int], now: int
) -> None:  # fmt: skip
    """Let ``missing`` wait once more. Where the district has forgotten what our points are it is told again at once, and after
    that what it ``refused`` for not knowing. Runs inside a transaction."""
    told = descriptions(connection, uplink, missing)
    uplinks.again(connection, uplink, missing)
    changes.append_again(connection, log, [*told, *refused], now)
    kept_from = _kept_from(connection)
    for low, high in missing:
        gone_to = min(high, kept_from - 1)
        if low < gone_to:
            start, end = _when(connection, low, gone_to, now)
            reason = f"{DISTRICT_LOST} {low + 1}-{gone_to}"
            gaps.record(connection, log, Gap(ALL_POINTS, start, end, 0, reason), now)
    log.flush(connection)


def _kept_from(connection: sqlite3.Connection) -> int:
    """The first change that is there: what describes the site and its points stays for ever and is not counted."""
    row = connection.execute(
        "SELECT seq FROM change WHERE kind NOT IN ('point', 'site') ORDER BY seq LIMIT 1"
    ).fetchone()
    return int(row[0]) if row else 0


def _when(connection: sqlite3.Connection, low: int, high: int, now: int) -> tuple[int, int]:
    """When changes that are gone were made, by those around them that are there."""
    before = connection.execute(
        "SELECT at FROM change WHERE seq <= ? ORDER BY seq DESC LIMIT 1", (max(low, 1),)
    ).fetchone()
    after = connection.execute("SELECT at FROM change WHERE seq > ? ORDER BY seq LIMIT 1", (high,)).fetchone()
    start = int(before[0]) if before else 0
    return start, max(start + 1, int(after[0]) if after else now)
