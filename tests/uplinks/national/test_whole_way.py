"""From readings at the door to the centre's books: the shipped buffer, feed, kind and session, and a register that is known."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from gateway.delivery.feed import BufferFeed
from gateway.door.ingest import Door
from gateway.model import Readings
from gateway.points import build_points
from gateway.uplinks.feed import Identity
from gateway.uplinks.kinds import Speaker, sender_of
from gateway.uplinks.national.sender import NationalSender
from gateway.uplinks.present import speaking
from gateway.uplinks.sender import Stretch
from gateway.uplinks.verdict import Delivered
from runtime.clock import SystemClock
from simulators.centre import Centre, temper_of
from simulators.centre_words import Voice
from tests.uplinks.national.rig import METERS, QUARTER_MS, SECRET, ZONE, site_of, uplink_of

MINUTE_MS = 60_000
QUARTERS = 6


def register(pace: int, minute: int) -> Decimal:
    return Decimal(1000 * pace) + Decimal(minute * pace) / 10


def local(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone(ZONE).replace(tzinfo=None)


@pytest.mark.parametrize("dialect", ["mohurd", "shanghai"])
async def test_registers_read_each_minute_are_the_centre_s_consumption_by_the_quarter_hour(
    tmp_path: Path, dialect: str
) -> None:
    clock = SystemClock()
    start = clock.now_ms() // QUARTER_MS * QUARTER_MS - (QUARTERS + 1) * QUARTER_MS
    points = tuple(METERS)
    async with Centre(temper_of(dialect, SECRET), lambda: datetime.now(ZONE)) as centre:
        site = site_of(tmp_path, dialect, centre.port)
        async with (
            Door(site, build_points(site), clock) as door,
            BufferFeed(site, door, clock) as feed,
        ):
            running = asyncio.create_task(door.run())
            done = asyncio.Event()
            groups = [
                Readings(
                    points, at, at, [float(register(pace, minute)) for pace in range(1, len(points) + 1)]
                )
                for minute in range(QUARTERS * 15 + 2)
                for at in (start + minute * MINUTE_MS,)
            ]
            await door.offer(groups, done.set)
            await done.wait()
            changes = await feed.read(0, 5000)
            speaker = Speaker(Identity("school", "gw-1", feed.epoch), site, lambda: door.points, feed, clock)
            async with sender_of(uplink_of(site), speaker) as sender, speaking(sender):
                assert isinstance(sender, NationalSender)
                for low in range(0, len(changes), 5):
                    part = changes[low : low + 5]
                    verdict = await sender.send(Stretch(part[0].seq - 1, part[-1].seq, part))
                    assert verdict == Delivered(())
                if dialect == "mohurd":
                    await centre.ask(Voice.query)
                    while not centre.replies:
                        await asyncio.sleep(0)
            door.close()
            await running
    ends = [start + (index + 1) * QUARTER_MS for index in range(QUARTERS)]
    for pace, point in enumerate(points, 1):
        meter, function, _ = METERS[point]
        assert sorted(centre.ledger.registers[meter, function]) == [local(end) for end in ends]
        for low, high in pairwise(ends):
            told = centre.ledger.difference(meter, function, local(low), local(high))
            assert told == Decimal(15 * pace) / 10
        assert centre.ledger.registers[meter, function][local(ends[-1])].value == register(
            pace, QUARTERS * 15
        )
    assert (centre.ledger.repeated, centre.ledger.contradicted, centre.ledger.flagged) == (0, 0, 0)
    if dialect == "shanghai":
        paces = {"01000": [1], "01B00": [2, 3]}
        for code, wanted in paces.items():
            assert centre.ledger.energy[code] == {local(end): Decimal(15 * sum(wanted)) / 10 for end in ends}
    else:
        (reply,) = centre.replies
        values = {
            (meter.get("id"), function.get("id")): Decimal(function.text or "")
            for meter in reply.body.iter("meter")
            for function in meter.iter("function")
        }
        assert values[METERS[points[0]][:2]] == register(1, QUARTERS * 15 + 1)
