from __future__ import annotations

import json

import pytest

from gateway.uplinks.line_protocol import Lines
from gateway.uplinks.line_verdict import judge
from gateway.uplinks.verdict import Delivered, Keep, Poisoned, Reply, TooLarge, Trouble

LINES = Lines(b"m f=1 1\n", (1,), ((2, "why"),))
PARTIAL = "partial write: points beyond retention policy dropped=1"
CONFLICT = 'partial write: field type conflict: input field "value" is type float, already exists as type string dropped=1'


def reply(status: int, body: object = "", wait: str = "") -> Reply:
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return Reply(status, "application/json", wait, raw)


def test_only_204_is_a_receipt_and_what_was_refused_here_goes_with_it() -> None:
    assert judge(reply(204), LINES) == Delivered(((2, "why"),))
    for status in (200, 201, 202, 206):
        verdict = judge(reply(status, "<html>please log in</html>"), LINES)
        assert isinstance(verdict, Keep)
        assert verdict.trouble is Trouble.NOT_A_RECEIPT


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": PARTIAL}),
        (400, {"error": "unable to parse 'x': missing fields"}),
        (400, {"code": "invalid", "message": "unable to parse 'x': missing fields"}),
        (422, {"code": "unprocessable entity", "message": "failure writing points to database: " + PARTIAL}),
    ],
)
def test_a_line_the_database_names_wrong_is_looked_for(status: int, body: dict[str, str]) -> None:
    assert isinstance(judge(reply(status, body), LINES), Poisoned)


@pytest.mark.parametrize(
    ("status", "body", "trouble"),
    [
        (400, "<html>Bad Request</html>", Trouble.REFUSED),
        (400, {"error": "database is required"}, Trouble.REFUSED),
        (400, {"error": CONFLICT}, Trouble.REFUSED),
        (422, {"message": PARTIAL}, Trouble.REFUSED),
        (302, "", Trouble.REFUSED),
        (401, {"error": "authorization failed"}, Trouble.UNAUTHORIZED),
        (403, {"error": "not authorized"}, Trouble.FORBIDDEN),
        (404, {"error": 'database not found: "x"'}, Trouble.NOT_FOUND),
        (429, {}, Trouble.BUSY),
        (503, {}, Trouble.BUSY),
        (500, {"error": "timeout"}, Trouble.SERVER_ERROR),
        (400, [1, 2], Trouble.REFUSED),
        (400, {"error": 7}, Trouble.REFUSED),
    ],
)
def test_everything_else_keeps_the_data(status: int, body: object, trouble: Trouble) -> None:
    verdict = judge(reply(status, body), LINES)
    assert isinstance(verdict, Keep)
    assert verdict.trouble is trouble
    assert verdict.cure


def test_too_large_is_halved_and_a_wait_is_kept_within_an_hour() -> None:
    assert judge(reply(413), LINES) == TooLarge("HTTP 413 without InfluxDB's answer shape", is_final=False)
    waits = {"7": 7.0, "999999": 3600.0, "soon": 0.0, "": 0.0, "²": 0.0}
    for text, wait_s in waits.items():
        verdict = judge(reply(429, "", text), LINES)
        assert isinstance(verdict, Keep)
        assert verdict.retry_after_s == wait_s
