"""Run inside a mount namespace of its own: the shipped door on a small tmpfs that another file fills and leaves again (F7).

Prints one JSON object of what it saw. ``python full_disk.py FOLDER``."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from gateway.door.ingest import Door
from gateway.model import Reading, groups_of
from gateway.points import build_points
from gateway.store.database import open_reader
from gateway.store.space import Ballast
from runtime.clock import ClockSetting, SystemClock
from tests.gateway.conftest import small_site

RATE = 10.0
"""Ticks come every half second."""


async def until(condition: Callable[[], bool]) -> float:
    """Real seconds until it holds."""
    begun = asyncio.get_running_loop().time()
    async with asyncio.timeout(120):
        while not condition():
            await asyncio.sleep(0.01)
    return asyncio.get_running_loop().time() - begun


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


class Source:
    """Offers one reading after the other and keeps which were acknowledged."""

    def __init__(self, door: Door, clock: SystemClock) -> None:
        self._door, self._start = door, clock.now_ms() - 3_600_000
        self.acknowledged: set[int] = set()

    async def run(self) -> None:
        at = self._start
        while True:
            at += 100
            readings = [Reading("air.co2", at, at, 500.0), Reading("air.temperature", at, at, 20.0)]
            await self._door.offer(groups_of(readings), lambda at=at: self.acknowledged.add(at))  # type: ignore[misc]
            await asyncio.sleep(0.002)


async def scenario(folder: Path) -> dict[str, object]:
    site, clock = small_site(folder), SystemClock(ClockSetting(rate=RATE))
    ballast, filler = Ballast(site.buffer_path), folder / "others"
    async with Door(site, build_points(site), clock) as door:
        writer = asyncio.create_task(door.run())
        source = Source(door, clock)
        offering = asyncio.create_task(source.run())
        await until(lambda: len(source.acknowledged) > 100 and door.buffer.space is not None)
        made = ballast.is_there
        fill(filler)
        await until(lambda: door.buffer.is_full and door.figures.problem is None)
        failures, released = door.figures.failures, not ballast.is_there
        commits = door.figures.commits
        await until(lambda: door.figures.commits > commits)
        taken = len(source.acknowledged)
        await until(lambda: door.figures.commits > commits + 2)
        refused = len(source.acknowledged) == taken
        filler.unlink()
        resumed_s = await until(lambda: len(source.acknowledged) > taken)
        await until(lambda: ballast.is_there and door.buffer.unaccounted is not None)
        offering.cancel()
        await asyncio.gather(offering, return_exceptions=True)
        door.close()
        await writer
        figures = door.figures
    reader = open_reader(site.buffer_path)
    rows = {row[0] for row in reader.execute("SELECT measured_at FROM reading")}
    count = reader.execute("SELECT count(*) FROM reading").fetchone()[0]
    events = reader.execute("SELECT kind, state FROM event").fetchall()
    reader.close()
    return {
        "made": made, "failures": failures, "released": released, "refused": refused, "resumed_s": resumed_s,
        "lost": len(source.acknowledged - rows), "accepted": figures.accepted, "rows": count, "events": events,
        "unaccounted": door.buffer.unaccounted,
    }  # fmt: skip


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "buffer", str(folder)], check=True)
    print(json.dumps(asyncio.run(scenario(folder))))
