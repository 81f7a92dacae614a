"""What was received of a gateway's feed: epochs, ranges, digests of batches, records refused. SQL only.

A gateway's epoch is its buffer's: a new one begins when the buffer was renewed or restored, and ends the others. The digest
of a batch tells a retry from another machine that speaks as the same gateway.
"""

from __future__ import annotations

from collections.abc import Sequence

from district.contract import RECEIVED_MAX, Rejected
from district.records import Batch
from district.store.database import Connection
from district.store.ranges import Range, joined

DIGESTS_KEPT_MS = 90 * 24 * 60 * 60 * 1000

_FEED = "site_id = ? AND gateway_id = ? AND epoch = ?"


def _feed(batch: Batch) -> tuple[str, str, str]:
    return batch.site, batch.gateway, batch.epoch


def is_fenced(connection: Connection, batch: Batch) -> bool | None:
    """None for an epoch that was never seen."""
    found = connection.rows(f"SELECT fenced_at FROM epoch WHERE {_FEED}", *_feed(batch))
    return found[0][0] is not None if found else None


def begin_epoch(connection: Connection, batch: Batch, at: int) -> None:
    """The batch's epoch is the gateway's own from now on; every other one is closed. Its buffer may number revisions from 1
    again, so the next description of the school and of each of the gateway's points counts, whatever the last one had come to."""
    closed = connection.run(
        "UPDATE epoch SET fenced_at = ? WHERE site_id = ? AND gateway_id = ? AND fenced_at IS NULL",
        at,
        batch.site,
        batch.gateway,
    )
    connection.run("INSERT INTO epoch VALUES (?, ?, ?, ?, NULL)", *_feed(batch), at)
    if closed:
        connection.run("UPDATE site SET revision = 0 WHERE site_id = ?", batch.site)
        connection.run(
            "UPDATE point SET revision = 0 WHERE site_id = ? AND gateway_id = ?", batch.site, batch.gateway
        )


def digest_of(connection: Connection, batch: Batch) -> str | None:
    """The digest a batch of these very bounds had when it took effect; None when none did."""
    found = connection.rows(
        f"SELECT sha256 FROM batch WHERE {_FEED} AND from_seq = ? AND to_seq = ?",
        *_feed(batch),
        batch.from_seq,
        batch.to_seq,
    )
    return found[0][0] if found else None


def keep_digest(connection: Connection, batch: Batch, at: int) -> None:
    connection.run(
        "INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?, ?)",
        *_feed(batch), batch.from_seq, batch.to_seq, batch.sha256, at,
    )  # fmt: skip


def forget_digests(connection: Connection, batch: Batch, at: int) -> None:
    """Those of the gateway that are older than 90 days: by then no copy of a batch is still on its way."""
    connection.run(
        "DELETE FROM batch WHERE site_id = ? AND gateway_id = ? AND at < ?",
        batch.site,
        batch.gateway,
        at - DIGESTS_KEPT_MS,
    )


def touching(connection: Connection, batch: Batch) -> list[Range]:
    """What was received of the batch's epoch, as far as it overlaps or touches the batch; sorted."""
    return [
        (low, high)
        for low, high in connection.rows(
            f"SELECT from_seq, to_seq FROM received WHERE {_FEED} AND from_seq <= ? AND to_seq >= ? ORDER BY from_seq",
            *_feed(batch),
            batch.to_seq,
            batch.from_seq,
        )
    ]


def lowest(connection: Connection, batch: Batch) -> list[Range]:
    """What is held of the batch's epoch, the lowest first, no more than a receipt can say."""
    return [
        (low, high)
        for low, high in connection.rows(
            f"SELECT from_seq, to_seq FROM received WHERE {_FEED} ORDER BY from_seq LIMIT {RECEIVED_MAX}",
            *_feed(batch),
        )
    ]


def add_range(connection: Connection, batch: Batch, found: Sequence[Range]) -> None:
    """Record the batch's range, joined with those that touch it so that the list stays short."""
    low, high = joined(found, (batch.from_seq, batch.to_seq))
    connection.run(
        f"DELETE FROM received WHERE {_FEED} AND from_seq BETWEEN ? AND ?", *_feed(batch), low, high
    )
    connection.run("INSERT INTO received VALUES (?, ?, ?, ?, ?)", *_feed(batch), low, high)


def rejected(connection: Connection, batch: Batch) -> list[Rejected]:
    """What was refused of the batch's range when it had its effect."""
    found = connection.rows(
        f"SELECT seq, reason FROM rejected WHERE {_FEED} AND seq > ? AND seq <= ? ORDER BY seq",
        *_feed(batch),
        batch.from_seq,
        batch.to_seq,
    )
    return [Rejected(seq=seq, reason=reason) for seq, reason in found]


def keep_rejected(connection: Connection, batch: Batch, found: Sequence[Rejected], at: int) -> None:
    keys = {change.seq: change.key for change in batch.changes}
    connection.run_many(
        "INSERT INTO rejected VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(*_feed(batch), one.seq, keys[one.seq], one.reason, at) for one in found],
    )
