"""The loop against the real district on a real port, with a bad network in front of it."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from pathlib import Path

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from district.app import create_app
from district.serve import listen, serving
from district.service import Service
from edge_config.uplinks import HttpUplink, UplinkFilter
from gateway.errors import StoreError
from gateway.model import Change
from gateway.place import Content, Leg, Place
from gateway.uplinks.district_http import DistrictHttp, DistrictSender
from gateway.uplinks.drain import Drain, run_uplink
from gateway.uplinks.packing import MAY_NOT_KNOW_ZSTD
from tests.district import campus
from tests.district.campus import METER
from tests.uplinks.conftest import IDENTITY, Line
from tests.uplinks.front import LOSE_REPLY, PASS, PORTAL, Front, canned, refusal, standing
from tests.uplinks.memory import MemoryFeed, SelfMovingClock, row, rows

TRUNCATED = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 400\r\n\r\n{"site":'
KEEPERS = {
    "captive portal": PORTAL,
    "no content": b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
    "moved": canned(
        "301 Moved Permanently", b"", "text/html", "Location: https://elsewhere.example/v1/batches"
    ),
    "a bomb": canned("200 OK", gzip.compress(bytes(10**7)), "application/json", "Content-Encoding: gzip"),
    "redirect": canned("302 Found", b"", "text/html", "Location: /login"),
    "truncated": TRUNCATED,
    "a gigabyte": b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n" + b"x" * 70_000,
    "401": refusal("401 Unauthorized", "unauthorized"),
    "403": refusal("403 Forbidden", "forbidden"),
    "404": refusal("404 Not Found", "not_found"),
    "429": refusal("429 Too Many Requests", "unavailable", "Retry-After: 3"),
    "500": canned("500 Oops"),
    "503": refusal("503 Unavailable", "unavailable"),
    "a firewall's 400": canned("400 Bad Request"),
    "damaged": refusal("400 Bad Request", "damaged"),
    "reset": b"\r\n",
}


@asynccontextmanager
async def draining(
    uplink: HttpUplink, feed: MemoryFeed, clock: SelfMovingClock | None = None
) -> AsyncIterator[Drain]:
    async with DistrictHttp(uplink.url, uplink.token_file, total_s=10.0) as wire:
        now = clock or SelfMovingClock()
        yield Drain(uplink, feed, DistrictSender(wire, IDENTITY, now), now, random.Random(1))


async def running(
    uplink: HttpUplink, feed: MemoryFeed, clock: SelfMovingClock, wake: asyncio.Event | None = None
) -> None:
    """The whole loop, as the collector runs it."""
    async with DistrictHttp(uplink.url, uplink.token_file) as wire:
        await run_uplink(uplink, IDENTITY.gateway, feed, DistrictSender(wire, IDENTITY, clock), clock, wake)


async def drained(uplink: HttpUplink, feed: MemoryFeed, steps_max: int = 200) -> list[float]:
    """Step until nothing is left; the waits asked for on the way."""
    waits: list[float] = []
    async with draining(uplink, feed) as drain:
        for _ in range(steps_max):
            delay_s = await drain.step()
            if delay_s is None:
                return waits
            waits += [delay_s] if delay_s else []
    raise AssertionError(f"not done after {steps_max} steps: {feed.errors[-1:]}")


async def test_a_backlog_goes_up_in_batches_and_the_cursor_ends_at_the_head(line: Line) -> None:
    feed = MemoryFeed(rows(50))
    assert await drained(line.uplink(batch_max=20), feed) == []
    assert (feed.cursor, feed.count, feed.dead) == (50, 50, {})
    assert line.effects() == 48
    assert len(line.front.seen) == 3


async def test_p6_f23_a_lost_reply_leaves_exactly_one_effect(line: Line) -> None:
    line.front.script.extend([LOSE_REPLY, LOSE_REPLY])
    feed = MemoryFeed(rows(30))
    assert len(await drained(line.uplink(batch_max=20), feed)) == 2
    assert line.effects() == 28
    assert line.front.seen[0] == line.front.seen[1] == line.front.seen[2]  # byte-identical retries
    assert line.rows("SELECT from_seq, to_seq FROM received") == [(0, 30)]


def times_asked(behaviour: bytes) -> int:
    """What may mean that the receiver knows no zstd is asked once more as gzip."""
    status = behaviour.split()[1:2]
    return 2 if status and status[0].isdigit() and int(status[0]) in MAY_NOT_KNOW_ZSTD else 1


async def test_p7_f26_no_answer_but_a_receipt_moves_the_cursor(line: Line) -> None:
    feed = MemoryFeed([])
    async with draining(line.uplink(), feed) as drain:
        for turn, (name, behaviour) in enumerate(KEEPERS.items(), 1):
            feed.changes = rows(turn * 5)
            line.front.script.extend([behaviour] * times_asked(behaviour))
            delay_s = await drain.step()
            assert delay_s is not None, name
            assert delay_s >= (3.0 if name == "429" else 0.5), name
            assert (feed.cursor, feed.batch_to, feed.dead) == (turn * 5 - 5, turn * 5, {}), name
            assert len(feed.errors) == 1, name
            assert await drain.step() == 0.0, name
            assert (feed.cursor, feed.errors, line.effects()) == (turn * 5, [], turn * 5 - 2), name


async def test_p8_f26_a_batch_that_is_too_large_is_split_until_it_fits(line: Line) -> None:
    line.front.script.extend([canned("413 Too Large"), canned("413 Too Large")])
    feed = MemoryFeed(rows(40))
    assert await drained(line.uplink(batch_max=40), feed) == []
    assert (feed.count, feed.dead, line.effects()) == (40, {}, 38)
    assert len(line.front.seen) == 2 + 4  # tens, and they stay tens


async def test_a_size_that_was_cut_grows_again_when_batches_get_through(line: Line) -> None:
    line.front.script.extend([canned("413 Too Large")] * 5)  # 40 → 20 → 10 → 5 → 2 → 1
    feed = MemoryFeed(rows(200))
    assert await drained(line.uplink(batch_max=40), feed) == []
    assert (feed.count, feed.dead) == (200, {})
    assert len(line.front.seen) == 5 + 4 * 8 + 5  # of 1, 2, 4 and 8, then of 16 what is left


async def test_a_single_record_is_given_up_as_too_large_only_by_the_district(line: Line) -> None:
    feed = MemoryFeed(rows(2))
    line.front.script.extend(
        [canned("413 Too Large"), canned("413 Too Large"), refusal("413 Too Large", "too_large")]
    )
    assert len(await drained(line.uplink(), feed)) == 1
    assert feed.dead == {1: "too_large here"}


def poisoned(seq: int) -> Change:
    return Change(seq, "interval", "bad", 1, json.dumps(campus.slot(METER, 1) | {"share": 7}).encode())


@pytest.mark.parametrize("poison_at", [3, 27, 64])
async def test_p8_f26_a_poison_record_is_put_aside_and_the_rest_flows(line: Line, poison_at: int) -> None:
    changes = rows(64)
    changes[poison_at - 1] = Change(poison_at, "interval", "torn", 1, b'{"kind":"interv')
    feed = MemoryFeed(changes)
    assert await drained(line.uplink(batch_max=64), feed) == []
    assert list(feed.dead) == [poison_at]
    assert (feed.cursor, feed.count, line.effects()) == (64, 63, 61)
    assert len(line.front.seen) <= 21  # 2 · log2(64) and each refusal asked again as gzip, not 64


async def test_p8_what_the_district_names_is_put_aside_without_a_search(line: Line) -> None:
    bad = (3, 10, 11, 12, 40, 64)
    changes = [poisoned(row.seq) if row.seq in bad else row for row in rows(64)]
    feed = MemoryFeed(changes)
    assert await drained(line.uplink(batch_max=64), feed) == []
    assert tuple(feed.dead) == bad
    assert all("share" in reason for reason in feed.dead.values())
    assert (feed.cursor, feed.count, line.effects()) == (64, 58, 56)
    assert len(line.front.seen) <= 6  # the whole, once more as gzip at the most, and four good stretches


async def test_names_are_no_longer_believed_after_trouble(line: Line) -> None:
    changes = [poisoned(row.seq) if row.seq == 30 else row for row in rows(40)]
    feed = MemoryFeed(changes)
    async with draining(line.uplink(batch_max=40), feed) as drain:
        await drain.step()  # the 30th is named
        line.front.script.append(LOSE_REPLY)
        feed.changes[29] = row(30, campus.slot(METER, 99))
        for _ in range(5):
            await drain.step()
    assert (feed.cursor, feed.dead, line.effects()) == (40, {}, 38)


async def test_stored_bytes_that_are_no_json_are_put_aside_too(line: Line) -> None:
    changes = rows(16)
    changes[9] = Change(10, "interval", "torn", 1, b'{"kind":"interv')
    feed = MemoryFeed(changes)
    await drained(line.uplink(), feed)
    assert (list(feed.dead), line.effects()) == ([10], 13)


async def test_a_record_refused_in_a_receipt_becomes_a_dead_letter(line: Line) -> None:
    feed = MemoryFeed([*rows(5), row(6, campus.slot("ghost.energy", 0)), row(7, campus.slot(METER, 9))])
    await drained(line.uplink(), feed)
    assert feed.dead == {6: "point ghost.energy was never described"}
    assert (feed.count, feed.cursor, line.effects()) == (6, 7, 4)


async def test_a_batch_all_of_whose_records_are_refused_goes_on(line: Line) -> None:
    ghosts = [row(seq, campus.slot(f"{'幽灵' * 20}.energy", seq)) for seq in range(3, 1003)]
    feed = MemoryFeed([*rows(2), *ghosts])
    assert await drained(line.uplink(batch_max=5000), feed) == []
    assert (feed.cursor, len(feed.dead)) == (1002, 1000)


async def test_a_restart_in_the_middle_sends_the_same_stretch(line: Line) -> None:
    line.front.script.append(LOSE_REPLY)
    feed = MemoryFeed(rows(20))
    async with draining(line.uplink(batch_max=20), feed) as drain:
        await drain.step()
    feed.changes += [row(seq, campus.slot(METER, seq)) for seq in range(21, 31)]
    await drained(line.uplink(batch_max=7), feed)  # also with another size than before
    assert line.front.seen[0] == line.front.seen[1]
    assert (feed.cursor, line.effects()) == (30, 28)


async def test_a_boundary_that_was_lost_heals_by_cutting_where_the_district_says(line: Line) -> None:
    feed = MemoryFeed(rows(30))
    async with draining(line.uplink(batch_max=10), feed) as drain:
        await drain.step()
        await drain.step()
    feed.place = Place(5)
    assert await drained(line.uplink(batch_max=100), feed) == []
    assert (feed.cursor, line.effects()) == (30, 28)


async def test_what_the_filter_holds_back_moves_the_cursor_by_itself(line: Line) -> None:
    feed = MemoryFeed(rows(40))
    uplink = line.uplink(batch_max=10, only=UplinkFilter(quantities=("air",)))
    await drained(uplink, feed)
    assert (feed.cursor, feed.count, line.effects()) == (40, 2, 0)
    assert len(line.front.seen) == 1


async def test_an_unreadable_token_file_is_said_and_heals(line: Line) -> None:
    feed = MemoryFeed(rows(5))
    key = line.token_file.read_text()
    line.token_file.unlink()
    async with draining(line.uplink(), feed) as drain:
        assert await drain.step()
        assert feed.errors[0].startswith("token: cannot read the token file")
        assert line.front.seen == []
        line.token_file.write_text(key)
        assert await drain.step() == 0.0
    assert feed.cursor == 5


async def test_trouble_is_said_once_and_recovery_once(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    structlog.configure(
        logger_factory=structlog.stdlib.LoggerFactory(), wrapper_class=structlog.stdlib.BoundLogger
    )
    try:
        line.front.script.extend([PORTAL, PORTAL, PORTAL, canned("500 Oops")])
        with caplog.at_level(logging.DEBUG):
            await drained(line.uplink(), MemoryFeed(rows(5)))
    finally:
        structlog.reset_defaults()
    levels = [record.levelname for record in caplog.records if "uplink" in record.getMessage()]
    assert levels == ["WARNING", "DEBUG", "DEBUG", "WARNING", "INFO"]
    first = next(record.getMessage() for record in caplog.records if "uplink failed" in record.getMessage())
    assert line.front.url in first
    assert "check the url" in first


async def test_f28_a_fenced_gateway_keeps_all_tells_staff_once_and_makes_no_storm(line: Line) -> None:
    fenced = refusal("409 Conflict", "fenced")
    line.front.script.extend([fenced, fenced, fenced])
    feed = MemoryFeed(rows(20))
    waits = await drained(line.uplink(), feed)
    assert waits == [3600.0] * 3
    assert feed.fences == [True, False]
    assert (feed.count, feed.dead, line.effects()) == (20, {}, 18)


async def test_a_store_that_fails_is_not_swallowed(line: Line) -> None:
    class BrokenFeed(MemoryFeed):
        async def begin(self, uplink: str, leg: Leg, content: Content | None = None) -> bool:
            raise StoreError("disk")

    with pytest.raises(StoreError):
        await drained(line.uplink(), BrokenFeed(rows(5)))
    assert line.front.seen == []  # the boundary is on the disk before anything is sent


async def until(done: asyncio.Event, task: asyncio.Task[None]) -> None:
    """Wait for ``done``, then end the loop; what it failed with comes out."""
    waiting = asyncio.ensure_future(done.wait())
    await asyncio.wait([waiting, task], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if task.done():
        await task
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_the_loop_waits_its_turn_then_drains_without_waiting(line: Line) -> None:
    feed, clock = MemoryFeed(rows(60)), SelfMovingClock(limit=1)
    await until(feed.done, asyncio.create_task(running(line.uplink(batch_max=10), feed, clock)))
    assert (feed.cursor, line.effects()) == (60, 58)
    assert len(clock.slept) == 1
    assert 0 <= clock.slept[0] <= 40


async def test_what_cannot_wait_is_sent_at_once(line: Line) -> None:
    feed, clock, wake = MemoryFeed(rows(5)), SelfMovingClock(limit=0), asyncio.Event()
    task = asyncio.create_task(running(line.uplink(), feed, clock, wake))
    wake.set()  # the clock stands still: only this can start it
    await asyncio.wait_for(feed.done.wait(), 60)
    feed.done.clear()
    feed.changes.append(row(6, campus.event()))
    wake.set()
    await until(feed.done, task)
    assert line.rows("SELECT event_id FROM event") == [("e1",)]


async def test_a_district_that_comes_back_gets_everything_once(
    tmp_path: Path, key: str, token_file: Path
) -> None:
    """Down at the start, up for a while, down in the middle, up again on the same database."""
    database, feed = tmp_path / "district.db", MemoryFeed(rows(60))
    async with AsyncExitStack() as stack:
        front = await stack.enter_async_context(standing(Front(upstream=1)))
        uplink = HttpUplink(
            id="d", kind="district-http", url=front.url, token_file=str(token_file), batch_max=10
        )
        clock = SelfMovingClock()
        task = asyncio.create_task(running(uplink, feed, clock))
        while not feed.errors:
            await asyncio.sleep(0)
        for stop_at in (30, 60):
            with closing(Service(database, clock)) as service, closing(listen("127.0.0.1", 0)) as listener:
                async with serving(create_app(service), listener):
                    front.upstream = listener.getsockname()[1]
                    while feed.cursor < stop_at:
                        await asyncio.sleep(0)
                        assert not task.done()
                front.upstream = 1
        await until(feed.done, task)
    line = Line(database, token_file, front)
    assert (feed.cursor, feed.dead, line.effects()) == (60, {}, 58)


NETWORK = st.lists(
    st.sampled_from([PASS, LOSE_REPLY, *KEEPERS.values(), canned("413 Too Large")]), max_size=14
)


@settings(max_examples=10, deadline=None)
@given(script=NETWORK, size=st.integers(1, 40), restarts=st.integers(0, 3))
def test_any_network_leaves_each_change_with_one_effect(
    tmp_path_factory: pytest.TempPathFactory, script: list[bytes], size: int, restarts: int
) -> None:
    async def run() -> None:
        folder = tmp_path_factory.mktemp("any")
        database, token = folder / "district.db", folder / "key"
        token.write_text(campus.enrolled(database))
        feed = MemoryFeed(rows(40))
        with (
            closing(Service(database, SelfMovingClock())) as service,
            closing(listen("127.0.0.1", 0)) as listener,
        ):
            async with (
                serving(create_app(service), listener),
                standing(Front(listener.getsockname()[1])) as front,
            ):
                front.script.extend(script)
                line = Line(database, token, front)
                for _ in range(restarts):
                    async with draining(line.uplink(batch_max=size), feed) as drain:
                        await drain.step()
                await drained(line.uplink(batch_max=size), feed, steps_max=400)
                assert (feed.cursor, feed.count, feed.dead, line.effects()) == (40, 40, {}, 38)

    asyncio.run(run())
