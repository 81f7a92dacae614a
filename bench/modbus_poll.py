"""Modbus: poll → decode → validate → commit as shipped, beside a bare aligned pymodbus loop that does the same reads.

Fifty meters on ten connections, twenty 32-bit floats each in one block, five polls a second; the meters are another process.
The bare loop reads the registers of a connection back to back, all connections at once, and does nothing with them.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from bench import child
from bench.child import Meter
from bench.measure import RUNS
from bench.modbus_bare import BUSES, INTERVAL_S, PER_TICK, POINTS, TICKS, UNITS, WARM_UP_TICKS
from devices.profile import ModbusProfile, parse
from edge_config.schema import SiteFile
from edge_config.site import LoadedSite
from gateway.door.ingest import Door
from gateway.points import build_points
from gateway.sources.poll import build_bus, run_bus
from runtime import memory
from runtime.clock import SystemClock

GOAL = 1.5

PROFILE_HEAD = """
profile: bench-meter
maker: {en: bench}
models: [bench]
title: {en: bench}
source: bench
wire: modbus
examples: [{name: one, registers: {0: [17224, 0]}, readings: {p0: 200}}]
points:
"""


def profile() -> ModbusProfile:
    points = [
        f"  p{index}: {{quantity: voltage, address: {2 * index}, type: f32, step: 0.01, range: [0, 500]}}\n"
        for index in range(POINTS)
    ]
    found = parse(PROFILE_HEAD + "".join(points))
    assert isinstance(found, ModbusProfile)
    return found


def site(folder: Path, port: int) -> LoadedSite:
    buses = [
        {"id": f"b{bus}", "kind": "modbus-tcp", "host": "127.0.0.1", "port": port} for bus in range(BUSES)
    ]
    devices = [
        {
            "id": f"m{bus}-{unit}",
            "profile": "bench-meter",
            "bus": f"b{bus}",
            "unit_id": unit + 1,
            "poll_interval_s": INTERVAL_S,
        }
        for bus in range(BUSES)
        for unit in range(UNITS)
    ]
    file = SiteFile.model_validate(
        {
            "site": {"id": "bench", "name": "bench"},
            "gateway": {"id": "gw-1"},
            "buses": buses,
            "devices": devices,
            "buffer": {"path": "buffer.db"},
        }
    )
    return LoadedSite(file, folder, folder / "site.yaml", {"bench-meter": profile()})


async def ours(port: int, ticks: int) -> None:
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as folder:
        loaded = site(Path(folder), port)
        async with Door(loaded, build_points(loaded), clock) as door:
            memory.settle()  # as the collector does
            writer = asyncio.ensure_future(door.run())
            polling = [
                asyncio.ensure_future(run_bus(bus, *build_bus(loaded, bus), door, clock))
                for bus in loaded.file.buses
            ]
            await _until(door, WARM_UP_TICKS * PER_TICK)
            meter, before = Meter(), door.figures.accepted
            await _until(door, before + ticks * PER_TICK)
            meter.report(door.figures.accepted - before)
            for task in polling:
                task.cancel()
            await asyncio.wait(polling)
            door.close()
            await writer


async def _until(door: Door, accepted: int) -> None:
    while door.figures.accepted < accepted:  # noqa: ASYNC110 - the door counts and tells nobody
        await asyncio.sleep(INTERVAL_S / 2)


def table(ticks: int = TICKS, runs: int = RUNS) -> str:
    """Both and their ratio."""
    server, port = child.start("bench.modbus_server")
    try:
        own, other = (child.median(who, port, str(ticks), runs=runs) for who in WORKS)
    finally:
        child.stop(server)
    title = f"Modbus, {BUSES * UNITS} meters × {POINTS} points, poll to COMMIT, beside a bare aligned pymodbus loop"
    return child.table(title, "CPU µs a point", own, other, GOAL)


WORKS = ("bench.modbus_poll", "bench.modbus_bare")

if __name__ == "__main__":
    asyncio.run(ours(int(sys.argv[1]), int(sys.argv[2])))
