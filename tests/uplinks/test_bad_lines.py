"""F25, F29, F30: certificates that must not be believed get no byte of ours, no bad line is waited for without end, and a
storm of refusals is met with patience."""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from edge_config.uplinks import HttpUplink
from gateway.uplinks.district_http import DistrictHttp, PostError
from gateway.uplinks.drain import Drain
from gateway.uplinks.encode import encode
from gateway.uplinks.feed import Identity
from gateway.uplinks.sender import Stretch
from gateway.uplinks.verdict import Reply, Trouble, Verdict, judge
from tests.sources.certificates import Authority
from tests.uplinks.front import canned, read_message
from tests.uplinks.memory import MemoryFeed, SelfMovingClock, rows

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(
    handler: Handler, context: ssl.SSLContext | None = None, at: tuple[str, int] = ("127.0.0.1", 0)
) -> AsyncIterator[int]:
    """A server whose connections end with it; its port."""
    serving: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(
            asyncio.IncompleteReadError, ConnectionError
        ):  # the gateway gave up, which is what is asked here
            await handler(reader, writer)
        writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.ensure_future(handle(reader, writer)))

    server = await asyncio.start_server(accept, *at, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()
        if serving:
            await asyncio.wait(serving)
        await settled()


async def settled() -> None:
    """What was closed on both sides has come to its end."""
    for _ in range(20):
        await asyncio.sleep(0)


async def trouble_of(wire: DistrictHttp) -> Trouble:
    with pytest.raises(PostError) as caught:
        await wire.post(b"the readings of a school", "gzip")
    return caught.value.trouble


def server_context(cert: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


@pytest.mark.real("openssl")
@pytest.mark.parametrize("wrong", ["", "expired", "another host", "unknown authority", "old TLS"])
async def test_f29_a_server_that_cannot_prove_who_it_is_gets_no_byte_of_ours(
    tmp_path: Path, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ours").mkdir()
    ours = Authority(tmp_path / "ours").made()
    signer = ours
    if wrong == "unknown authority":
        (tmp_path / "theirs").mkdir()
        signer = Authority(tmp_path / "theirs", "other").made()
    host = "DNS:district.example" if wrong == "another host" else "IP:127.0.0.1"
    context = server_context(*signer.issue("server", host, is_expired=wrong == "expired"))
    if wrong == "old TLS":
        context.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    monkeypatch.setenv("SSL_CERT_FILE", str(ours.file))
    key = tmp_path / "key"
    key.write_text("demo.gw-1.k1.secret")
    received = bytearray()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.extend(await read_message(reader))
        writer.write(canned("503 Busy"))
        await writer.drain()

    asyncio.get_running_loop().set_exception_handler(
        lambda *_: None
    )  # the server's half of a handshake that fails
    async with (
        listening(answer, context) as port,
        DistrictHttp(f"https://127.0.0.1:{port}/v1", str(key)) as wire,
    ):
        if wrong:
            # One that speaks TLS too old just hangs up: why cannot be known here.
            expected = Trouble.NO_ANSWER if wrong == "old TLS" else Trouble.TLS
            assert await trouble_of(wire) is expected
            assert received == b""
        else:
            assert (await wire.post(b"the readings of a school", "gzip")).status == 503
            assert received.endswith(b"the readings of a school")
            assert b"Campus-Sign-1" in received
            assert b"secret" not in received


async def test_f29_a_handshake_without_end_is_given_up() -> None:
    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the gateway goes

    async with (
        listening(hold) as port,
        DistrictHttp(f"https://127.0.0.1:{port}/v1", None, total_s=0.2) as wire,
    ):
        assert await trouble_of(wire) is Trouble.NO_ANSWER


async def blackhole(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    del writer
    await reader.read()


async def reset_in_the_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_message(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 400\r\n\r\n{")
    await writer.drain()
    _reset(writer)


async def reset_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    _reset(writer)


async def a_byte_now_and_then(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_message(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n")
    while not reader.at_eof():
        writer.write(b"{")
        await writer.drain()
        await asyncio.sleep(0.02)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Let the close that follows be an RST."""
    wire = writer.get_extra_info("socket")
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


LINES: list[Handler] = [blackhole, reset_in_the_body, reset_at_once, a_byte_now_and_then]


@pytest.mark.parametrize("line", LINES, ids=lambda line: getattr(line, "__name__", ""))
async def test_f30_a_bad_line_is_no_answer_within_the_deadline(line: Handler) -> None:
    async with (
        listening(line) as port,
        DistrictHttp(f"http://127.0.0.1:{port}/v1", None, total_s=0.3) as wire,
    ):
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert await trouble_of(wire) is Trouble.NO_ANSWER
        assert loop.time() - began < 60


async def test_f30_a_line_that_comes_and_goes_leaves_no_task_and_no_descriptor_behind() -> None:
    turns = 0

    async def flapping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal turns
        turns += 1
        if turns % 3 == 0:
            await read_message(reader)
            writer.write(canned("503 Busy"))
            await writer.drain()
        else:
            await LINES[turns % 3](reader, writer)

    def open_now() -> tuple[int, int]:
        return len(asyncio.all_tasks()), len(list(Path("/proc/self/fd").iterdir()))

    async with (
        listening(flapping) as port,
        DistrictHttp(f"http://127.0.0.1:{port}/v1", None, total_s=0.3) as wire,
    ):
        counts: list[tuple[int, int]] = []
        answers: list[int] = []
        for _ in range(30):
            for _ in range(3):
                with suppress(PostError):
                    answers.append((await wire.post(b"x", "gzip")).status)
            await settled()
            counts.append(open_now())
    assert (turns, answers) == (90, [503] * 30)
    assert max(counts[-10:]) <= max(counts[:10]), counts


@pytest.mark.parametrize("retry_after", ["", "0", "30", "315360000", "nonsense"])
async def test_f25_an_hour_of_refusals_is_a_few_dozen_attempts_and_nothing_is_lost(retry_after: str) -> None:
    attempts: list[float] = []
    clock, feed = SelfMovingClock(), MemoryFeed(rows(20))

    class Busy:
        name = "busy"

        async def send(self, stretch: Stretch) -> Verdict:
            attempts.append(clock.now_s)
            batch = encode(Identity("demo", "gw-1", "e-1"), stretch.from_seq, stretch.to_seq, stretch.changes)
            return judge(
                Reply((429, 500, 502, 503)[len(attempts) % 4], "text/html", retry_after, b""),
                batch,
                clock.now_ms(),
            )

    uplink = HttpUplink(id="d", kind="district-http", url="http://district/v1")
    drain = Drain(uplink, feed, Busy(), clock, random.Random(3))
    while clock.now_s < 3600:
        delay_s = await drain.step()
        assert delay_s is not None
        await clock.sleep(delay_s)
    assert 1 <= len(attempts) <= 80
    assert (feed.cursor, feed.batch_to, feed.dead) == (0, 20, {})
