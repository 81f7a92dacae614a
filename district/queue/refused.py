"""Batches that got their receipt from the queue and then could not have their effect: kept whole, for a person. SQL only."""

from __future__ import annotations

import re
from dataclasses import dataclass

from district.contract import Problem
from district.parcel import Parcel
from district.records import Batch
from district.store.database import Connection

_ROW = "site_id = ? AND gateway_id = ? AND epoch = ? AND from_seq = ? AND to_seq = ? AND sha256 = ?"
_NAME = re.compile(r"([^./]+)\.([^./]+)/(.+)/([0-9]{1,16})-([0-9]{1,16})/([0-9a-f]{64})")
LISTED_MAX = 1000


@dataclass(frozen=True, slots=True)
class RefusedName:
    """Which batch it is, as lists and logs write it: ``site.gateway/epoch/from-to/digest``."""

    site: str
    gateway: str
    epoch: str
    from_seq: int
    to_seq: int
    sha256: str

    def __str__(self) -> str:
        return f"{self.site}.{self.gateway}/{self.epoch}/{self.from_seq}-{self.to_seq}/{self.sha256}"

    @property
    def columns(self) -> tuple[str, str, str, int, int, str]:
        return self.site, self.gateway, self.epoch, self.from_seq, self.to_seq, self.sha256


@dataclass(frozen=True, slots=True)
class RefusedBatch:
    """``error`` is the fault, ``detail`` its sentence; ``at``: UTC ms; ``bytes`` as it travelled."""

    name: RefusedName
    error: str
    detail: str
    at: int
    bytes: int


def named(text: str) -> RefusedName | None:
    """None when it is no name of a batch."""
    found = _NAME.fullmatch(text.strip())
    if found is None:
        return None
    site, gateway, epoch, low, high, sha256 = found.groups()
    return RefusedName(site, gateway, epoch, int(low), int(high), sha256)


def keep(connection: Connection, batch: Batch, parcel: Parcel, problem: Problem, at: int) -> None:
    connection.run(
        "INSERT INTO queue_refused (site_id, gateway_id, epoch, from_seq, to_seq, sha256, error, detail, at, encoding, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (site_id, gateway_id, epoch, from_seq, to_seq, sha256) DO NOTHING",
        batch.site, batch.gateway, batch.epoch, batch.from_seq, batch.to_seq, batch.sha256, problem.error.value,
        problem.detail, at, parcel.encoding, parcel.raw,
    )  # fmt: skip


def count(connection: Connection) -> int:
    """Of all sites."""
    return int(connection.rows("SELECT count(*) FROM queue_refused")[0][0])


def newest(connection: Connection, limit: int = LISTED_MAX) -> list[RefusedBatch]:
    """Of all sites, the one refused last first."""
    found = connection.rows(
        "SELECT site_id, gateway_id, epoch, from_seq, to_seq, sha256, error, detail, at, length(body) FROM queue_refused"
        " ORDER BY at DESC, site_id, gateway_id, epoch, from_seq LIMIT ?",
        limit,
    )
    return [RefusedBatch(RefusedName(*row[:6]), *row[6:]) for row in found]


def one(connection: Connection, name: RefusedName) -> tuple[Parcel, str] | None:
    """The body as it travelled, and what was wrong with it; None when there is none of this name."""
    found = connection.rows(f"SELECT body, encoding, error FROM queue_refused WHERE {_ROW}", *name.columns)
    return (Parcel(bytes(found[0][0]), found[0][1]), found[0][2]) if found else None


def forget(connection: Connection, name: RefusedName) -> bool:
    """False when there is none of this name."""
    return bool(connection.run(f"DELETE FROM queue_refused WHERE {_ROW}", *name.columns))
