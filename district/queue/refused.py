"""Batches that got their receipt from the queue and then could not have their effect: kept whole, for a person. SQL only."""

from __future__ import annotations

from district.contract import Problem
from district.parcel import Parcel
from district.records import Batch
from district.store.database import Connection


def keep(connection: Connection, batch: Batch, parcel: Parcel, problem: Problem, at: int) -> None:
    connection.run(
        "INSERT INTO queue_refused (site_id, gateway_id, epoch, from_seq, to_seq, sha256, error, detail, at, encoding, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (site_id, gateway_id, epoch, from_seq, to_seq, sha256) DO NOTHING",
        batch.site, batch.gateway, batch.epoch, batch.from_seq, batch.to_seq, batch.sha256, problem.error.value,
        problem.detail, at, parcel.encoding, parcel.raw,
    )  # fmt: skip
