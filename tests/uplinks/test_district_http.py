from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from district.contract import REPLY_BYTES_MAX
from gateway.uplinks.district_http import DistrictHttp, PostError
from gateway.uplinks.verdict import Trouble
from tests.uplinks.front import Front, canned, read_message, standing

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def answering(
    *replies: bytes, token_file: Path | None = None
) -> AsyncIterator[tuple[DistrictHttp, Front]]:
    async with standing(Front(0)) as front:
        front.script.extend(replies)
        async with DistrictHttp(front.url, str(token_file) if token_file else None, total_s=5.0) as wire:
            yield wire, front


async def trouble_of(wire: DistrictHttp) -> Trouble:
    with pytest.raises(PostError) as caught:
        await wire.post(b"x", "gzip")
    return caught.value.trouble


async def test_a_reply_comes_back_as_it_was_sent() -> None:
    async with answering(canned("429 Slow", b"body", "text/plain", "Retry-After: 7")) as (wire, front):
        reply = await wire.post(b"bytes", "gzip")
        assert (reply.status, reply.content_type, reply.retry_after, reply.body) == (
            429,
            "text/plain",
            "7",
            b"body",
        )
        assert front.seen[0].startswith(b"POST /v1/batches HTTP/1.1")
        assert front.seen[0].endswith(b"\r\n\r\nbytes")


async def test_the_key_is_read_anew_for_each_batch(tmp_path: Path) -> None:
    path = tmp_path / "key"
    async with answering(canned("200 OK"), canned("200 OK"), token_file=path) as (wire, front):
        assert await trouble_of(wire) is Trouble.TOKEN
        for key in ("demo.gw-1.first.secret", "demo.gw-1.second.secret"):
            path.write_text(key)
            await wire.post(b"x", "gzip")
        assert [b'key="demo.gw-1.first"' in front.seen[0], b'key="demo.gw-1.second"' in front.seen[1]] == [
            True,
            True,
        ]
        assert b"secret" not in b"".join(front.seen)
        assert len(front.seen) == 2


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"two\nlines", b"\xff\xfe", "钥匙".encode(), b"k" * 5000, b"demo.gw-1.token"]
)
async def test_a_token_file_without_a_key_sends_nothing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    async with answering(token_file=path) as (wire, front):
        assert await trouble_of(wire) is Trouble.TOKEN
        assert front.seen == []


async def test_s11_a_key_in_the_clear_stays_on_this_machine(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("secret")
    async with DistrictHttp("http://192.0.2.1/v1", str(path)) as wire:
        with pytest.raises(PostError, match="not sent over http"):
            await wire.post(b"x", "gzip")


async def test_s16_f26_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async with answering(canned("302 Found", b"", "text/html", "Location: /elsewhere")) as (wire, front):
        assert (await wire.post(b"x", "gzip")).status == 302
        assert len(front.seen) == 1


async def test_s20_f26_a_reply_without_end_is_cut_off() -> None:
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n" + b"x" * (REPLY_BYTES_MAX + 1)
    async with answering(endless) as (wire, _):
        assert await trouble_of(wire) is Trouble.NOT_A_RECEIPT


async def test_s20_f26_a_compressed_bomb_is_never_unpacked() -> None:
    bomb = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"
    async with answering(bomb) as (wire, front):
        assert (await wire.post(b"x", "gzip")).body == b"abc"
        assert b"accept-encoding: identity" in front.seen[0].lower()


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\ncut",
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Le",
    ],
)
async def test_a_reply_that_is_no_http_is_no_answer(raw: bytes) -> None:
    async with answering(raw or b"\r\n") as (wire, _):
        assert await trouble_of(wire) is Trouble.NO_ANSWER


async def test_nobody_listening_is_no_answer() -> None:
    async with standing(Front(0)) as front:
        url = front.url
    async with DistrictHttp(url, None) as wire:
        assert await trouble_of(wire) is Trouble.NO_ANSWER


async def test_a_server_that_takes_and_never_answers_is_given_up() -> None:
    hung = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_message(reader)
        await hung.wait()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    async with DistrictHttp(
        f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", None, total_s=0.2
    ) as wire:
        assert await trouble_of(wire) is Trouble.NO_ANSWER
    hung.set()
    server.close()
    await server.wait_closed()


async def test_s11_a_certificate_nobody_vouches_for_gets_no_data() -> None:
    received = bytearray()

    async def no_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.extend(await reader.read(65536))
        writer.close()

    server = await asyncio.start_server(no_tls, "127.0.0.1", 0)
    async with DistrictHttp(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", None) as wire:
        assert await trouble_of(wire) is Trouble.NO_ANSWER
    server.close()
    await server.wait_closed()
    assert b"POST" not in received


def test_s11_no_code_of_ours_turns_certificate_checks_off() -> None:
    for path in Path("gateway").rglob("*.py"):
        assert not re.search(r"verify\s*=\s*False|CERT_NONE|check_hostname\s*=\s*False", path.read_text()), (
            path
        )
