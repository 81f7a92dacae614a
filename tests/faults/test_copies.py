"""F14: somebody copies the buffer's files with ``cp`` while the collector writes them, and puts the copy into use."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.door import ingest
from gateway.door.ingest import Door
from gateway.points import build_points
from tests.gateway.conftest import small_site
from tests.store import damaged
from tests.store.damaged import UPLINK, History, SteppingClock

COPIES = 8

pytestmark = [pytest.mark.real("util-linux"), pytest.mark.timeout(600)]


async def cp(source: Path, target: Path) -> None:
    """All of it, in an order that nobody promises."""
    target.mkdir()
    names = [
        str(file) for file in source.iterdir() if file.name.startswith("buffer.db") and file.suffix != ".lock"
    ]
    copying = await asyncio.create_subprocess_exec("cp", *names, str(target))
    assert await copying.wait() in (0, 1)  # 1: a file went while it was copied


async def test_a_copy_of_a_buffer_in_use_gives_no_wrong_value_loses_none_in_silence_and_disturbs_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "RETRY_S", 0.0)
    history = await damaged.begun(tmp_path / "live", 60)
    copies: list[History] = []
    async with Door(history.site, build_points(history.site), history.clock) as door:
        writer = asyncio.create_task(door.run())
        for number in range(COPIES):
            accepted = dict(history.offered)
            folder = tmp_path / f"copy-{number}"
            copying = asyncio.create_task(cp(history.site.folder, folder))
            while not copying.done():
                await history.live(door, 2, batch=1)
            await copying
            copies.append(
                History(small_site(folder, uplinks=[UPLINK]), SteppingClock(history.clock.ms), accepted)
            )
        door.close()
        await writer
        assert door.figures.failures == 0
    whole = damaged.rows_of(history.site.buffer_path, "SELECT count(*) FROM reading")
    assert whole == [(len(history.offered),)]
    for copy in copies:
        accepted = dict(copy.offered)
        copy.offered.update(history.offered)  # what came while it was copied may be in it
        after = await damaged.lived_through(copy)
        assert damaged.wrong_values(copy, after) == []
        copy.offered = accepted
        assert damaged.silently_lost(copy, after) == []
