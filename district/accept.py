"""``accept(batch) → receipt``: the one way in. A batch has its effect exactly once, however often it is sent.

The received range and the effects are one transaction: either both are there after a crash, or neither (PROMISES P6).
Who speaks is settled first: a closed epoch has no effect any more (a restored buffer, P6 and F28), and other content in the
very bounds of a batch that was taken is another machine. Both are recorded for a person.
"""

from __future__ import annotations

from dataclasses import dataclass

from district import hub
from district.contract import Fault, Receipt, Rejected
from district.judge import interval_starts, sort_out
from district.parcel import Parcel
from district.records import Batch, PointBody
from district.refusal import Refusal
from district.relay import outbox
from district.relay.outbox import Onward
from district.store import effects, gateways, incidents, points, received
from district.store.database import Connection, Database
from district.store.ranges import overlaps

DAY_MS = 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Passage:
    """How a batch came, and where it goes on to. ``is_vouched``: a relay enrolled for its site brought it, and makes a gateway
    known that was not. ``onward``: its bytes are kept for the districts above, in the transaction of the effect."""

    parcel: Parcel
    is_vouched: bool = False
    onward: Onward | None = None


def accept(database: Database, batch: Batch, now_ms: int, passage: Passage | None = None) -> Receipt:
    """Take a batch in. A range received before gets its receipt again and has no effect; one received in part raises
    Refusal(COVERED) naming the parts. Raises DatabaseTrouble when the outcome is unknown: the sender sends again."""
    database.make_room(interval_starts(batch))
    with database.transaction() as connection:
        if passage and passage.is_vouched:
            hub.refuse_other_site(connection, batch.site)
            gateways.register(connection, batch.site, batch.gateway, batch.site, now_ms)
        locked = gateways.lock(connection, batch.site, batch.gateway)
        if locked is None:
            raise Refusal(Fault.UNAUTHORIZED, f"{batch.gateway} of {batch.site} is not enrolled here")
        doubt = _doubt(connection, batch, now_ms)
        if doubt is None:
            receipt = _take(connection, batch, now_ms)
            if passage and passage.onward and not receipt.duplicate:
                outbox.keep(connection, batch, passage.parcel, passage.onward, now_ms)
            if locked.contact_at is None or locked.contact_at // DAY_MS != now_ms // DAY_MS:
                received.forget_digests(connection, batch, now_ms)
            return receipt
        incidents.note(connection, batch, doubt.problem.error, str(doubt), now_ms)
    raise doubt  # after COMMIT: the incident stays


def _doubt(connection: Connection, batch: Batch, now_ms: int) -> Refusal | None:
    """Why the sender is not the one it says it is; begins an epoch that was never seen."""
    is_fenced = received.is_fenced(connection, batch)
    if is_fenced:
        return Refusal(
            Fault.FENCED, f"a later epoch of {batch.gateway} has begun; epoch {batch.epoch} is closed"
        )
    if is_fenced is None:
        received.begin_epoch(connection, batch, now_ms)
        return None
    known = received.digest_of(connection, batch)
    if known is None or known == batch.sha256:
        return None
    bounds = f"({batch.from_seq}, {batch.to_seq}]"
    return Refusal(
        Fault.CLONED, f"{bounds} was received with the digest {known[:12]}…, not {batch.sha256[:12]}…"
    )


def _take(connection: Connection, batch: Batch, now_ms: int) -> Receipt:
    wanted = (batch.from_seq, batch.to_seq)
    found = received.touching(connection, batch)
    covered = overlaps(found, wanted)
    if covered and covered != [wanted]:
        raise Refusal(Fault.COVERED, f"a part of {wanted} was received before", covered)
    gateways.note_contact(connection, batch.site, batch.gateway, batch.epoch, now_ms)
    if covered:
        rejected = received.rejected(connection, batch)
    else:
        rejected = _have_effect(connection, batch, now_ms)
        received.add_range(connection, batch, found)
        received.keep_digest(connection, batch, now_ms)
    return _receipt(batch, rejected, received.lowest(connection, batch), is_duplicate=bool(covered))


def _have_effect(connection: Connection, batch: Batch, now_ms: int) -> list[Rejected]:
    known = points.of_site(connection, batch.site)
    if any(isinstance(c.body, PointBody) and c.body.point not in known for c in batch.changes):
        points.lock_site(connection, batch.site)
        known = points.of_site(connection, batch.site)
    found = sort_out(batch, {point: one.gateway for point, one in known.items()})
    effects.write(connection, batch.site, batch.gateway, found)
    points.set_first(connection, batch.site, _earlier(found.first_starts(), known))
    received.keep_rejected(connection, batch, found.rejected, now_ms)
    return found.rejected


def _earlier(firsts: dict[str, int], known: dict[str, points.Known]) -> dict[str, int]:
    """Of the starts that came, those before all that were known of their points."""
    earlier = {}
    for point, at in firsts.items():
        before = known[point].first_at if point in known else None
        if before is None or at < before:
            earlier[point] = at
    return earlier


def _receipt(
    batch: Batch, rejected: list[Rejected], held: list[tuple[int, int]], *, is_duplicate: bool
) -> Receipt:
    return Receipt(
        site=batch.site,
        gateway=batch.gateway,
        epoch=batch.epoch,
        from_seq=batch.from_seq,
        to_seq=batch.to_seq,
        count=len(batch.changes),
        sha256=batch.sha256,
        rejected=rejected,
        duplicate=is_duplicate,
        received=held,
    )
