"""F29: a name server that is dead, slow or silent for ever costs those who ask for that name, and nobody else (P21)."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from runtime import names

ANSWER = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.7", 443))]


@dataclass
class Resolver:
    """What the system's would be: ``hangs`` are names it does not answer before ``release``."""

    hangs: set[str] = field(default_factory=set)
    release: threading.Event = field(default_factory=threading.Event)
    asked: list[str] = field(default_factory=list)

    def getaddrinfo(self, host: str, *rest: Any) -> Any:
        self.asked.append(host)
        if host in self.hangs:
            self.release.wait()
        if host.startswith("dead"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return ANSWER


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    found = Resolver({"slow.example"})
    monkeypatch.setattr(socket, "getaddrinfo", found.getaddrinfo)
    yield found
    found.release.set()
    for thread in threading.enumerate():
        if thread.name == "name-lookup":
            thread.join()


async def ask(name: str, timeout_s: float | None = None) -> Any:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(timeout_s):
        return await loop.getaddrinfo(name, 443, type=socket.SOCK_STREAM)


async def test_f29_a_name_that_hangs_is_asked_once_and_everything_else_goes_on(resolver: Resolver) -> None:
    names.settle(asyncio.get_running_loop())
    for _ in range(40):  # more tries than there are threads to share
        with pytest.raises(TimeoutError):
            await ask("slow.example", 0.01)
    assert resolver.asked == ["slow.example"]
    assert await ask("good.example") == ANSWER
    assert await asyncio.to_thread(lambda: "a thread is free") == "a thread is free"
    waiting = [asyncio.ensure_future(ask("slow.example")) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    resolver.release.set()
    assert await asyncio.gather(*waiting[1:]) == [ANSWER, ANSWER]
    assert resolver.asked.count("slow.example") == 1
    assert await ask("slow.example") == ANSWER
    assert resolver.asked.count("slow.example") == 2, "an answer is not kept: an address may change"


async def test_a_name_that_is_not_known_is_the_same_error_as_ever(resolver: Resolver) -> None:
    names.settle(asyncio.get_running_loop())
    with pytest.raises(socket.gaierror, match="not known"):
        await ask("dead.example")
    assert resolver.asked == ["dead.example"]


async def test_a_name_that_cannot_be_one_is_the_same_error_as_ever() -> None:
    names.settle(asyncio.get_running_loop())
    with pytest.raises(UnicodeError):
        await ask("x" * 80)


async def test_what_is_looked_up_at_once_has_a_bound(resolver: Resolver) -> None:
    names.settle(asyncio.get_running_loop())
    resolver.hangs = {f"{n}.example" for n in range(names.LOOKUPS_MAX + 1)}
    waiting = [asyncio.ensure_future(ask(f"{n}.example")) for n in range(names.LOOKUPS_MAX)]
    await asyncio.sleep(0)
    with pytest.raises(socket.gaierror, match="being looked up"):
        await ask(f"{names.LOOKUPS_MAX}.example")
    resolver.release.set()
    assert await asyncio.gather(*waiting) == [ANSWER] * names.LOOKUPS_MAX


async def test_without_a_thread_a_name_is_not_found_for_now(
    resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    names.settle(asyncio.get_running_loop())
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(socket.gaierror, match="no thread"):
            await ask("good.example")
    assert await ask("good.example") == ANSWER


def test_f29_a_process_ends_although_a_name_is_still_being_looked_up(resolver: Resolver) -> None:
    async def live() -> None:
        names.settle(asyncio.get_running_loop())
        with pytest.raises(TimeoutError):
            await ask("slow.example", 0.01)

    asyncio.run(live())  # waits for every thread of the loop's own
    assert not resolver.release.is_set()
