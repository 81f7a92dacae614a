"""What a reply means for the records that were sent. Pure: no socket, no clock, no cursor.

Data is let go in two cases only: a receipt that names this very batch, and a refusal in the district's own words that
condemns a record, named by its seq or alone. Everything else, from a captive portal's page to a wrong digest, keeps it.
"""

from __future__ import annotations

from dataclasses import dataclass

from district.contract import RECEIVED_MAX, Fault, Problem
from district.contract.answers import Reply, Sent, Trouble, problem_of, receipt_of, retry_after_s
from gateway.uplinks.encode import EncodedBatch
from gateway.uplinks.feed import Held

__all__ = [
    "CutAt", "Delivered", "Keep", "Poisoned", "Reply", "TooLarge", "Trouble", "Verdict", "judge", "refusal_of",
]  # fmt: skip
FENCED_WAIT_S = 3600.0
"""Only a person can end it; ``buffer new-epoch`` begins again at once."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The district has it; ``refused`` are the records it will never take, each with its reason. ``held`` is what it says it
    holds in all; None where it does not say."""

    refused: tuple[tuple[int, str], ...]
    held: Held | None = None


@dataclass(frozen=True, slots=True)
class Keep:
    """Nothing is lost and nothing has moved: try the same bytes later. ``cure`` says what a person can do."""

    trouble: Trouble
    message: str
    cure: str
    retry_after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class TooLarge:
    """Send fewer at a time from now on."""

    reason: str
    is_final: bool
    """The district itself says so, hence a single record that is too large can never go up."""


@dataclass(frozen=True, slots=True)
class Poisoned:
    """At least one record of the batch is unacceptable: ``named`` are all that are, each with its reason; where none is named,
    halve until it stands alone."""

    reason: str
    named: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CutAt:
    """A part of the range was received before: the batch must end at ``to_seq`` to lie wholly inside or outside."""

    to_seq: int


Verdict = Delivered | Keep | TooLarge | Poisoned | CutAt


def judge(reply: Reply, batch: EncodedBatch, now_ms: int) -> Verdict:
    """``now_ms`` is only for a Retry-After that names a date."""
    if 200 <= reply.status < 300:
        return _of_receipt(reply, batch)
    problem = problem_of(reply)
    fault = problem.error if problem else None
    detail = problem.detail if problem else f"HTTP {reply.status} without the district's answer shape"
    if reply.status == 413:
        return TooLarge(detail, is_final=fault is Fault.TOO_LARGE)
    if reply.status in {400, 422} and problem and fault is Fault.INVALID:
        return Poisoned(detail, _named(problem, batch))
    if reply.status == 409 and problem and fault is Fault.COVERED:
        return _cut(problem, batch)
    if fault in _FENCES:
        return Keep(_FENCES[fault], detail, _NEW_EPOCH, FENCED_WAIT_S)
    return _keep(reply, fault, detail, now_ms)


def _of_receipt(reply: Reply, batch: EncodedBatch) -> Verdict:
    who = batch.identity
    sent = Sent(
        who.site, who.gateway, who.epoch, batch.from_seq, batch.to_seq, len(batch.changes), batch.sha256
    )
    found = receipt_of(reply, sent, lambda: batch.seqs)
    if isinstance(found, str):
        return _no_receipt(found)
    refused = tuple((record.seq, record.reason) for record in found.rejected)
    held = Held(tuple(found.received), len(found.received) >= RECEIVED_MAX) if found.received else None
    return Delivered(refused, held)


def _no_receipt(what: str) -> Keep:
    return Keep(
        Trouble.NOT_A_RECEIPT,
        f"the answer is {what}, not the district's receipt",
        "check the url of the uplink, and that no login page of the network stands in between",
    )


def _named(problem: Problem, batch: EncodedBatch) -> tuple[tuple[int, str], ...]:
    """Nothing where it names what was not sent: that is no answer to this batch."""
    named = {record.seq: record.reason for record in problem.invalid}
    return tuple(sorted(named.items())) if named.keys() <= set(batch.seqs) else ()


def _cut(problem: Problem, batch: EncodedBatch) -> Verdict:
    for low, high in sorted(problem.covered):
        cut = high if low <= batch.from_seq else low
        if batch.from_seq < cut < batch.to_seq:
            return CutAt(cut)
    return Keep(
        Trouble.REFUSED, problem.detail, "the ranges it names do not divide the batch; ask the district"
    )


_FENCES = {Fault.FENCED: Trouble.FENCED, Fault.CLONED: Trouble.CLONED}
_NEW_EPOCH = (
    "stop the other machine that sends as this gateway; "
    "if this one is the gateway, run `campus-gateway buffer new-epoch`"
)


def refusal_of(reply: Reply) -> Keep | None:
    """What is wrong where a body without any batch was sent; None when the district itself says that there is none in it."""
    if 200 <= reply.status < 300:
        return _no_receipt(f"HTTP {reply.status} with {reply.content_type or 'no content type'}")
    problem = problem_of(reply)
    if problem is None:
        return _keep(reply, None, f"HTTP {reply.status} without the district's answer shape", 0)
    return None if problem.error is Fault.INVALID else _keep(reply, problem.error, problem.detail, 0)


_CAUSES: dict[int, tuple[Trouble, str]] = {
    401: (Trouble.UNAUTHORIZED, "enrol the gateway at the district and put its key into the token file"),
    403: (Trouble.FORBIDDEN, "the key is of another site or gateway; enrol this one and use its own key"),
    404: (Trouble.NOT_FOUND, "check the url of the uplink; it ends in /v1"),
    408: (Trouble.BUSY, "the line is slow; it goes on by itself"),
    429: (Trouble.BUSY, "the district asks to wait; it goes on by itself"),
}


def _keep(reply: Reply, fault: Fault | None, detail: str, now_ms: int) -> Keep:
    wait = retry_after_s(reply, now_ms)
    if fault is Fault.DAMAGED:
        return Keep(
            Trouble.DAMAGED, detail, "something on the way changes what is sent; look for a proxy", wait
        )
    if reply.status >= 500:
        return Keep(Trouble.SERVER_ERROR, detail, "the district has a problem; it goes on by itself", wait)
    trouble, cure = _CAUSES.get(
        reply.status,
        (Trouble.REFUSED, "check the url of the uplink, and what stands between here and the district"),
    )
    return Keep(trouble, detail, cure, wait)
