"""The TCP connection: nothing is waited for without end, and a stranger's bytes end it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from edge_config.dialect import load, with_changes
from gateway.uplinks.national.trouble import LinkError, NonsenseFromCentreError
from gateway.uplinks.national.wire import Wire
from gateway.uplinks.verdict import Trouble

SECRET = b"0123456789abcdef"
CLEAR = with_changes("mohurd", {"cipher": {"words": []}})


@asynccontextmanager
async def facing(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]],
    dialect: Any = CLEAR,
) -> AsyncIterator[Wire]:
    """A wire to a server that does as it likes."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        async with await Wire.to("127.0.0.1", port, dialect, SECRET, 0.2) as wire:
            yield wire
    finally:
        server.close()
        await server.wait_closed()


async def test_a_centre_that_takes_nothing_is_given_up() -> None:
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        await ended.wait()
        writer.close()

    async with facing(serve) as wire:
        with pytest.raises(LinkError, match="takes nothing"):
            await wire.say("report", "x" * 30_000_000)
        ended.set()


@pytest.mark.parametrize(
    "raw",
    [
        b"\x00" * 70_000,
        b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n" * 2000,
        b"\x16\x03\x01" * 30_000,
    ],
)
async def test_another_protocol_ends_it(raw: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await reader.read()
        writer.close()

    async with facing(serve) as wire:
        with pytest.raises(NonsenseFromCentreError):
            await wire.hear()


async def test_a_frame_of_ten_megabytes_is_not_held() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes.fromhex("68681616") + (10_000_004).to_bytes(4, "little") + bytes(10_000_010))
        await reader.read()
        writer.close()

    async with facing(serve) as wire:
        with pytest.raises(NonsenseFromCentreError):
            await wire.hear()
        assert len(wire._deframer._held) < 100_000


async def test_an_end_is_an_end() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with facing(serve) as wire:
        with pytest.raises(LinkError, match="closed the connection"):
            await wire.hear()


async def test_a_port_nobody_listens_on_is_no_answer() -> None:
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    with pytest.raises(LinkError) as found:
        await Wire.to("127.0.0.1", port, load("mohurd"), SECRET, 1.0)
    assert found.value.trouble is Trouble.NO_ANSWER
