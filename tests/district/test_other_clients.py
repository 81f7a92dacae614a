"""Clients that are not ours, byte by byte: each gets its receipt, or an answer that says what is wrong.

The forms are those of RFC 9110 and 9112 that curl, Go, Java and old HTTP/1.0 clients use: chunks, Expect, names in small
letters, a connection that lives on after an error.
"""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from typing import Any

import pytest

from district.app import create_app
from district.serve import listen, serving
from district.service import Service
from tests.district import campus
from tests.district.conftest import SQLITE_ONLY

GOOD = campus.batch(campus.day_slots())
WAIT_S = 60
CLOSE = ("Connection: close",)

pytestmark = [SQLITE_ONLY, pytest.mark.real("district")]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: Any


@asynccontextmanager
async def connected(service: Service) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    with closing(listen("127.0.0.1", 0)) as listener:
        async with serving(create_app(service), listener), asyncio.timeout(WAIT_S):
            reader, writer = await asyncio.open_connection(*listener.getsockname()[:2])
            try:
                yield reader, writer
            finally:
                writer.close()
                with suppress(ConnectionError):
                    await writer.wait_closed()


async def answer(reader: asyncio.StreamReader) -> Answer:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
    headers = {name.lower(): text for name, _, text in (line.partition(": ") for line in lines)}
    raw = await reader.readexactly(int(headers.get("content-length", 0)))
    return Answer(int(first.split()[1]), headers, json.loads(raw) if raw.startswith(b"{") else raw)


