"""The collector of ``backlog`` as a process: what ``campus-gateway collect`` runs, and what that command has loaded besides.

Arguments: folder, ports of the meters, the district and our health page, buses, units a bus, poll and commit interval in s,
clock's rate and start.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from devices.profile import ModbusProfile, parse
from edge_config.schema import SiteFile
from edge_config.site import LoadedSite
from gateway.app import collect
from gateway.cli import main, sites
from runtime import logs
from runtime.clock import SystemClock, parse_setting
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
    folder: Path, ports: tuple[int, int, int], size: tuple[int, int, float], commit_s: float
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


def run(arguments: Sequence[str]) -> None:
    folder, port, district_port, health_port, buses, units, interval_s, commit_s, rate, start = arguments
    logs.configure("collector")
    ports = int(port), int(district_port), int(health_port)
    size = int(buses), int(units), float(interval_s)
    loaded = site(Path(folder), ports, size, float(commit_s))
    clock = SystemClock(parse_setting(float(rate), start or None).anchored())

    async def until_stopped() -> None:
        await collect(loaded, clock, stop_event())

    asyncio.run(until_stopped())


if __name__ == "__main__":
    run(sys.argv[1:])
