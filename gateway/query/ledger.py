"""The completeness ledger: each quarter-hour of a point, what it rests on, whether it came late, and what became of it at
each uplink. ``completeness`` counts the same slots per day.

A slot that is due and has no row is missing and was delivered to nobody: never 0, never left out.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from gateway.model import QUARTER_MS, Content
from gateway.place import Range
from gateway.query.completeness import due_until
from gateway.query.known_points import KnownPoint
from gateway.query.snapshot import Snapshot
from gateway.query.uplinks import ranges_of
from gateway.query.views import LedgerSlot
from gateway.slots import quarter_start

WAITING, DELIVERED, REFUSED, UNCONFIRMED = "waiting", "yes", "refused", "unconfirmed"


@dataclass(frozen=True, slots=True)
class _Uplink:
    name: str
    has_receipts: bool
    ranges: list[Range]
    refused: frozenset[int]

    def says(self, seq: int) -> str:
        if seq in self.refused:
            return REFUSED
        if not any(low < seq <= high for low, high in self.ranges):
            return WAITING
        return DELIVERED if self.has_receipts else UNCONFIRMED


def ledger(snapshot: Snapshot, point: KnownPoint, start: int, end: int) -> list[LedgerSlot]:
    """The due slots of [start, end), oldest first. A slot that was revised after it closed counts as late."""
    if point.point_id is None or point.first_at is None:
        return []
    first = max(quarter_start(start), quarter_start(point.first_at))
    until = min(end, due_until(snapshot, point))
    rows = {
        at: (content, share, revision, seq)
        for at, content, share, revision, seq in snapshot.db.execute(
            "SELECT start, content, share, revision, seq FROM interval"
            " WHERE point_id = ? AND period = '15min' AND start >= ? AND start < ?",
            (point.point_id, first, until),
        )
    }
    uplinks = _uplinks(snapshot, [seq for *_, seq in rows.values()])
    return [_slot(at, rows.get(at), uplinks) for at in range(first, until, QUARTER_MS)]


def _slot(at: int, row: tuple[str, float, int, int] | None, uplinks: list[_Uplink]) -> LedgerSlot:
    if row is None:
        return LedgerSlot(at, Content.MISSING.value, 0.0, False, {one.name: WAITING for one in uplinks})
    content, share, revision, seq = row
    return LedgerSlot(at, content, share, revision > 1, {one.name: one.says(seq) for one in uplinks})


def _uplinks(snapshot: Snapshot, seqs: list[int]) -> list[_Uplink]:
    return [
        _Uplink(
            uplink.id,
            uplink.receipt != "none",
            ranges_of(snapshot.db, uplink.id),
            _refused(snapshot.db, uplink.id, seqs),
        )
        for uplink in snapshot.site.file.uplinks
        if uplink.enabled
    ]


def _refused(connection: sqlite3.Connection, uplink: str, seqs: list[int]) -> frozenset[int]:
    if not seqs:
        return frozenset()
    found = connection.execute(
        "SELECT seq FROM dead_letter WHERE uplink = ? AND seq BETWEEN ? AND ?", (uplink, min(seqs), max(seqs))
    )
    return frozenset(seq for (seq,) in found) & frozenset(seqs)
