"""What an answer of the district above means for a batch that was handed on, and whose trouble it is."""

from __future__ import annotations

import json

import pytest

from district.contract import Fault
from district.contract.answers import Reply, Trouble
from district.parcel import Parcel
from district.relay.answer import Stop, Taken, Wait, judge
from district.relay.outbox import Kept
from tests.district import campus
from tests.district.campus import NOW

RAW = campus.batch(campus.day_slots(count=2))
KEPT = Kept("demo", "gw-1", "e-1", 1, 0, 4, 4, "a" * 64, Parcel(RAW, "gzip"))
RECEIPT = {
    "site": "demo", "gateway": "gw-1", "epoch": "e-1", "from_seq": 0, "to_seq": 4, "count": 4, "sha256": "a" * 64,
}  # fmt: skip


def answered(status: int, said: object, kind: str = "application/json", retry_after: str = "") -> Reply:
    return Reply(status, kind, retry_after, said if isinstance(said, bytes) else json.dumps(said).encode())


def waits(reply: Reply) -> Wait:
    outcome = judge(reply, KEPT, NOW)
    assert isinstance(outcome, Wait)
    return outcome


def test_a_receipt_of_this_very_batch_is_taken() -> None:
    for more in ({}, {"rejected": [{"seq": 4, "reason": "x"}]}, {"duplicate": True}):
        assert isinstance(judge(answered(200, {**RECEIPT, **more}), KEPT, NOW), Taken)


@pytest.mark.parametrize(
    "wrong",
    [
        {"site": "other"}, {"gateway": "gw-2"}, {"epoch": "e-2"}, {"from_seq": 1}, {"to_seq": 5}, {"count": 3},
        {"sha256": "b" * 64}, {"rejected": [{"seq": 5, "reason": "was not sent"}]},
    ],
)  # fmt: skip
def test_a_receipt_of_anything_else_is_none(wrong: dict[str, object]) -> None:
    assert waits(answered(200, {**RECEIPT, **wrong})).trouble is Trouble.NOT_A_RECEIPT


@pytest.mark.parametrize(
    ("reply", "trouble", "is_general"),
    [
        (answered(200, b"<html>", "text/html"), Trouble.NOT_A_RECEIPT, True),
        (answered(200, {}), Trouble.NOT_A_RECEIPT, True),
        (answered(302, b"", "text/html"), Trouble.NOT_A_RECEIPT, True),
        (answered(401, b"", "text/html"), Trouble.NOT_A_RECEIPT, True),
        (answered(404, b"", "text/html"), Trouble.NOT_FOUND, True),
        (answered(408, b"", "text/html"), Trouble.BUSY, True),
        (answered(429, b"", "text/html"), Trouble.BUSY, True),
        (answered(502, b"", "text/html"), Trouble.SERVER_ERROR, True),
        (answered(503, {"error": "unavailable", "detail": "x"}), Trouble.SERVER_ERROR, True),
        (answered(429, {"error": "too_many", "detail": "x"}), Trouble.BUSY, True),
        (answered(404, {"error": "not_found", "detail": "x"}), Trouble.NOT_FOUND, True),
        (answered(401, {"error": "unauthorized", "detail": "x"}), Trouble.UNAUTHORIZED, False),
        (answered(403, {"error": "forbidden", "detail": "x"}), Trouble.FORBIDDEN, False),
        (answered(400, {"error": "damaged", "detail": "x"}), Trouble.DAMAGED, False),
        (answered(413, {"error": "too_large", "detail": "x"}), Trouble.REFUSED, False),
        (answered(422, {"error": "invalid", "detail": "x"}), Trouble.REFUSED, False),
        (answered(422, {"error": "a new word", "detail": "x"}), Trouble.NOT_A_RECEIPT, True),
    ],
)
def test_every_other_answer_waits_under_its_code(reply: Reply, trouble: Trouble, is_general: bool) -> None:
    waiting = waits(reply)
    assert (waiting.trouble, waiting.is_general) == (trouble, is_general)


@pytest.mark.parametrize("fault", [Fault.FENCED, Fault.CLONED, Fault.COVERED])
def test_what_only_a_person_can_settle_stops(fault: Fault) -> None:
    assert judge(answered(409, {"error": fault, "detail": "x"}), KEPT, NOW) == Stop(fault, "x")
    assert Trouble(fault.value)  # its code is one that pages know


@pytest.mark.parametrize(
    ("header", "wait_s"), [("600", 600.0), ("99999999", 3600.0), ("soon", 0.0), ("-1", 0.0), ("", 0.0)]
)
def test_retry_after_is_read_within_its_bound(header: str, wait_s: float) -> None:
    assert waits(answered(503, b"", "text/html", header)).retry_after_s == wait_s
