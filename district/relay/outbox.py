"""What waits for the districts above, and how far each of them is. SQL only.

A batch is kept in the transaction of its effect, under a number that counts the gateway's batches in the order they took
effect. A cursor is one per (upstream, gateway, epoch); it moves on a verified receipt only. A batch goes when every cursor of its
epoch is past it. Every change here holds the lock of the gateway's row, as ``accept`` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from district.contract import RECEIVED_MAX, Fault, Receipt
from district.contract.answers import Trouble
from district.parcel import Parcel
from district.records import Batch
from district.refusal import Refusal
from district.relay.limits import CLAIM_MS, DETAIL_MAX, FULL_RETRY_S, LANES_MAX
from district.store import gateways
from district.store.database import Connection
from district.store.ranges import Range, without

_LANE = "site_id = ? AND gateway_id = ?"
_CURSOR = f"{_LANE} AND epoch = ? AND upstream = ?"
_ENDLESS = 9_223_372_036_854_775_807


@dataclass(frozen=True, slots=True)
class Onward:
    """The names of the districts above, and how many bytes may wait for them of one gateway."""

    upstreams: tuple[str, ...]
    bytes_max: int


@dataclass(frozen=True, slots=True)
class Lane:
    """One gateway's batches on their way to one upstream."""

    site: str
    gateway: str
    upstream: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A batch as it goes out: its identity, and the very bytes its gateway sent."""

    site: str
    gateway: str
    epoch: str
    number: int
    from_seq: int
    to_seq: int
    count: int
    sha256: str
    parcel: Parcel


def keep(connection: Connection, batch: Batch, parcel: Parcel, onward: Onward, at: int) -> None:
    """Raises Refusal(UNAVAILABLE) when no more may wait: the gateway keeps the batch and sends it again."""
    lane = (batch.site, batch.gateway)
    waiting, last = connection.rows(
        f"SELECT CAST(coalesce(sum(bytes), 0) AS BIGINT), coalesce(max(number), 0) FROM relay_batch WHERE {_LANE}",
        *lane,
    )[0]
    if waiting + len(parcel.raw) > onward.bytes_max:
        raise Refusal(
            Fault.UNAVAILABLE,
            f"{waiting} bytes of {batch.gateway} wait for the district above, which is all that may;"
            " send the batch again later",
            retry_after_s=FULL_RETRY_S,
        )
    past = connection.rows(f"SELECT coalesce(max(number), 0) FROM relay_cursor WHERE {_LANE}", *lane)[0][0]
    connection.run(
        "INSERT INTO relay_batch (site_id, gateway_id, number, epoch, from_seq, to_seq, count, sha256, at, bytes,"
        " encoding, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        *lane, max(last, past) + 1, batch.epoch, batch.from_seq, batch.to_seq, len(batch.changes), batch.sha256, at,
        len(parcel.raw), parcel.encoding, parcel.raw,
    )  # fmt: skip
    connection.run_many(
        "INSERT INTO relay_cursor (site_id, gateway_id, epoch, upstream, number, lacking, claimed_by, claimed_until)"
        " VALUES (?, ?, ?, ?, 0, 0, '', 0) ON CONFLICT (site_id, gateway_id, epoch, upstream) DO NOTHING",
        [(*lane, batch.epoch, upstream) for upstream in onward.upstreams],
    )


def upstreams(connection: Connection) -> list[str]:
    """Those that anything was ever kept for, of all sites."""
    return [
        name for (name,) in connection.rows("SELECT DISTINCT upstream FROM relay_cursor ORDER BY upstream")
    ]


def lanes_with_work(connection: Connection, upstream: str, owner: str, at: int) -> list[Lane]:
    """Lanes of an upstream, of all sites, where something waits and nothing stops it and no other process is at it; the one
    that was served longest ago first."""
    found = connection.rows(
        "SELECT c.site_id, c.gateway_id, max(c.delivered_at) FROM relay_cursor c WHERE c.upstream = ?"
        " AND c.stopped_for IS NULL AND (c.claimed_until <= ? OR c.claimed_by = ?)"
        " AND EXISTS (SELECT 1 FROM relay_batch b WHERE b.site_id = c.site_id AND b.gateway_id = c.gateway_id"
        " AND b.epoch = c.epoch AND b.number > c.number)"
        " GROUP BY c.site_id, c.gateway_id ORDER BY coalesce(max(c.delivered_at), 0), c.site_id, c.gateway_id"
        f" LIMIT {LANES_MAX}",
        upstream, at, owner,
    )  # fmt: skip
    return [Lane(site, gateway, upstream) for site, gateway, _ in found]


def claim(connection: Connection, lane: Lane, owner: str, at: int) -> bool:
    """Take a lane for a while, so that of several processes one sends; False when another has it."""
    gateways.lock(connection, lane.site, lane.gateway)
    return bool(
        connection.run(
            f"UPDATE relay_cursor SET claimed_by = ?, claimed_until = ? WHERE {_LANE} AND upstream = ?"
            " AND (claimed_until <= ? OR claimed_by = ?)",
            owner, at + CLAIM_MS, lane.site, lane.gateway, lane.upstream, at, owner,
        )
    )  # fmt: skip


def release(connection: Connection, lane: Lane, owner: str) -> None:
    connection.run(
        f"UPDATE relay_cursor SET claimed_until = 0 WHERE {_LANE} AND upstream = ? AND claimed_by = ?",
        lane.site, lane.gateway, lane.upstream, owner,
    )  # fmt: skip


def oldest(connection: Connection, lane: Lane) -> Kept | None:
    """What goes next. An epoch that is fenced above holds back no later one, which is what fenced it; any other stop holds
    back the gateway, for the first batch of a later epoch would close the earlier one above for ever."""
    found = connection.rows(
        "SELECT c.stopped_for, b.epoch, b.number, b.from_seq, b.to_seq, b.count, b.sha256, b.body, b.encoding"
        " FROM relay_batch b JOIN relay_cursor c ON c.site_id = b.site_id AND c.gateway_id = b.gateway_id"
        " AND c.epoch = b.epoch WHERE b.site_id = ? AND b.gateway_id = ? AND c.upstream = ? AND b.number > c.number"
        f" AND (c.stopped_for IS NULL OR c.stopped_for <> '{Fault.FENCED.value}') ORDER BY b.number LIMIT 1",
        lane.site, lane.gateway, lane.upstream,
    )  # fmt: skip
    if not found or found[0][0] is not None:
        return None
    _, epoch, number, low, high, count, sha256, body, encoding = found[0]
    parcel = Parcel(bytes(body), encoding)
    return Kept(lane.site, lane.gateway, epoch, number, low, high, count, sha256, parcel)


def delivered(connection: Connection, lane: Lane, kept: Kept, receipt: Receipt, at: int) -> int:
    """Move the cursor past a batch whose receipt was verified. How many ``seq`` of its epoch are held here, do not wait, and
    are not held above: a restored backup there, or what was accepted before there was a relay."""
    gateways.lock(connection, lane.site, lane.gateway)
    cursor = (lane.site, lane.gateway, kept.epoch, lane.upstream)
    connection.run_many(
        "INSERT INTO relay_rejected (site_id, gateway_id, epoch, upstream, seq, reason, at) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (site_id, gateway_id, epoch, upstream, seq) DO NOTHING",
        [(*cursor, one.seq, one.reason, at) for one in receipt.rejected],
    )
    connection.run(
        "UPDATE relay_cursor SET number = ?, delivered_at = ?, claimed_until = ?, trouble = NULL, trouble_since = NULL,"
        f" detail = NULL WHERE {_CURSOR} AND number < ?",
        kept.number, at, at + CLAIM_MS, *cursor, kept.number,
    )  # fmt: skip
    lacking = sum(high - low for low, high in _lacking(connection, cursor, receipt.received))
    connection.run(f"UPDATE relay_cursor SET lacking = ? WHERE {_CURSOR}", lacking, *cursor)
    prune(connection, lane.site, lane.gateway, kept.epoch)
    return lacking


def _lacking(
    connection: Connection, cursor: tuple[str, str, str, str], above: Sequence[Range]
) -> list[Range]:
    site, gateway, epoch, upstream = cursor
    feed = (site, gateway, epoch)
    held = connection.rows(
        f"SELECT from_seq, to_seq FROM received WHERE {_LANE} AND epoch = ? ORDER BY from_seq", *feed
    )
    waiting = connection.rows(
        "SELECT b.from_seq, b.to_seq FROM relay_batch b JOIN relay_cursor c ON c.site_id = b.site_id"
        " AND c.gateway_id = b.gateway_id AND c.epoch = b.epoch WHERE b.site_id = ? AND b.gateway_id = ?"
        " AND b.epoch = ? AND c.upstream = ? AND b.number > c.number ORDER BY b.from_seq",
        *feed, upstream,
    )  # fmt: skip
    told = list(above)
    if len(told) == RECEIVED_MAX:
        told.append((told[-1][1], _ENDLESS))  # nothing is said of what lies above
    return without(without([(a, b) for a, b in held], [(a, b) for a, b in waiting]), told)


def prune(connection: Connection, site: str, gateway: str, epoch: str) -> None:
    """Let go of what every upstream has."""
    connection.run(
        f"DELETE FROM relay_batch WHERE {_LANE} AND epoch = ? AND number <="
        f" (SELECT coalesce(min(number), {_ENDLESS}) FROM relay_cursor WHERE {_LANE} AND epoch = ?)",
        site, gateway, epoch, site, gateway, epoch,
    )  # fmt: skip


def stop(connection: Connection, lane: Lane, kept: Kept, fault: Fault, detail: str, at: int) -> None:
    """Until a person says otherwise nothing of this epoch goes up. Not where another process has the receipt by now: what it
    sent next may have closed the epoch above."""
    connection.run(
        "UPDATE relay_cursor SET stopped_for = ?, trouble = ?, trouble_since = ?, detail = ?"
        f" WHERE {_CURSOR} AND number < ?",
        fault.value, fault.value, at, detail[:DETAIL_MAX], lane.site, lane.gateway, kept.epoch, lane.upstream,
        kept.number,
    )  # fmt: skip


def note_trouble(
    connection: Connection, lane: Lane, kept: Kept, trouble: Trouble, detail: str, at: int
) -> None:
    """Why the batch did not get through, for whoever looks; the same trouble keeps its first moment. Gone with the next
    receipt, and not kept where another process has that by now."""
    connection.run(
        "UPDATE relay_cursor SET trouble_since = CASE WHEN trouble = ? THEN trouble_since ELSE ? END, trouble = ?,"
        f" detail = ? WHERE {_CURSOR} AND number < ? AND stopped_for IS NULL",
        trouble.value, at, trouble.value, detail[:DETAIL_MAX], lane.site, lane.gateway, kept.epoch, lane.upstream,
        kept.number,
    )  # fmt: skip
