"""Connections that are held for nothing are ended, and one address cannot have them all (F41, S20)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing, suppress

import pytest
from starlette.types import Receive, Scope, Send

from dashboard.serve import Door, configuration
from district.serve import listen, serving
from runtime import web
from runtime.web import TimedHttp, may_join

BIG = b"x" * 30_000_000
"""More than the buffers of a socket hold, however the system sizes them."""
Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def answering(scope: Scope, receive: Receive, send: Send) -> None:
    del receive
    body = BIG if scope["path"] == "/big" else b"here"
    head = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def connect(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[[], Awaitable[Client]]]:
    """Connections to a district's server, whose patience is a tenth of a second here."""
    monkeypatch.setattr(web, "HEAD_S_MAX", 0.1)
    monkeypatch.setattr(web, "UNREAD_S_MAX", 0.1)
    writers: list[asyncio.StreamWriter] = []
    with closing(listen("127.0.0.1", 0)) as listener:

        async def one() -> Client:
            reader, writer = await asyncio.open_connection(*listener.getsockname(), limit=1024)
            writers.append(writer)
            return reader, writer

        async with serving(answering, listener):
            yield one
            for writer in writers:
                writer.transport.abort()
                with suppress(OSError):
                    await writer.wait_closed()


async def is_ended(reader: asyncio.StreamReader) -> bool:
    """Whether the server ended the connection, with or without more to say."""
    with suppress(ConnectionResetError):
        async with asyncio.timeout(60):
            while await reader.read(1 << 16):
                """What was on its way."""
    return True


@pytest.mark.parametrize("said", [b"", b"GET / HTT", b"GET / HTTP/1.1\r\nHost: d\r\nX-Slow: "])
async def test_f41_a_request_that_never_gets_whole_is_not_waited_for(
    connect: Callable[[], Awaitable[Client]], said: bytes
) -> None:
    reader, writer = await connect()
    writer.write(said)
    assert await is_ended(reader)


async def test_f41_bytes_that_dribble_in_do_not_prolong_it(connect: Callable[[], Awaitable[Client]]) -> None:
    reader, writer = await connect()
    ended = asyncio.ensure_future(is_ended(reader))
    writer.write(b"GET / HTTP/1.1\r\nX-Slow: ")
    async with asyncio.timeout(60):
        while not ended.done():
            writer.write(b"a")
            await asyncio.sleep(0.01)
    assert ended.result()


async def test_f41_a_second_request_has_its_own_time_and_the_same_end(
    connect: Callable[[], Awaitable[Client]],
) -> None:
    reader, writer = await connect()
    for _ in range(3):
        writer.write(b"GET / HTTP/1.1\r\nHost: d\r\n\r\n")
        async with asyncio.timeout(60):
            assert (await reader.readuntil(b"here")).startswith(b"HTTP/1.1 200")
    writer.write(b"GET / HTTP/1.1\r\n")
    assert await is_ended(reader)


async def test_f41_an_answer_nobody_reads_is_given_up(
    connect: Callable[[], Awaitable[Client]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader here takes its 1024 bytes and no more; what ends the connection is the server alone."""
    lost, ending = asyncio.Event(), TimedHttp.connection_lost

    def note(self: TimedHttp, error: Exception | None) -> None:
        ending(self, error)
        lost.set()

    monkeypatch.setattr(TimedHttp, "connection_lost", note)
    _, writer = await connect()
    writer.write(b"GET /big HTTP/1.1\r\nHost: d\r\n\r\n")
    async with asyncio.timeout(60):
        await lost.wait()


def test_f41_both_servers_have_this_patience() -> None:
    assert configuration(answering, Door("127.0.0.1", 0)).http is TimedHttp


@pytest.mark.parametrize(
    ("address", "others", "limit", "may"),
    [
        ("192.0.2.7", ["192.0.2.7"] * 3, 8, True),
        ("192.0.2.7", ["192.0.2.7"] * 4, 8, False),
        ("192.0.2.8", ["192.0.2.7"] * 4, 8, True),
        ("2001:db8::1", ["2001:db8::2", "2001:db8::3"], 4, False),
        ("2001:db8:0:1::1", ["2001:db8::2", "2001:db8::3"], 4, True),
        ("127.0.0.1", ["127.0.0.1"] * 7, 8, True),
        ("192.0.2.7", ["192.0.2.7"] * 99, None, True),
    ],
)
def test_s20_one_address_has_half_of_the_connections_at_most(
    address: str, others: list[str], limit: int | None, may: bool
) -> None:
    assert may_join(address, others, limit) is may
