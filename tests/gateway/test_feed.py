"""The feed's own connection: what it reads, and that it never holds a snapshot between two questions (F13)."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import date

from edge_config.site import LoadedSite
from edge_config.uplinks import HttpUplink, UplinkFilter
from gateway.delivery.feed import BufferFeed, FeedReader
from gateway.delivery.run import with_paths
from gateway.door.ingest import Door
from gateway.model import Quality, Reading, groups_of
from gateway.points import build_points
from gateway.uplinks.feed import Latest
from runtime.clock import SystemClock
from tests.gateway.conftest import T0, ManualClock


def test_spaces_that_go_up_are_named_with_all_that_is_inside_them(site: LoadedSite) -> None:
    uplink = HttpUplink(id="d", kind="district-http", url="http://x/v1", only=UplinkFilter(spaces=("a",)))
    assert with_paths(site, uplink).only.spaces == ("a", "a-101")
    inner = uplink.model_copy(update={"only": UplinkFilter(spaces=("a-101",))})
    assert with_paths(site, inner).only.spaces == ("a-101",)
    assert with_paths(site, uplink.model_copy(update={"only": UplinkFilter()})).only.spaces is None


async def test_spaces_of_points_are_read_from_the_buffer(site: LoadedSite) -> None:
    async with Door(site, build_points(site), SystemClock()), FeedReader(site, SystemClock()) as feed:
        spaces = await feed.spaces()
    assert {spaces[name] for name in spaces if name.startswith("air.")} == {"a-101"}
    assert {spaces[name] for name in spaces if name.startswith("main-e.")} == {""}


async def test_no_snapshot_is_held_between_two_questions(site: LoadedSite) -> None:
    clock = SystemClock()
    async with (
        Door(site, build_points(site), clock) as door,
        BufferFeed(site, door, clock) as feed,
    ):
        assert await feed.head() > 0
        assert len(await feed.read(0, 3)) == 3
        await feed.state("district")
        assert await feed.quantities()
        assert (await feed.day(date(2025, 11, 23))).statement is None
        assert await feed.latest() == []
        writer = sqlite3.connect(site.buffer_path, isolation_level=None)
        writer.execute("CREATE TABLE waste (id INTEGER)")
        busy, *_ = writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        writer.close()
        assert busy == 0


async def test_the_newest_word_of_each_point_is_told_with_its_time_and_quality(site: LoadedSite) -> None:
    clock, done = ManualClock(), asyncio.Event()
    async with (
        Door(site, build_points(site), clock) as door,
        BufferFeed(site, door, clock) as feed,
    ):
        task = asyncio.create_task(door.run())
        assert await feed.latest() == []
        readings = [
            Reading("air.co2", T0, T0, 800.0),
            Reading("air.co2", T0 + 60_000, T0 + 60_000, 812.0),
            Reading("air.temperature", T0, T0, 21.5),
            Reading("air.humidity", T0, T0, None, Quality.BAD, "no_value"),
        ]
        clock.ms = T0 + 60_000
        await door.offer(groups_of(readings), done.set)
        door.hurry()
        await done.wait()
        assert {one.point: one for one in await feed.latest()} == {
            "air.co2": Latest("air.co2", T0 + 60_000, 812.0, Quality.GOOD, False),
            "air.temperature": Latest("air.temperature", T0, 21.5, Quality.GOOD, False),
            "air.humidity": Latest("air.humidity", T0, None, Quality.BAD, False),
        }
        clock.ms = T0 + 86_400_000
        assert not any(one.is_present for one in await feed.latest())
        door.close()
        await task
