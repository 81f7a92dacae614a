"""The whole door under a clock that jumps: acknowledged while in doubt, dated when it is over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

from edge_config.site import LoadedSite
from gateway.door.ingest import Door
from gateway.metrics import CLOCK_IN_DOUBT, health_of
from gateway.model import Readings
from gateway.points import build_points
from gateway.store.database import open_reader
from runtime.clock import SystemClock

YEAR_MS = 365 * 86_400_000


class Skewed(SystemClock):
    """The system's clock, wrong by so much."""

    def __init__(self, error_ms: int = 0) -> None:
        super().__init__()
        self.error_ms = error_ms

    def now_ms(self) -> int:
        return super().now_ms() + self.error_ms


@asynccontextmanager
async def running(site: LoadedSite, clock: Skewed) -> AsyncIterator[Door]:
    async with Door(site, build_points(site), clock) as door:
        task = asyncio.create_task(door.run())
        try:
            yield door
        finally:
            door.close()
            await task


async def accepted(door: Door, ppm: float) -> int:
    """Offer a reading stamped now and wait for its acknowledgement; the stamp."""
    done, at = asyncio.Event(), door.clock.now_ms()
    await door.offer([Readings(("air.co2",), at, at, [ppm])], done.set)
    door.hurry()
    await done.wait()
    return at


def rows(site: LoadedSite, sql: str) -> list[tuple[object, ...]]:
    with closing(open_reader(site.buffer_path)) as reader:
        return reader.execute(sql).fetchall()


async def test_a_reading_accepted_in_doubt_is_committed_and_gets_its_time_later(site: LoadedSite) -> None:
    clock = Skewed()
    before = clock.now_ms()
    async with running(site, clock) as door:
        await accepted(door, 500.0)
        clock.error_ms = 10 * YEAR_MS
        assert await accepted(door, 600.0) < 0
        assert rows(site, "SELECT value, count(*) FROM unsynced") == [(600, 1)]
        assert health_of(door, clock).problems == (CLOCK_IN_DOUBT,)
        clock.error_ms = 0
        await accepted(door, 700.0)
        async with asyncio.timeout(30):
            while rows(site, "SELECT 1 FROM unsynced"):
                await door.execute(lambda connection, _: None)
        assert health_of(door, clock).problems == ()
        assert door.figures.accepted == 3
    found = rows(site, "SELECT value, measured_at, quality FROM reading ORDER BY measured_at")
    assert [(value, quality) for value, _, quality in found] == [(500, 0), (600, 0), (700, 0)]
    assert all(before <= int(str(at)) <= clock.now_ms() for _, at, _ in found)


async def test_a_restart_in_doubt_goes_on_where_it_was(site: LoadedSite) -> None:
    clock = Skewed()
    clock.error_ms = -clock.now_ms()
    async with running(site, clock) as door:
        await accepted(door, 600.0)
    async with running(site, clock) as door:
        await accepted(door, 601.0)
        clock.error_ms = 0
        await accepted(door, 602.0)
    async with running(site, clock) as door:
        await accepted(door, 603.0)
    assert rows(site, "SELECT value FROM reading ORDER BY measured_at") == [(600,), (601,), (602,), (603,)]
    assert rows(site, "SELECT count(*) FROM unsynced") == [(0,)]


async def test_a_step_back_makes_bad_what_was_stamped_ahead_and_ingest_goes_on(site: LoadedSite) -> None:
    clock = Skewed(error_ms=3_600_000)
    async with running(site, clock) as door:
        await accepted(door, 500.0)
        clock.error_ms = 0
        for ppm in (600.0, 601.0, 602.0):
            await accepted(door, ppm)
    found = rows(site, "SELECT value, quality, reason FROM reading ORDER BY value")
    assert found[0] == (500, 2, "clock_step")
    assert [row[1] for row in found[1:]] == [0] * (len(found) - 1)
    assert rows(site, "SELECT state FROM event WHERE kind = 'clock_step'") == [("closed",)]
