"""A dead device costs its own slots only, on a real socket."""

from __future__ import annotations

import asyncio
import itertools
import logging
import statistics

import pytest

from devices.profile import Limits, RegisterPoint
from devices.registers import decoder
from edge_config.schema import TcpBus
from gateway.sources.modbus import PymodbusWire
from gateway.sources.poll import run_bus
from gateway.sources.polled_device import PolledDevice
from gateway.sources.request_plan import plan
from tests.sources import slave as far_end
from tests.sources.fakes import LoopClock, Sink
from tests.sources.slave import Slave, registers

INTERVAL_S, TIMEOUT_S, POLLS, DEAD = 0.2, 0.05, 10, 7


@pytest.fixture(autouse=True)
def _quiet_pymodbus() -> None:
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)


def meter(unit: int) -> PolledDevice:
    point = RegisterPoint.model_validate({"quantity": "voltage", "address": 100, "type": "u16"})
    return PolledDevice(f"m{unit}", unit, INTERVAL_S, plan({"u": point}, Limits()), {"u": decoder(point)})


async def test_one_of_32_dead_moves_the_polls_of_the_other_31_by_no_more_than_its_time_out() -> None:
    slave, sink = Slave(lambda request: None if request[0] == DEAD else registers(request)), Sink()
    async with far_end.tcp(slave) as port:
        bus = TcpBus(id="b", kind="modbus-tcp", host="127.0.0.1", port=port, timeout_s=TIMEOUT_S)
        wire = PymodbusWire(bus)
        polling = asyncio.ensure_future(
            run_bus(bus, [meter(unit) for unit in range(1, 33)], wire, sink, LoopClock())
        )
        await sink.until(lambda: [reading.point for reading in sink.readings].count("m32.u") > POLLS)
        polling.cancel()
        await asyncio.wait({polling})
    asked: dict[int, list[float]] = {}
    for request, at in zip(slave.asked, slave.asked_at, strict=True):
        asked.setdefault(request[0], []).append(at)
    living = {unit: times for unit, times in asked.items() if unit != DEAD}
    assert {len(times) for times in living.values()} <= {POLLS + 1, POLLS + 2}
    for unit, times in living.items():
        gaps = [later - earlier for earlier, later in itertools.pairwise(times[1:])]
        assert abs(statistics.median(gaps) - INTERVAL_S) <= TIMEOUT_S, (unit, gaps)
    assert 3 <= len(asked[DEAD]) < POLLS  # three polls, then ever rarer probes
    assert ("m7", "offline") in {(name, state) for name, state, _ in sink.states}
