"""What an answer over HTTP is, for gateways and relays alike."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from district.contract import Receipt, Rejected
from district.contract.answers import Reply, Sent, problem_of, receipt_of, retry_after_s
from tests.district.campus import NOW

SENT = Sent("demo", "gw-1", "e-1", 0, 4, 4, "a" * 64)
ECHO = {
    "site": "demo", "gateway": "gw-1", "epoch": "e-1", "from_seq": 0, "to_seq": 4, "count": 4, "sha256": "a" * 64,
}  # fmt: skip


def reply(said: Any, kind: str = "application/json") -> Reply:
    return Reply(200, kind, "", said if isinstance(said, bytes) else json.dumps(said).encode())


def never() -> Iterable[int]:
    raise AssertionError("asked for what was sent although nothing is refused")


def test_a_receipt_without_refusals_needs_no_look_into_what_was_sent() -> None:
    assert receipt_of(reply(ECHO, "Application/JSON; charset=utf-8"), SENT, never) == Receipt(**ECHO)


def test_of_a_batch_received_before_only_refusals_of_what_was_sent_are_told() -> None:
    """A filter was edited since, or it had gone up in a batch that held more."""
    rejected = [{"seq": 3, "reason": "x"}, {"seq": 9, "reason": "y"}]
    found = receipt_of(reply({**ECHO, "rejected": rejected, "duplicate": True}), SENT, lambda: (2, 3))
    assert isinstance(found, Receipt)
    assert found.rejected == [Rejected(seq=3, reason="x")]
    first = receipt_of(reply({**ECHO, "rejected": rejected}), SENT, lambda: (2, 3))
    assert first == "a receipt that refuses records which were not sent"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (reply(ECHO, "text/html"), "HTTP 200 with text/html"),
        (reply(ECHO, ""), "HTTP 200 with no content type"),
        (reply(b"[1]"), "HTTP 200 with JSON that is no receipt"),
        (reply({**ECHO, "count": 3}), "a receipt of another batch"),
    ],
)
def test_what_is_no_receipt_says_what_it_is(answer: Reply, said: str) -> None:
    assert receipt_of(answer, SENT, never) == said


def test_a_refusal_is_one_only_in_a_districts_words() -> None:
    words = {"error": "busy with tea", "detail": "x"}
    assert problem_of(reply(words)) is None
    assert problem_of(reply({**words, "error": "invalid"}, "text/html")) is None
    found = problem_of(reply({**words, "error": "invalid"}))
    assert found is not None
    assert found.error == "invalid"


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [
        ("120", 120.0), (" 7 ", 7.0), ("999999", 3600.0), ("", 0.0), ("soon", 0.0), ("-5", 0.0),
        ("Sun, 22 Nov 2026 06:01:00 GMT", 60.0), ("Sun, 22 Nov 2020 06:01:00 GMT", 0.0),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date_within_an_hour(header: str, wait_s: float) -> None:
    assert retry_after_s(Reply(503, "", header, b""), NOW) == wait_s
