"""Which changes of the feed a later one has replaced: for receivers that keep what comes last and know no revisions."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gateway.model import Change
from gateway.query.snapshot import Snapshot

INTERVAL = "SELECT i.seq FROM interval i JOIN point p USING (point_id) WHERE p.name = ? AND i.period = ? AND i.start = ?"
EVENT = "SELECT seq FROM event WHERE event_id = ?"


class _Identity(msgspec.Struct):
    """What of a body says which slot or event it is about."""

    point: str | None = None
    period: str | None = None
    start: int | None = None
    event_id: str | None = None


def replaced(snapshot: Snapshot, changes: Sequence[Change]) -> frozenset[int]:
    """The seqs of those intervals and events of which a newer revision is stored. A body that cannot be read is replaced by
    nothing."""
    return frozenset(change.seq for change in changes if _newest_seq(snapshot, change) > change.seq)


def _newest_seq(snapshot: Snapshot, change: Change) -> int:
    """0 for what has no newest revision here."""
    if change.kind not in {"interval", "event"}:
        return 0
    try:
        found = msgspec.json.decode(change.body, type=_Identity)
    except msgspec.DecodeError:
        return 0
    if change.kind == "interval":
        row = snapshot.db.execute(INTERVAL, (found.point, found.period, found.start)).fetchone()
    else:
        row = snapshot.db.execute(EVENT, (found.event_id,)).fetchone()
    return 0 if row is None else int(row[0])
