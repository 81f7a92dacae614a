"""A school with serial meters of several protocols, simulated on real lines and read by the gateway as shipped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devices import profile
from edge_config.schema import SiteFile, TcpBus
from edge_config.site import LoadedSite
from gateway.sources.poll import build_bus, run_bus
from simulators.buses import Buses
from simulators.campus import Campus
from simulators.frame_meter import FrameMeter
from simulators.meter_device import Fault
from tests.sources.fakes import LoopClock, Sink

NOW = 1_790_000_000_000
MAIN = {"id": "main", "profile": "dlt645-three-phase", "address": "000012345678", "ct_ratio": 40}
FLAT = {"id": "flat", "profile": "dlt645-single-phase", "address": "000000000016"}
WATER = {"id": "water", "profile": "cjt188-water", "address": "00000012345678"}
HEAT = {"id": "heat", "profile": "cjt188-heat", "address": "11110000000001"}
PUMP = {"id": "pump", "profile": "eastron-sdm630", "unit_id": 104}
"""Unit 104 is 68H, the byte meters' frames begin with."""


@dataclass
class Line:
    """The line at work: what is true, who answers, what was handed over."""

    campus: Campus
    buses: Buses
    sink: Sink

    def expected(self, device: str) -> dict[str, float]:
        return {point.name: point.shown(NOW) for point in self.campus.of(device)}

    def read(self, device: str) -> dict[str, float | None]:
        return {one.point: one.value for one in self.sink.readings if one.point.startswith(f"{device}.")}

    def meter(self, device: str) -> FrameMeter:
        return self.buses.frame_meters()[device]

    def has(self, device: str) -> bool:
        return self.read(device).keys() == self.expected(device).keys()


def school(folder: Path, bus: Mapping[str, Any], devices: Sequence[Mapping[str, Any]]) -> LoadedSite:
    file = SiteFile.model_validate(
        {
            "site": {"id": "s", "name": "学校"},
            "gateway": {"id": "gw-1"},
            "buses": [{"id": "line", **bus}],
            "devices": [{"bus": "line", "poll_interval_s": 0.3, **device} for device in devices],
        }
    )
    profiles = {device.profile: profile.load(device.profile) for device in file.devices}
    return LoadedSite(file, folder, folder / "s.yaml", profiles)


def serial(**more: Any) -> dict[str, Any]:
    """A line fast enough for a test, as meters want it otherwise."""
    return {"kind": "serial-meter", "port": "tty-line", "baudrate": 115200, "timeout_s": 0.3, **more}


def server(**more: Any) -> dict[str, Any]:
    return {"kind": "serial-meter-over-tcp", "host": "127.0.0.1", "timeout_s": 0.3, **more}


@asynccontextmanager
async def simulated(site: LoadedSite, faults: Mapping[str, Fault] | None = None) -> AsyncIterator[Line]:
    """The meters of a site on their line, not yet asked."""
    campus = Campus(site)
    campus.warm_up(NOW)
    async with Buses(campus, lambda: NOW, faults or {}, {"line": 0}) as buses:
        yield Line(campus, buses, Sink())


@asynccontextmanager
async def polled(line: Line) -> AsyncIterator[None]:
    """The gateway at work on a simulated line."""
    site = line.campus.site
    bus = site.file.buses[0]
    if isinstance(bus, TcpBus):
        bus = bus.model_copy(update={"port": line.buses.served["line"].port})
    devices, wire = build_bus(site, bus)
    task = asyncio.ensure_future(run_bus(bus, devices, wire, line.sink, LoopClock()))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            await task
