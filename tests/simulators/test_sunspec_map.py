"""A simulated SunSpec device whose block is not where most have it, read by the gateway."""

from __future__ import annotations

import asyncio

import pytest
from pymodbus.framer import FramerType

from devices import profile
from devices.profile import ModbusProfile
from edge_config.schema import TcpBus
from edge_config.site import LoadedSite
from gateway.sources.poll import build_bus, run_bus
from runtime.clock import SystemClock
from simulators.campus import Campus
from simulators.meter_device import meter_device, nobody
from simulators.servers import TcpMeters
from simulators.sunspec_map import DRAWN, Chain
from tests.sources.fakes import Sink


def with_one(school: LoadedSite, name: str) -> LoadedSite:
    keys = {"id": "pv", "profile": name, "bus": "roof", "broker": None, "unit_id": 7, "parent": None}
    device = school.file.devices[0].model_copy(update={**keys, "ct_ratio": 1, "pt_ratio": 1})
    file = school.file.model_copy(update={"devices": (device,), "points": ()})
    return LoadedSite(file, school.folder, school.path, {name: profile.load(name)}, None, school.calendar)


@pytest.mark.parametrize(
    ("name", "chain"),
    [
        ("sunspec-inverter", DRAWN),
        ("sunspec-inverter", Chain(base=0, common=66)),
        ("sunspec-inverter", Chain(base=50000, between=((120, 26), (121, 30)))),
        ("sunspec-meter", Chain(common=66, between=((103, 50),))),
    ],
)
async def test_the_gateway_finds_the_block_and_reads_the_truth(
    school: LoadedSite, monday: int, name: str, chain: Chain
) -> None:
    site, one, ms = with_one(school, name), profile.load(name), monday + 43_200_000
    assert isinstance(one, ModbusProfile)
    campus = Campus(site)
    meter = meter_device(campus.of("pv"), one, lambda: ms, None, chain)
    server = TcpMeters([meter.sim_device(), nobody()], framer=FramerType.SOCKET, address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    assert isinstance(server.transport, asyncio.Server)
    port = server.transport.sockets[0].getsockname()[1]
    bus, sink = TcpBus(id="roof", kind="modbus-tcp", host="127.0.0.1", port=port), Sink()
    devices, wire = build_bus(site, bus)
    task = asyncio.ensure_future(run_bus(bus, devices, wire, sink, SystemClock()))
    try:
        await sink.until(lambda: sink.readings)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await server.shutdown()  # type: ignore[no-untyped-call]
    shown = {f"pv.{key}": campus.points[f"pv.{key}"].shown(ms) for key in one.points}
    assert dict(sink.values()) == pytest.approx(shown, rel=1e-4, abs=1e-3)
