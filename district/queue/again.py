"""Taking a refused batch once more, when a person has removed what stood against it.

Of a batch that is held in part the rest is taken: its records to the letter, under ranges and digests of their own. A batch of a
closed epoch, or of a machine that speaks as another, stays refused.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from district import body
from district.accept import Passage, accept
from district.contract import Fault
from district.parcel import Parcel
from district.queue import refused
from district.queue.refused import RefusedName
from district.records import Envelope
from district.refusal import DistrictError, Refusal
from district.relay import outbox
from district.relay.limits import MIB, WAITING_MIB
from district.relay.outbox import Onward
from district.store.database import Connection, Database
from district.store.ranges import Range, without

FINAL = frozenset({Fault.FENCED.value, Fault.CLONED.value})
_envelopes = msgspec.json.Decoder(Envelope)
_raws = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(frozen=True, slots=True)
class Again:
    """How many records had their effect, were refused one by one, and were held before."""

    taken: int
    rejected: int
    held: int


def take_again(database: Database, name: RefusedName, now_ms: int) -> Again:
    """Raises DistrictError when there is no such batch or it is refused as before; then it stays in ``queue_refused``."""
    with database.snapshot() as connection:
        found = refused.one(connection, name)
        onward = _onward(connection)
    if found is None:
        raise DistrictError(f"no batch {name} is kept here; `district refused list` shows those that are")
    parcel, error = found
    if error in FINAL:
        raise DistrictError(
            f"{name} is {error}: another machine's or an old card's data is not taken; `refused save` keeps it for whoever"
            " looks into it, `refused discard` lets it go"
        )
    try:
        done = _take(database, parcel, onward, now_ms)
    except Refusal as refusal:
        raise DistrictError(f"{name} is refused as before: {refusal.problem.error}: {refusal}") from refusal
    with database.transaction() as connection:
        refused.forget(connection, name)
    return done


def _onward(connection: Connection) -> Onward | None:
    """For the districts above that anything was ever kept for."""
    names = outbox.upstreams(connection)
    return Onward(tuple(names), WAITING_MIB * MIB) if names else None


def _take(database: Database, parcel: Parcel, onward: Onward | None, now_ms: int) -> Again:
    plain = body.inflate(parcel.raw, parcel.encoding)
    batch = body.parse(plain)
    try:
        receipt = accept(database, batch, now_ms, Passage(parcel, onward=onward))
    except Refusal as refusal:
        if refusal.problem.error is not Fault.COVERED:
            raise
        return _rest(database, plain, refusal.problem.covered, onward, now_ms)
    if receipt.duplicate:
        return Again(0, 0, receipt.count)
    return Again(receipt.count - len(receipt.rejected), len(receipt.rejected), 0)


def _rest(
    database: Database, plain: bytes, covered: Sequence[Range], onward: Onward | None, now_ms: int
) -> Again:
    whole = body.parse(plain)
    pieces = [cut_out(plain, part) for part in without([(whole.from_seq, whole.to_seq)], sorted(covered))]
    rejected, taken = 0, 0
    for raw in pieces:
        piece, parcel = body.parse(raw), Parcel(gzip.compress(raw, mtime=0), "gzip")
        receipt = accept(database, piece, now_ms, Passage(parcel, onward=onward))
        rejected += len(receipt.rejected)
        taken += receipt.count - len(receipt.rejected)
    return Again(taken, rejected, len(whole.changes) - taken - rejected)


def cut_out(plain: bytes, part: Range) -> bytes:
    """A batch of those records of ``plain`` that lie in ``part``, each to the letter as it came."""
    envelope = _envelopes.decode(plain)
    numbers = [change.seq for change in body.parse(plain).changes]
    raws = [
        bytes(raw)
        for raw, seq in zip(_raws.decode(envelope.changes), numbers, strict=True)
        if part[0] < seq <= part[1]
    ]
    array = b"[" + b",".join(raws) + b"]"
    return msgspec.json.encode(
        msgspec.structs.replace(
            envelope,
            from_seq=part[0],
            to_seq=part[1],
            sha256=hashlib.sha256(array).hexdigest(),
            changes=msgspec.Raw(array),
        )
    )
