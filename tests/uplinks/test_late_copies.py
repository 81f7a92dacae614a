"""F24, P6, S14: copies of what a gateway sent, kept by something on the way and let go after newer ones, or in another order.

The bytes are those the shipped uplink put on the wire, signature and all; the district is the shipped one on a real port.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import Any

from gateway.model import Change
from gateway.uplinks.district_http import DistrictHttp, DistrictSender
from gateway.uplinks.drain import Drain
from tests.district import campus
from tests.district.campus import METER, NOW
from tests.uplinks.conftest import IDENTITY, Line
from tests.uplinks.front import Front, canned
from tests.uplinks.memory import MemoryFeed, SelfMovingClock, row
from tests.uplinks.test_drain import drained, draining

BATCH = 4


def history() -> list[Change]:
    """A school, a meter, and the same slots and event again with higher revisions and other figures, batch by batch."""
    slots = [campus.slot(METER, n, 1.0) for n in range(2)]
    revised = [campus.slot(METER, n, 5.0 + n, content="estimated") for n in range(2)]
    missing = [campus.slot(METER, 0, None)]
    opened, closed = campus.event(), campus.event(state="closed", end=NOW)
    bodies = [
        (campus.site("旧名"), 1), (campus.point(METER, label_zh="旧表"), 1), (slots[0], 1), (slots[1], 1),
        (opened, 1), (revised[0], 2), (campus.site("新名"), 2), (campus.point(METER, label_zh="新表"), 2),
        (closed, 2), (revised[1], 2), (missing[0], 3), (campus.slot(METER, 3, 0.5), 1),
    ]  # fmt: skip
    return [row(seq, body, revision) for seq, (body, revision) in enumerate(bodies, 1)]


def told(line: Line) -> dict[str, list[Any]]:
    """All that the district holds, table by table."""
    with closing(sqlite3.connect(line.database)) as connection:
        names = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
        ).fetchall()
        found = {name: sorted(map(repr, connection.execute(f'SELECT * FROM "{name}"'))) for (name,) in names}
        columns = [column[1] for column in connection.execute("PRAGMA table_info(gateway)")]
        kept = ", ".join(column for column in columns if column != "contact_at")
        found["gateway"] = connection.execute(f"SELECT {kept} FROM gateway").fetchall()
    return found


async def arrives(line: Line, request: bytes) -> dict[str, Any]:
    """A copy that something on the way lets go: the district's answer to it."""
    reply = await Front(line.front.upstream)._forward(request)
    head, _, body = reply.partition(b"\r\n\r\n")
    return {"status": int(head.split()[1]), **json.loads(body)}


async def test_f24_late_copies_of_old_batches_have_no_effect_whatever_came_since(line: Line) -> None:
    feed = MemoryFeed(history())
    await drained(line.uplink(batch_max=BATCH), feed)
    sent = list(line.front.seen)
    assert len(sent) == 3
    before = told(line)
    assert line.rows("SELECT start, revision, value, content FROM interval ORDER BY start")[0][1:] == (
        3,
        None,
        "missing",
    )
    for request in (*sent, *reversed(sent), sent[0], sent[0]):
        answer = await arrives(line, request)
        assert (answer["status"], answer["duplicate"], answer["received"]) == (200, True, [[0, 12]])
        assert told(line) == before
    assert await asyncio.gather(*(arrives(line, request) for request in sent * 3))
    assert told(line) == before
    assert (feed.cursor, feed.count, feed.dead) == (12, 12, {})


def forget(line: Line) -> None:
    """The same district before it heard anything but who may speak."""
    with closing(sqlite3.connect(line.database)) as connection:
        for table in ("interval", "event", "point", "received", "batch", "slot", "rejected"):
            connection.execute(f"DELETE FROM {table}")
        connection.execute("UPDATE site SET name = '', revision = 0")
        connection.commit()


async def test_f24_batches_swapped_on_the_way_with_copies_between_end_in_the_same_state(line: Line) -> None:
    """The first batch describes the meter; the others arrive in any order."""
    feed = MemoryFeed(history())
    await drained(line.uplink(batch_max=3), feed)
    first, *others = line.front.seen
    assert len(others) == 3
    wanted = told(line)
    for order in itertools.permutations(others):
        forget(line)
        assert told(line) != wanted
        for request in (first, *order):
            await arrives(line, request)
            await arrives(line, first)
            await arrives(line, order[0])
        found = told(line)
        for table in ("interval", "event", "point", "received", "slot", "site"):
            assert found[table] == wanted[table], table


async def test_f24_a_late_copy_of_an_epoch_that_has_ended_is_refused_and_changes_nothing(line: Line) -> None:
    await drained(line.uplink(batch_max=BATCH), MemoryFeed(history()[:BATCH]))
    (old,) = line.front.seen
    clock, section = SelfMovingClock(), line.uplink()
    async with DistrictHttp(section.url, section.token_file) as wire:
        sender = DistrictSender(wire, replace(IDENTITY, epoch="e-2"), clock)
        assert await Drain(section, MemoryFeed(history()), sender, clock).step() == 0.0
    before = told(line)
    answer = await arrives(line, old)
    after = told(line)
    assert (answer["status"], answer["error"]) == (409, "fenced")
    assert {table for table, rows in after.items() if before[table] != rows} == {"incident"}


async def test_f24_a_copy_that_overtakes_its_own_answer_leaves_the_cursor_where_the_answer_puts_it(
    line: Line,
) -> None:
    """The copy is taken first; what the gateway then sends itself is the duplicate, and its receipt is as good."""
    feed = MemoryFeed(history())
    async with draining(line.uplink(batch_max=BATCH), feed) as drain:
        line.front.script.append(canned("503 Busy"))
        assert await drain.step()
        assert (await arrives(line, line.front.seen[0]))["duplicate"] is False
        before = told(line)
        assert await drain.step() == 0.0
        assert (feed.cursor, feed.count) == (BATCH, BATCH)
        assert told(line) == before
