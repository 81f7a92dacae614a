"""The writing side: who is enrolled, which ranges were received, and the transaction that holds an effect together."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from district import effects
from district.contract import Batch, Rejected
from district.judge import Effects
from district.ranges import Range, joined
from district.schema import open_for_writing


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A gateway that may write, and for which site."""

    site: str
    gateway: str
    key_sha256: str


def find_gateway(connection: sqlite3.Connection, site: str, gateway: str) -> Enrolled | None:
    row = connection.execute(
        "SELECT key_sha256 FROM gateway WHERE site_id = ? AND gateway_id = ?", (site, gateway)
    ).fetchone()
    return Enrolled(site, gateway, row[0]) if row else None


class Store:
    """The one connection that writes. Bound to the thread that made it."""

    __slots__ = ("_connection",)

    def __init__(self, path: Path) -> None:
        self._connection = open_for_writing(path)

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. After a sqlite3.Error the outcome is unknown: close the store and open it again."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def find_gateway(self, site: str, gateway: str) -> Enrolled | None:
        return find_gateway(self._connection, site, gateway)

    def enrol(self, enrolled: Enrolled, name: str, at: int) -> None:
        """Let a gateway in, or give it a new key. ``name`` is shown until the school sends its own."""
        self._connection.execute(
            "INSERT INTO site VALUES (?, ?, 'Asia/Shanghai', NULL, NULL, 0) ON CONFLICT DO NOTHING",
            (enrolled.site, name),
        )
        self._connection.execute(
            "INSERT INTO gateway (site_id, gateway_id, name, key_sha256, enrolled_at) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (site_id, gateway_id) DO UPDATE SET key_sha256 = excluded.key_sha256",
            (enrolled.site, enrolled.gateway, name, enrolled.key_sha256, at),
        )

    def note_contact(self, batch: Batch, at: int) -> None:
        self._connection.execute(
            "UPDATE gateway SET contact_at = ?, epoch = ? WHERE site_id = ? AND gateway_id = ?",
            (at, batch.epoch, batch.site, batch.gateway),
        )

    def ranges(self, batch: Batch) -> list[Range]:
        """What was received of the batch's gateway and epoch, as far as it overlaps or touches the batch; sorted."""
        return self._connection.execute(
            "SELECT from_seq, to_seq FROM received WHERE site_id = ? AND gateway_id = ? AND epoch = ?"
            " AND from_seq <= ? AND to_seq >= ? ORDER BY from_seq",
            (batch.site, batch.gateway, batch.epoch, batch.to_seq, batch.from_seq),
        ).fetchall()

    def add_range(self, batch: Batch, touching: Sequence[Range]) -> None:
        """Record the batch's range, joined with its neighbours so that the list stays short."""
        low, high = joined(touching, (batch.from_seq, batch.to_seq))
        who = (batch.site, batch.gateway, batch.epoch)
        self._connection.execute(
            "DELETE FROM received WHERE site_id = ? AND gateway_id = ? AND epoch = ? AND from_seq BETWEEN ? AND ?",
            (*who, low, high),
        )
        self._connection.execute("INSERT INTO received VALUES (?, ?, ?, ?, ?)", (*who, low, high))

    def rejected(self, batch: Batch) -> list[Rejected]:
        """What was refused of the batch's range when it had its effect."""
        rows = self._connection.execute(
            "SELECT seq, reason FROM rejected WHERE site_id = ? AND gateway_id = ? AND epoch = ?"
            " AND seq > ? AND seq <= ? ORDER BY seq",
            (batch.site, batch.gateway, batch.epoch, batch.from_seq, batch.to_seq),
        )
        return [Rejected(seq=seq, reason=reason) for seq, reason in rows]

    def keep_rejected(self, batch: Batch, rejected: Sequence[Rejected], at: int) -> None:
        keys = {change.seq: change.key for change in batch.changes}
        self._connection.executemany(
            "INSERT INTO rejected VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(batch.site, batch.gateway, batch.epoch, r.seq, keys[r.seq], r.reason, at) for r in rejected],
        )

    def owners(self, site: str) -> dict[str, str]:
        """Which gateway each described point of a site belongs to."""
        return dict(
            self._connection.execute("SELECT point, gateway_id FROM point WHERE site_id = ?", (site,))
        )

    def write(self, batch: Batch, found: Effects) -> None:
        effects.write(self._connection, batch.site, batch.gateway, found)
