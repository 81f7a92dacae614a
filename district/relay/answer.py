"""What an upstream's answer means for a batch that was handed on. Pure: no socket, no clock, no cursor.

Three outcomes: taken, by a receipt that names this very batch; a stop, where the upstream says that this epoch cannot go on; and
to wait, for everything else. A body is never altered here, so a batch that is condemned as a whole waits too.
"""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from pydantic import ValidationError

from district import body
from district.contract import Fault, Problem, Receipt
from district.relay.limits import RETRY_AFTER_S_MAX
from district.relay.outbox import Kept

STOPS = frozenset({Fault.FENCED, Fault.CLONED, Fault.COVERED})
OF_ONE_LANE = frozenset({Fault.FORBIDDEN, Fault.INVALID, Fault.DAMAGED, Fault.TOO_LARGE})


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back over HTTP. ``retry_after`` is the header as sent, empty when there is none."""

    status: int
    content_type: str
    retry_after: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Taken:
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Stop:
    fault: Fault
    detail: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Send the same bytes later. ``is_general``: nothing else would fare better at this upstream now."""

    detail: str
    is_general: bool
    retry_after_s: float = 0.0


Outcome = Taken | Stop | Wait


def judge(reply: Reply, kept: Kept, now_ms: int) -> Outcome:
    """``now_ms`` is only for a Retry-After that names a date."""
    if 200 <= reply.status < 300:
        return _of_receipt(reply, kept)
    problem = _problem(reply)
    if problem is None:
        detail = f"HTTP {reply.status} without a district's answer shape"
        return Wait(detail, is_general=True, retry_after_s=_retry_after_s(reply.retry_after, now_ms))
    if problem.error in STOPS:
        return Stop(problem.error, problem.detail)
    wait_s = _retry_after_s(reply.retry_after, now_ms)
    return Wait(f"{problem.error}: {problem.detail}", problem.error not in OF_ONE_LANE, wait_s)


def _of_receipt(reply: Reply, kept: Kept) -> Outcome:
    if not _is_json(reply):
        return _no_receipt(f"HTTP {reply.status} with {reply.content_type or 'no content type'}")
    try:
        receipt = Receipt.model_validate_json(reply.body)
    except ValidationError:
        return _no_receipt(f"HTTP {reply.status} with JSON that is no receipt")
    sent = (kept.site, kept.gateway, kept.epoch, kept.from_seq, kept.to_seq, kept.count, kept.sha256)
    echoed = (
        receipt.site, receipt.gateway, receipt.epoch, receipt.from_seq, receipt.to_seq, receipt.count, receipt.sha256,
    )  # fmt: skip
    if echoed != sent:
        return _no_receipt("a receipt of another batch")
    if receipt.rejected and not {one.seq for one in receipt.rejected} <= _seqs(kept):
        return _no_receipt("a receipt that refuses records which were not sent")
    return Taken(receipt)


def _seqs(kept: Kept) -> set[int]:
    batch = body.parse(body.inflate(kept.parcel.raw, kept.parcel.encoding))
    return {change.seq for change in batch.changes}


def _no_receipt(what: str) -> Wait:
    return Wait(f"the answer is {what}; check the URL and what stands in between", is_general=True)


def _is_json(reply: Reply) -> bool:
    return reply.content_type.partition(";")[0].strip().lower() == "application/json"


def _problem(reply: Reply) -> Problem | None:
    if not _is_json(reply):
        return None
    try:
        return Problem.model_validate_json(reply.body)
    except ValidationError:
        return None


def _retry_after_s(text: str, now_ms: int) -> float:
    """Seconds to wait by the Retry-After header, at most an hour; 0 when it is absent, past or nonsense."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), RETRY_AFTER_S_MAX)
    try:
        wait = parsedate_to_datetime(text).timestamp() - now_ms / 1000
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return min(max(wait, 0.0), RETRY_AFTER_S_MAX)
