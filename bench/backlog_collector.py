"""The collector of ``backlog`` as a process: what ``campus-gateway collect`` runs, and what that command has loaded besides.

Arguments: folder, ports of the meters, the district and our health page, buses, units a bus, poll and commit interval in s, and
when a paced clock starts; without one time is real.
"""

from __future__ import annotations

import asyncio
import heapq
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from devices.profile import ModbusProfile, parse
from edge_config.schema import SiteFile
from edge_config.site import LoadedSite
from gateway import app
from gateway.cli import main, sites
from gateway.door.ingest import Door
from gateway.model import Readings
from runtime import logs
from runtime.clock import SystemClock
from runtime.stop import stop_event

LOADED_BY_THE_COMMAND = (main, sites)
GAUGES = COUNTERS = 10
POINTS = GAUGES + COUNTERS

PROFILE_HEAD = """
profile: bench-mixed
maker: {en: bench}
models: [bench]
title: {en: bench}
source: bench
wire: modbus
examples: [{name: one, registers: {0: [17224, 0]}, readings: {g0: 200}}]
points:
"""


def profile() -> ModbusProfile:
    gauges = [
        f"  g{index}: {{quantity: voltage, address: {2 * index}, type: f32, step: 0.01, range: [0, 500]}}\n"
        for index in range(GAUGES)
    ]
    counters = [
        f"  c{index}: {{quantity: active_energy_import, address: {2 * (GAUGES + index)}, type: u32, scale: 0.01}}\n"
        for index in range(COUNTERS)
    ]
    found = parse(PROFILE_HEAD + "".join(gauges + counters))
    assert isinstance(found, ModbusProfile)
    return found


def site(
    folder: Path, ports: tuple[int, int, int], size: tuple[int, int, int], commit_s: float
) -> LoadedSite:
    """Meters of twenty points each, and one district; ``size`` is buses, meters on each and seconds between polls."""
    port, district_port, health_port = ports
    buses, units, interval_s = size
    devices = [
        {"id": f"m{bus}-{unit}", "profile": "bench-mixed", "bus": f"b{bus}", "unit_id": unit + 1,
         "poll_interval_s": interval_s}
        for bus in range(buses)
        for unit in range(units)
    ]  # fmt: skip
    file = SiteFile.model_validate(
        {
            "site": {"id": "bench", "name": "bench"},
            "gateway": {"id": "gw-1"},
            "buses": [
                {"id": f"b{bus}", "kind": "modbus-tcp", "host": "127.0.0.1", "port": port}
                for bus in range(buses)
            ],
            "devices": devices,
            "buffer": {"path": "buffer.db", "commit_interval_s": commit_s},
            "collector": {"port": health_port},
            "uplinks": [
                {"id": "district", "kind": "district-http", "url": f"http://127.0.0.1:{district_port}/v1",
                 "token_file": "token"}
            ],
        }
    )  # fmt: skip
    return LoadedSite(file, folder, folder / "site.yaml", {"bench-mixed": profile()})


class PacedClock:
    """A ``Clock`` that stands still until it is told to go on: no reading is missed for want of CPU."""

    def __init__(self, start_ms: int) -> None:
        self._start_ms, self._passed_s = start_ms, 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._slept = 0

    def now_ms(self) -> int:
        return self._start_ms + round(self._passed_s * 1000)

    def monotonic_s(self) -> float:
        return self._passed_s

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._slept += 1
        heapq.heappush(self._sleepers, (self._passed_s + seconds, self._slept, woken))
        await woken

    def advance(self, seconds: float) -> None:
        self._passed_s += seconds
        while self._sleepers and self._sleepers[0][0] <= self._passed_s:
            woken = heapq.heappop(self._sleepers)[2]
            if not woken.done():
                woken.set_result(None)


class CountingDoor(Door):
    """The door, and how many readings have come to it."""

    running: ClassVar[CountingDoor]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.offered = 0
        CountingDoor.running = self

    async def offer(self, groups: Sequence[Readings], accepted: Callable[[], None] | None = None) -> None:
        await super().offer(groups, accepted)
        self.offered += sum(len(group.values) for group in groups)


async def pace(clock: PacedClock, points: int, interval_s: int) -> None:
    """From tick to tick, each when all points of the one before have come, or after a real second."""
    while True:
        door = CountingDoor.running
        due, ends_s = door.offered + points, time.monotonic() + 1
        for _ in range(interval_s):
            clock.advance(1)
            await asyncio.sleep(0)
        while door.offered < due and time.monotonic() < ends_s:  # noqa: ASYNC110 - as in ``modbus_poll``
            await asyncio.sleep(0.0005)


def run(arguments: Sequence[str]) -> None:
    folder, port, district_port, health_port, buses, units, interval_s, commit_s, start_ms = arguments
    logs.configure("collector")
    ports, size = (int(port), int(district_port), int(health_port)), (int(buses), int(units), int(interval_s))
    loaded = site(Path(folder), ports, size, float(commit_s))
    paced = PacedClock(int(start_ms)) if start_ms else None

    async def until_stopped() -> None:
        stop = stop_event()
        collecting = asyncio.ensure_future(app.collect(loaded, paced or SystemClock(), stop))
        if paced is not None:
            await asyncio.sleep(1)  # the first poll comes before the clock moves
            pacing = asyncio.ensure_future(pace(paced, size[0] * size[1] * POINTS, size[2]))
            await stop.wait()
            pacing.cancel()
        await collecting

    app.Door = CountingDoor  # type: ignore[attr-defined]  # the collector as it is, but for a count
    asyncio.run(until_stopped())


if __name__ == "__main__":
    run(sys.argv[1:])
