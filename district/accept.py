"""``accept(batch) → receipt``: the one way in. A batch has its effect exactly once, however often it is sent.

The received range and the effects are one transaction: either both are there after a crash, or neither (PROMISES P6).
"""

from __future__ import annotations

from district.contract import Batch, Fault, Receipt, Rejected
from district.judge import sort_out
from district.ranges import overlaps
from district.refusal import Refusal
from district.store import Store


def accept(store: Store, batch: Batch, now_ms: int) -> Receipt:
    """Take a batch in. A range received before gets its receipt again and has no effect; one received in part raises
    Refusal(COVERED) naming the parts. Raises sqlite3.Error when the outcome is unknown: the sender sends again."""
    wanted = (batch.from_seq, batch.to_seq)
    with store.transaction():
        received = store.ranges(batch)
        covered = overlaps(received, wanted)
        if covered and covered != [wanted]:
            raise Refusal(Fault.COVERED, f"a part of {wanted} was received before", covered)
        store.note_contact(batch, now_ms)
        if covered:
            return _receipt(batch, store.rejected(batch), duplicate=True)
        effects = sort_out(batch, store.owners(batch.site))
        store.write(batch, effects)
        store.keep_rejected(batch, effects.rejected, now_ms)
        store.add_range(batch, received)
    return _receipt(batch, effects.rejected, duplicate=False)


def _receipt(batch: Batch, rejected: list[Rejected], *, duplicate: bool) -> Receipt:
    return Receipt(
        site=batch.site,
        gateway=batch.gateway,
        epoch=batch.epoch,
        from_seq=batch.from_seq,
        to_seq=batch.to_seq,
        count=len(batch.changes),
        sha256=batch.sha256,
        rejected=rejected,
        duplicate=duplicate,
    )
