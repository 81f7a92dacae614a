from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from edge_config.site import LoadedSite
from runtime.clock import SystemClock
from simulators.errors import SimulatorError
from simulators.live import LiveOptions, run_live


async def test_a_password_file_that_cannot_be_read_is_named(school: LoadedSite, tmp_path: Path) -> None:
    options = LiveOptions(username="sim", password_file=tmp_path / "none")
    with pytest.raises(SimulatorError, match="none cannot be read: No such file"):
        await run_live(school, SystemClock(), options, asyncio.Event())


async def test_a_site_without_wires_runs_until_it_is_stopped(school: LoadedSite) -> None:
    file = school.file.model_copy(update={"buses": (), "brokers": (), "devices": (), "points": ()})
    site = replace(school, file=file)
    ready, stop = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(run_live(site, SystemClock(), LiveOptions(ready=ready), stop))
    await asyncio.wait_for(ready.wait(), 60)
    assert not task.done()
    stop.set()
    await asyncio.wait_for(task, 60)
