"""Server-sent events: one look for all pages, bounded, and never in the way of a stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from dashboard import live
from dashboard.live import Live
from gateway.errors import StoreError


class Token:
    def __init__(self) -> None:
        self.value, self.looks, self.is_broken = "1", 0, False

    def __call__(self) -> str:
        self.looks += 1
        if self.is_broken:
            raise StoreError("gone")
        return self.value


async def next_of(stream: AsyncIterator[bytes]) -> bytes:
    async with asyncio.timeout(60):
        return await anext(stream)


async def test_every_open_page_hears_of_a_change_from_one_look() -> None:
    token = Token()
    source = Live(token)
    pages = [source.stream() for _ in range(5)]
    assert all([b"hello" in await next_of(page) for page in pages])
    listening = [asyncio.ensure_future(next_of(page)) for page in pages]
    await until(lambda: token.looks == len(pages))  # each looks once as it comes
    token.value = "2"
    assert await source.look()
    assert token.looks == len(pages) + 1
    assert await asyncio.gather(*listening) == [live.CHANGE] * len(pages)
    source.stop()
    for page in pages:
        assert [chunk async for chunk in page] == []
    assert source.clients == 0


async def until(claim: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not claim():
            await asyncio.sleep(0.001)


async def test_a_page_that_was_made_before_the_change_hears_of_it_when_it_comes() -> None:
    token = Token()
    made = live.stamp(token.value)
    token.value = "2"
    source = Live(token)
    late, fresh = source.stream(made), source.stream(live.stamp("2"))
    assert b"hello" in await next_of(late)
    assert await next_of(late) == live.CHANGE
    assert b"hello" in await next_of(fresh)
    source.stop()
    assert [chunk async for chunk in fresh] == []


async def test_nothing_is_said_when_nothing_changed_or_the_buffer_cannot_be_read() -> None:
    token = Token()
    source = Live(token)
    page = source.stream()
    await next_of(page)
    assert not await source.look()
    assert not await source.look()
    token.is_broken = True
    assert not await source.look()
    token.is_broken, token.value = False, "2"
    assert await source.look()
    source.stop()


async def test_the_buffer_is_left_alone_while_nobody_looks() -> None:
    token = Token()
    source = Live(token, look_s=0.001)
    task = asyncio.create_task(source.run())
    for _ in range(20):
        await asyncio.sleep(0)
    assert token.looks == 0
    source.stop()
    await task


async def test_a_stop_ends_every_stream_and_the_task_at_once() -> None:
    source = Live(Token(), look_s=3600)
    task = asyncio.create_task(source.run())
    page = source.stream()
    await next_of(page)
    source.stop()
    async with asyncio.timeout(2):
        assert [chunk async for chunk in page] == []
        await task


async def test_the_number_of_pages_is_bounded() -> None:
    source = Live(Token())
    pages = [source.stream() for _ in range(live.CLIENTS_MAX)]
    for page in pages:
        await next_of(page)
    assert source.is_full
    for page in pages:
        await page.aclose()
    assert not source.is_full
