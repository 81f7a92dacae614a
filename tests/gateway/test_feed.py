"""The feed's own connection: what it reads, and that it never holds a snapshot between two questions (F13)."""

from __future__ import annotations

import sqlite3

from edge_config.site import LoadedSite
from gateway.feed import BufferFeed
from gateway.ingest import Door
from gateway.points import build_points
from runtime.clock import SystemClock


async def test_no_snapshot_is_held_between_two_questions(site: LoadedSite) -> None:
    clock = SystemClock()
    async with (
        Door(site, build_points(site), clock) as door,
        BufferFeed(site.buffer_path, door, clock) as feed,
    ):
        assert await feed.head() > 0
        assert len(await feed.read(0, 3)) == 3
        await feed.state("district")
        assert await feed.quantities()
        writer = sqlite3.connect(site.buffer_path, isolation_level=None)
        writer.execute("CREATE TABLE waste (id INTEGER)")
        busy, *_ = writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        writer.close()
        assert busy == 0
