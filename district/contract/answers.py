"""What came back from a district over HTTP, as far as gateways and relays read it alike. Pure: no socket, no clock, no cursor.

Whoever sent a batch lets go of it on a receipt of this very batch only; a portal's page, another's receipt and nonsense are none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum

from pydantic import ValidationError

from district.contract import Problem, Receipt

RETRY_AFTER_S_MAX = 3600.0


class Trouble(StrEnum):
    """Why nothing goes up; pages translate the code, logs carry the sentence."""

    NO_ANSWER = "no_answer"
    NAME = "name"
    """The receiver's name leads to no address."""
    TLS = "tls"
    """Whoever answers does not prove who it is: nothing was said to it."""
    TOKEN = "token"  # noqa: S105 - a code, no secret
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    BUSY = "busy"
    SERVER_ERROR = "server_error"
    NOT_A_RECEIPT = "not_a_receipt"
    DAMAGED = "damaged"
    FENCED = "fenced"
    """The district closed this epoch: a later one of this gateway has begun."""
    CLONED = "cloned"
    """The district holds other content under our numbers."""
    COVERED = "covered"
    """The district holds a part under other bounds, and what is sent cannot be cut: a relay's."""
    REFUSED = "refused"
    FOLDER = "folder"
    """Files cannot be written where they should go: a gateway's."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back over HTTP. ``retry_after`` is the header as sent, empty when there is none."""

    status: int
    content_type: str
    retry_after: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Sent:
    """What a receipt has to echo."""

    site: str
    gateway: str
    epoch: str
    from_seq: int
    to_seq: int
    count: int
    sha256: str


def receipt_of(reply: Reply, sent: Sent, seqs_of: Callable[[], Iterable[int]]) -> Receipt | str:
    """The receipt of what was sent, for a reply of status 2xx; else what the answer is instead. ``seqs_of`` gives the records
    that were sent, and is asked only where some are refused; of those that were not sent nothing is said."""
    if not _is_json(reply):
        return f"HTTP {reply.status} with {reply.content_type or 'no content type'}"
    try:
        receipt = Receipt.model_validate_json(reply.body)
    except ValidationError:
        return f"HTTP {reply.status} with JSON that is no receipt"
    echoed = Sent(
        receipt.site, receipt.gateway, receipt.epoch, receipt.from_seq, receipt.to_seq, receipt.count, receipt.sha256
    )  # fmt: skip
    if echoed != sent:
        return "a receipt of another batch"
    if not receipt.rejected:
        return receipt
    seqs = set(seqs_of())
    ours = [record for record in receipt.rejected if record.seq in seqs]
    # What was received before may have held more than this time: a filter was edited since.
    if len(ours) < len(receipt.rejected) and not receipt.duplicate:
        return "a receipt that refuses records which were not sent"
    return receipt.model_copy(update={"rejected": ours})


def problem_of(reply: Reply) -> Problem | None:
    """None when the answer is not in a district's words."""
    if not _is_json(reply):
        return None
    try:
        return Problem.model_validate_json(reply.body)
    except ValidationError:
        return None


def retry_after_s(reply: Reply, now_ms: int) -> float:
    """Seconds to wait by the Retry-After header, at most an hour; 0 when it is absent, past or nonsense. ``now_ms`` is only for
    one that names a date."""
    text = reply.retry_after.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), RETRY_AFTER_S_MAX)
    try:
        wait = parsedate_to_datetime(text).timestamp() - now_ms / 1000
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return min(max(wait, 0.0), RETRY_AFTER_S_MAX)


def _is_json(reply: Reply) -> bool:
    return reply.content_type.partition(";")[0].strip().lower() == "application/json"