def asking(
    key: str,
    raw: bytes,
    *more: str,
    version: str = "1.1",
    length: str | None = None,
    encoding: str = "gzip",
    target: str = "/v1/batches",
    method: str = "POST",
) -> bytes:
    """The head of a signed request; ``length`` is the line that says how long its body is."""
    lines = [
        f"{method} {target} HTTP/{version}",
        "Host: district",
        f"Authorization: {campus.signed(key, raw)['authorization']}",
        *([f"Content-Encoding: {encoding}"] if encoding else []),
        *([f"Content-Length: {len(raw)}"] if length is None else [length] if length else []),
        *more,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def chunked(raw: bytes, size: int, mark: Callable[[int], str] = "{:x}".format) -> bytes:
    parts = [raw[at : at + size] for at in range(0, len(raw), size)]
    return b"".join(mark(len(part)).encode() + b"\r\n" + part + b"\r\n" for part in parts)


CHUNKED = "Transfer-Encoding: chunked"
PLAIN = gzip.decompress(GOOD)
MEMBERS = gzip.compress(PLAIN[:100]) + gzip.compress(PLAIN[100:])
REQUESTS: dict[str, Callable[[str], bytes]] = {
    "a body in chunks": lambda key: (
        asking(key, GOOD, *CLOSE, length=CHUNKED) + chunked(GOOD, 37) + b"0\r\n\r\n"
    ),
    "sizes of chunks in capitals, with an extension and a trailer": lambda key: (
        asking(key, GOOD, *CLOSE, length=CHUNKED)
        + chunked(GOOD, 171, lambda size: f"{size:X};name=value")
        + b"0\r\nX-Sum: 1\r\n\r\n"
    ),
    "HTTP/1.0": lambda key: asking(key, GOOD, version="1.0") + GOOD,
    "HTTP/1.0 that would stay": lambda key: (
        asking(key, GOOD, "Connection: Keep-Alive", version="1.0") + GOOD
    ),
    "names of headers in small letters": lambda key: (
        asking(key, GOOD, *CLOSE)
        .replace(b"Content-Length", b"content-length")
        .replace(b"Content-Encoding", b"content-encoding")
        .replace(b"Authorization", b"authorization")
        + GOOD
    ),
    "a coding in capitals": lambda key: asking(key, GOOD, *CLOSE, encoding="GZIP") + GOOD,
    "x-gzip": lambda key: asking(key, GOOD, *CLOSE, encoding="x-gzip") + GOOD,
    "two headers of coding, one of them none": lambda key: (
        asking(key, GOOD, "Content-Encoding: identity", *CLOSE) + GOOD
    ),
    "members of gzip one after another": lambda key: asking(key, MEMBERS, *CLOSE) + MEMBERS,
    "no coding at all": lambda key: asking(key, PLAIN, *CLOSE, encoding="") + PLAIN,
    "what Go sends besides": lambda key: (
        asking(
            key, GOOD, *CLOSE, "User-Agent: Go-http-client/1.1", "Accept-Encoding: gzip",
            "Content-Type: application/json; charset=UTF-8",
        )
        + GOOD
    ),
    "a whole URL as target": lambda key: (
        asking(key, GOOD, *CLOSE, target="http://district:8080/v1/batches") + GOOD
    ),
    "a query that nobody asked for": lambda key: asking(key, GOOD, *CLOSE, target="/v1/batches?x=1") + GOOD,
}  # fmt: skip


@pytest.mark.parametrize("form", REQUESTS)
async def test_a_batch_in_a_form_of_others_has_its_receipt(form: str, service: Service, key: str) -> None:
    async with connected(service) as (reader, writer):
        writer.write(REQUESTS[form](key))
        found = await answer(reader)
    assert (found.status, found.body["count"], found.body["duplicate"]) == (200, 10, False)


@pytest.mark.parametrize("word", ["100-continue", "100-Continue"])
async def test_who_waits_for_a_word_before_the_body_gets_it(word: str, service: Service, key: str) -> None:
    async with connected(service) as (reader, writer):
        writer.write(asking(key, GOOD, f"Expect: {word}", *CLOSE))
        assert (await answer(reader)).status == 100
        writer.write(GOOD)
        assert (await answer(reader)).body["count"] == 10


async def test_who_waits_with_a_key_of_nobody_never_sends_the_body(service: Service, key: str) -> None:
    async with connected(service) as (reader, writer):
        writer.write(asking("demo.gw-1.none.x", GOOD, "Expect: 100-continue"))
        assert (await answer(reader)).status == 401


async def test_a_request_that_says_nothing_of_its_length_is_told_so_and_not_that_its_key_is_wrong(
    service: Service, key: str
) -> None:
    async with connected(service) as (reader, writer):
        writer.write(asking(key, GOOD, *CLOSE, length=""))
        found = await answer(reader)
    assert (found.status, found.body["error"]) == (400, "damaged")
    assert "neither Content-Length nor Transfer-Encoding" in found.body["detail"]


@pytest.mark.parametrize(
    ("wrong", "status", "error"),
    [
        (lambda key: asking(key, b"nonsense") + b"nonsense", 400, "damaged"),
        (lambda key: asking(key, GOOD, encoding="br") + GOOD, 422, "invalid"),
        (lambda key: asking(key, GOOD, "Content-Encoding: gzip") + GOOD, 422, "invalid"),
        (lambda key: asking("demo.gw-1.none.x", GOOD * 50) + GOOD * 50, 401, "unauthorized"),
        (lambda key: asking(key, GOOD, target="/v2/batches") + GOOD, 404, "not_found"),
        (lambda key: asking(key, GOOD, method="PUT") + GOOD, 405, "invalid"),
    ],
    ids=["no gzip", "a coding nobody knows", "coded twice", "no key, body unread", "no such page", "PUT"],
)
async def test_after_an_error_the_connection_is_as_good_as_before(
    wrong: Callable[[str], bytes], status: int, error: str, service: Service, key: str
) -> None:
    async with connected(service) as (reader, writer):
        for _ in range(2):
            writer.write(wrong(key))
            found = await answer(reader)
            assert (found.status, found.body["error"]) == (status, error)
        writer.write(asking(key, GOOD) + GOOD)
        assert (await answer(reader)).body["count"] == 10


async def test_requests_one_behind_the_other_are_answered_in_their_order(service: Service, key: str) -> None:
    later = campus.batch([campus.slot(campus.METER, 20)], 10)
    async with connected(service) as (reader, writer):
        writer.write(asking(key, GOOD) + GOOD + asking(key, later) + later)
        assert [(await answer(reader)).body["to_seq"] for _ in range(2)] == [10, 11]


@pytest.mark.parametrize(
    "head",
    [
        b"POST /v1/batches HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /v1/batches HTTP/1.1\r\nHost: d\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
    ],
    ids=["no host", "two lengths", "TLS on a plain port"],
)
async def test_what_is_no_http_is_told_so_and_hung_up(head: bytes, service: Service) -> None:
    async with connected(service) as (reader, writer):
        writer.write(head)
        said = await reader.read()
    assert said.startswith(b"HTTP/1.1 400 ")
    assert said.endswith(b"Invalid HTTP request received.")
