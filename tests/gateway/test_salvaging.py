"""P18: a damaged buffer is set aside, ingest goes on at once, and what the old file still proves comes back."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from gateway.delivery import run as delivery
from gateway.door import ingest
from gateway.door.ingest import Door
from gateway.errors import DamagedBufferError
from gateway.points import build_points
from gateway.recovery.salvaging import salvage, salvage_waiting
from gateway.store.aside import waiting
from gateway.uplinks.kinds import Speaker
from tests.store import damaged
from tests.store.damaged import History


@pytest.fixture(autouse=True)
def _retry_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "RETRY_S", 0.0)


@pytest.fixture
async def history(tmp_path: Path) -> History:
    return await damaged.begun(tmp_path / "whole", 240)


async def renewed(history: History, door: Door) -> None:
    """As a reader that met a damaged page would have it."""
    await door.suspect(DamagedBufferError("a page cannot be read"))


async def test_p18_ingest_is_back_within_ten_seconds_and_nothing_of_a_whole_file_is_lost(
    history: History,
) -> None:
    path = history.site.buffer_path
    before = damaged.rows_of(
        path, "SELECT point_id, period, start, steps, mean, revision FROM interval ORDER BY 1, 2, 3"
    )
    undelivered = {
        row[0]
        for row in damaged.rows_of(path, "SELECT key FROM change WHERE seq > (SELECT cursor FROM uplink)")
    }
    async with Door(history.site, build_points(history.site), history.clock) as door:
        writer = asyncio.create_task(door.run())
        epoch, began = door.epoch, history.clock.monotonic_s()
        await renewed(history, door)
        assert door.epoch != epoch
        await history.live(door, 1)
        assert history.clock.monotonic_s() - began <= 70  # of which the reading's own minute is 60
        door.set_aside.set()
        salvaging = asyncio.create_task(salvage_waiting(history.site, door, history.clock))
        async with asyncio.timeout(60):
            while waiting(path):
                await asyncio.sleep(0.01)
        salvaging.cancel()
        await asyncio.gather(salvaging, return_exceptions=True)
        await history.live(door, 20)
        door.close()
        await writer
    after = damaged.rows_of(
        path, "SELECT point_id, period, start, steps, mean, revision FROM interval ORDER BY 1, 2, 3"
    )
    assert set(before) <= set(after)
    assert undelivered <= {row[0] for row in damaged.rows_of(path, "SELECT key FROM change")}
    assert len(damaged.rows_of(path, "SELECT 1 FROM reading")) == len(history.offered)
    assert damaged.rows_of(path, "SELECT count(*) FROM gap") == [(0,)]
    kinds = {row[0] for row in damaged.rows_of(path, "SELECT kind FROM event")}
    assert {"buffer_damaged", "buffer_salvaged"} <= kinds


async def test_an_open_slot_goes_on_across_the_change_of_files(history: History) -> None:
    """The quarter-hour in which the file was given up is measured like every other."""
    async with Door(history.site, build_points(history.site), history.clock) as door:
        writer = asyncio.create_task(door.run())
        await renewed(history, door)
        await history.live(door, 40)
        door.close()
        await writer
    contents = damaged.rows_of(
        history.site.buffer_path,
        "SELECT DISTINCT content FROM interval WHERE period = '15min' AND revision = 1",
    )
    assert contents == [("measured",)]


async def test_a_salvage_that_is_begun_again_brings_nothing_twice(history: History) -> None:
    async with Door(history.site, build_points(history.site), history.clock) as door:
        writer = asyncio.create_task(door.run())
        await renewed(history, door)
        aside = waiting(history.site.buffer_path)[0]
        first = await salvage(history.site, door, history.clock, aside)
        again = await salvage(history.site, door, history.clock, aside)
        door.close()
        await writer
    assert first.counts["reading"] > 0
    assert "reading" not in again.counts
    assert "interval" not in again.counts
    rows = damaged.rows_of(history.site.buffer_path, "SELECT count(*) FROM reading")
    assert rows == [(len(history.offered),)]


async def test_uplinks_begin_again_under_the_new_epoch(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    epochs: asyncio.Queue[str] = asyncio.Queue()

    async def run(uplink: object, speaker: Speaker, feed: object, wake: object) -> None:
        await epochs.put(speaker.identity.epoch)
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(delivery, "_run", run)
    uplink = history.site.file.uplinks[0].model_copy(update={"enabled": True})
    site = history.site
    enabled = type(site)(
        site.file.model_copy(update={"uplinks": (uplink,)}),
        site.folder,
        site.path,
        site.profiles,
        site.limits,
    )
    async with Door(enabled, build_points(enabled), history.clock) as door:
        writer = asyncio.create_task(door.run())
        delivering = asyncio.create_task(delivery.deliver(enabled, door, history.clock))
        first = await asyncio.wait_for(epochs.get(), 30)
        await renewed(history, door)
        second = await asyncio.wait_for(epochs.get(), 30)
        assert (first != second, second) == (True, door.epoch)
        delivering.cancel()
        await asyncio.gather(delivering, return_exceptions=True)
        door.close()
        await writer


async def test_f12_noise_written_over_a_buffer_in_use_is_found_by_the_scrub(history: History) -> None:
    """By another process: this one must not close a descriptor of the file it has locks on."""
    path = history.site.buffer_path
    async with Door(history.site, build_points(history.site), history.clock) as door:
        writer = asyncio.create_task(door.run())
        epoch = door.epoch
        scrubbing = asyncio.create_task(delivery.scrub(path, door, history.clock))
        noise = [
            "dd",
            "if=/dev/urandom",
            f"of={path}",
            "bs=4096",
            "seek=5",
            "count=20",
            "conv=notrunc",
            "status=none",
        ]
        await asyncio.to_thread(subprocess.run, noise, check=True)
        async with asyncio.timeout(60):
            await door.renewed.wait()
        assert door.epoch != epoch
        scrubbing.cancel()
        await asyncio.gather(scrubbing, return_exceptions=True)
        await history.live(door, 20)
        for aside in waiting(path):
            await salvage(history.site, door, history.clock, aside)
        door.close()
        await writer
    found = await damaged.lived_through(history)
    assert damaged.wrong_values(history, found) == []
    assert damaged.silently_lost(history, found) == []
