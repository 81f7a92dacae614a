"""F29, S11 from the first failure to the last record: a district whose certificate or name goes wrong under a running uplink gets
no byte, staff are told in words what it is, and when the cause is gone everything goes up by itself, once.

The district is the shipped one behind TLS with certificates of this test's own authority; the resolver is the system's seam.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from edge_config.uplinks import HttpUplink
from gateway.uplinks.district_http import DistrictHttp, DistrictSender
from gateway.uplinks.drain import Drain
from gateway.uplinks.words import words_of
from runtime import names
from tests.sources.certificates import Authority
from tests.uplinks.conftest import IDENTITY, Line
from tests.uplinks.front import Front, read_message
from tests.uplinks.memory import MemoryFeed, SelfMovingClock, rows
from tests.uplinks.test_bad_lines import listening, server_context

pytestmark = pytest.mark.real("openssl")

HOST, RECORDS, BATCH = "district.example", 40, 10
SYSTEM = socket.getaddrinfo


@dataclass
class Resolver:
    """The system's, except for the district's name: ``says`` is its address, or the error of asking; None hangs until
    ``free``."""

    says: str | OSError | None = "127.0.0.1"
    free: threading.Event = field(default_factory=threading.Event)
    asked: int = 0

    def getaddrinfo(self, host: Any, port: Any, *more: Any, **named: Any) -> Any:
        if host not in {HOST, HOST.encode()}:
            return SYSTEM(host, port, *more, **named)
        self.asked += 1
        if self.says is None:
            self.free.wait()
        if isinstance(self.says, OSError):
            raise self.says
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (self.says or "127.0.0.1", int(port)))]


@dataclass
class Rig:
    """The uplink, and what a test may turn wrong: ``context`` of the server, ``trusted`` of the gateway, the resolver."""

    line: Line
    folder: Path
    ours: Authority
    trusted: Path
    context: ssl.SSLContext
    resolver: Resolver
    feed: MemoryFeed
    port: int = 0
    received: bytearray = field(default_factory=bytearray)
    """What came out of TLS on the district's side or an impostor's."""

    def certify(self, name: str, host: str = f"DNS:{HOST}", by: Authority | None = None, **how: Any) -> None:
        """The server shows another certificate from the next connection on."""
        self.context.load_cert_chain(*(by or self.ours).issue(name, host, **how))

    async def passing(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request on to the district; a connection each, so that a certificate is looked at each time."""
        request = await read_message(reader)
        self.received += request
        reply = await Front(self.line.front.upstream)._forward(request)
        writer.write(reply.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
        await writer.drain()

    async def impostor(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.received += await reader.read(1)


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    found = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", found.getaddrinfo)
    yield found
    found.free.set()
    for thread in threading.enumerate():
        if thread.name == "name-lookup":
            thread.join()


@pytest.fixture
async def rig(
    tmp_path: Path, line: Line, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Rig]:
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
    ours = Authority(tmp_path / "ours").made()
    trusted = Path(shutil.copy(ours.file, tmp_path / "trusted.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    context = server_context(*ours.issue("first", f"DNS:{HOST}"))
    loop = asyncio.get_running_loop()
    names.settle(loop)
    loop.set_exception_handler(lambda *_: None)  # the server's half of a handshake that fails
    made = Rig(line, tmp_path, ours, trusted, context, resolver, MemoryFeed(rows(RECORDS)))
    async with listening(made.passing, context) as port:
        made.port = port
        yield made


@asynccontextmanager
async def uplink(rig: Rig, total_s: float = 3.0) -> AsyncIterator[Drain]:
    """One uplink for the whole of a test, as a collector has it."""
    url = f"https://{HOST}:{rig.port}/v1"
    section = HttpUplink(
        id="d", kind="district-http", url=url, token_file=str(rig.line.token_file), batch_max=BATCH
    )
    clock = SelfMovingClock()
    async with DistrictHttp(url, section.token_file, total_s) as wire:
        yield Drain(section, rig.feed, DistrictSender(wire, IDENTITY, clock), clock, random.Random(1))


async def drain_all(drain: Drain) -> None:
    for _ in range(20):
        if await drain.step() is None:
            return
    raise AssertionError("not done")


def delivered_once(rig: Rig) -> None:
    assert (rig.feed.cursor, rig.feed.count, rig.feed.dead, rig.feed.errors) == (RECORDS, RECORDS, {}, [])
    assert rig.line.effects() == RECORDS - 2  # the site and its meter are no intervals


Wrong = Callable[[Rig], None]


def expired(rig: Rig) -> None:
    rig.certify("expired", is_expired=True)


def of_another_name(rig: Rig) -> None:
    rig.certify("other", "DNS:elsewhere.example")


def renewed(rig: Rig) -> None:
    rig.certify("renewed")


def by_an_authority_nobody_trusts(rig: Rig) -> None:
    rig.certify("second", by=theirs(rig))


def the_authority_is_installed(rig: Rig) -> None:
    """As an installer does it: the certificates of the system, and no restart."""
    rig.trusted.write_text(rig.ours.file.read_text() + theirs(rig).file.read_text())


def theirs(rig: Rig) -> Authority:
    found = Authority(rig.folder / "theirs", "other")
    return found if found.file.exists() else found.made()


def nameless(rig: Rig) -> None:
    rig.resolver.says = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


def unknown(rig: Rig) -> None:
    rig.resolver.says = socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def known_again(rig: Rig) -> None:
    rig.resolver.says = "127.0.0.1"


@pytest.mark.parametrize(
    ("goes_wrong", "comes_right", "code", "words"),
    [
        (expired, renewed, "tls", "证书"),
        (of_another_name, renewed, "tls", "证书"),
        (by_an_authority_nobody_trusts, the_authority_is_installed, "tls", "证书"),
        (by_an_authority_nobody_trusts, renewed, "tls", "证书"),
        (nameless, known_again, "name", "DNS"),
        (unknown, known_again, "name", "DNS"),
    ],
)
async def test_f29_what_goes_wrong_under_way_gets_no_byte_is_told_in_words_and_heals_by_itself(
    rig: Rig, goes_wrong: Wrong, comes_right: Wrong, code: str, words: str
) -> None:
    async with uplink(rig) as drain:
        with capture_logs() as log:
            await drain.step()
            assert rig.feed.cursor == BATCH
            goes_wrong(rig)
            had = len(rig.received)
            for _ in range(4):
                assert await drain.step()
            assert len(rig.received) == had
            assert (rig.feed.cursor, rig.feed.batch_to) == (BATCH, 2 * BATCH)
            error = rig.feed.errors[-1]
            assert error.startswith(f"{code}: ")
            cause, cure = words_of(error)
            assert words in cause + cure
            assert "自动续传" in cure
            comes_right(rig)
            await drain_all(drain)
    delivered_once(rig)
    warnings = [entry for entry in log if entry["log_level"] == "warning"]
    assert [(entry["trouble"], bool(entry["cure"])) for entry in warnings] == [(code, True)]  # said once
    assert [entry["failures"] for entry in log if entry["event"] == "uplink works again"] == [4]


async def test_f29_a_certificate_that_is_renewed_in_time_is_not_noticed(rig: Rig) -> None:
    async with uplink(rig) as drain:
        with capture_logs() as log:
            await drain.step()
            renewed(rig)
            await drain_all(drain)
    delivered_once(rig)
    assert [entry for entry in log if entry["log_level"] == "warning"] == []


async def test_f29_a_name_that_leads_to_a_stranger_gives_nothing_away(rig: Rig) -> None:
    """Another machine of the same port, with a certificate of the right name that nobody vouches for; then one in the clear."""
    stranger = server_context(*theirs(rig).issue("stranger", f"DNS:{HOST}"))
    async with uplink(rig) as drain:
        await drain.step()
        had = len(rig.received)
        rig.resolver.says = "127.0.0.2"
        for context in (stranger, None):
            async with listening(rig.impostor, context, ("127.0.0.2", rig.port)):
                assert await drain.step()
            assert rig.feed.cursor == BATCH
            assert rig.feed.errors[-1].startswith(("tls: ", "no_answer: "))
        assert b"Campus-Sign" not in rig.received[had:]
        assert b"POST" not in rig.received[had:]
        known_again(rig)
        await drain_all(drain)
    delivered_once(rig)


async def test_f29_a_name_server_that_never_answers_holds_up_this_uplink_and_nothing_else(rig: Rig) -> None:
    rig.resolver.says = None
    async with uplink(rig, 0.9) as drain:
        async with DistrictHttp(rig.line.front.url, None, total_s=10.0) as wire:
            for _ in range(12):  # more tries than there are threads in a pool
                assert await drain.step()
                assert rig.feed.errors[-1].startswith("no_answer: ")
            assert rig.resolver.asked == 1
            assert "DNS" in words_of(rig.feed.errors[-1])[1]
            # What needs a thread has one, and another uplink by its own name gets its answer.
            assert await asyncio.to_thread(lambda: "free") == "free"
            reply = await wire.post(b"{}", "gzip")
            assert reply.status == 401
        assert (rig.feed.cursor, bytes(rig.received)) == (0, b"")
        rig.resolver.says = "127.0.0.1"
        rig.resolver.free.set()
        await drain_all(drain)
    delivered_once(rig)
