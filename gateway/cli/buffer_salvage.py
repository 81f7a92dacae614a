"""A salvage without a collector: the command holds the buffer's lock and is its writer for as long as it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge_config.site import LoadedSite


async def salvage_offline(site: LoadedSite, file: Path, shown: Callable[[int, int], None]) -> dict[str, Any]:
    """Bring one file's rows; a file that waited for it gets its new name."""
    from gateway.door.ingest import Door
    from gateway.points import build_points
    from gateway.recovery.salvaging import salvage
    from gateway.store.aside import finish, waiting
    from runtime.clock import SystemClock

    clock = SystemClock()
    async with Door(site, build_points(site), clock) as door:
        writer = asyncio.create_task(door.run())
        try:
            found = await salvage(site, door, clock, file, lambda done: shown(done, 0))
        finally:
            door.close()
            await writer
    if file in waiting(site.buffer_path):
        finish(site.buffer_path, file)
    return {"counts": found.counts, "lost": found.lost}
