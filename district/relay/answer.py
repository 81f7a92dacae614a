"""What an upstream's answer means for a batch that was handed on. Pure: no socket, no clock, no cursor.

Three outcomes: taken, by a receipt that names this very batch; a stop, where the upstream says that this epoch cannot go on; and
to wait, for everything else. A body is never altered here, so a batch that is condemned as a whole waits too.
"""

from __future__ import annotations

from dataclasses import dataclass

from district import body
from district.contract import Fault, Receipt
from district.contract.answers import Reply, Sent, Trouble, problem_of, receipt_of, retry_after_s
from district.relay.outbox import Kept

STOPS = frozenset({Fault.FENCED, Fault.CLONED, Fault.COVERED})
OF_ONE_LANE = frozenset(
    {
        Trouble.UNAUTHORIZED, Trouble.FORBIDDEN, Trouble.DAMAGED, Trouble.REFUSED, Trouble.FENCED, Trouble.CLONED,
        Trouble.COVERED,
    }
)  # fmt: skip
"""UNAUTHORIZED too: a key opens the schools it was enrolled for, and one that is not among them holds up no other."""
_OF_FAULT = {
    Fault.INVALID: Trouble.REFUSED,
    Fault.DAMAGED: Trouble.DAMAGED,
    Fault.TOO_LARGE: Trouble.REFUSED,
    Fault.UNAUTHORIZED: Trouble.UNAUTHORIZED,
    Fault.FORBIDDEN: Trouble.FORBIDDEN,
    Fault.NOT_FOUND: Trouble.NOT_FOUND,
    Fault.TOO_MANY: Trouble.BUSY,
    Fault.UNAVAILABLE: Trouble.SERVER_ERROR,
}
_OF_STATUS = {404: Trouble.NOT_FOUND, 408: Trouble.BUSY, 429: Trouble.BUSY}


@dataclass(frozen=True, slots=True)
class Taken:
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Stop:
    fault: Fault
    detail: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Send the same bytes later."""

    trouble: Trouble
    detail: str
    retry_after_s: float = 0.0

    @property
    def is_general(self) -> bool:
        """Nothing else would fare better at this upstream now."""
        return self.trouble not in OF_ONE_LANE


Outcome = Taken | Stop | Wait


def judge(reply: Reply, kept: Kept, now_ms: int) -> Outcome:
    """``now_ms`` is only for a Retry-After that names a date."""
    if 200 <= reply.status < 300:
        return _of_receipt(reply, kept)
    problem = problem_of(reply)
    wait_s = retry_after_s(reply, now_ms)
    if problem is None:
        detail = f"HTTP {reply.status} without a district's answer shape"
        return Wait(_of_stranger(reply.status), detail, wait_s)
    if problem.error in STOPS:
        return Stop(problem.error, problem.detail)
    return Wait(_OF_FAULT[problem.error], f"{problem.error}: {problem.detail}", wait_s)


def _of_stranger(status: int) -> Trouble:
    """Of an answer in no district's words: a proxy's, a portal's, another program's."""
    if status >= 500:
        return Trouble.SERVER_ERROR
    return _OF_STATUS.get(status, Trouble.NOT_A_RECEIPT)


def _of_receipt(reply: Reply, kept: Kept) -> Outcome:
    sent = Sent(kept.site, kept.gateway, kept.epoch, kept.from_seq, kept.to_seq, kept.count, kept.sha256)
    found = receipt_of(reply, sent, lambda: _seqs(kept))
    if isinstance(found, str):
        return Wait(Trouble.NOT_A_RECEIPT, f"the answer is {found}; check the URL and what stands in between")
    return Taken(found)


def _seqs(kept: Kept) -> set[int]:
    batch = body.parse(body.inflate(kept.parcel.raw, kept.parcel.encoding))
    return {change.seq for change in batch.changes}
