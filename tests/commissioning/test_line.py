"""A bus with an ear on it: outcomes, latencies, and what nobody asked for."""

from __future__ import annotations

import asyncio
import logging
import struct
from pathlib import Path

import pytest

from edge_config.schema import SerialBus, TcpBus
from gateway.commissioning.line import Line, Outcome, scannable
from gateway.errors import ConfigError, NotConnectedError
from tests.commissioning.meters import site
from tests.sources import slave as far_end
from tests.sources.slave import Slave, crc, registers

READ = struct.pack(">BBHH", 1, 3, 100, 2)


@pytest.fixture(autouse=True)
def _quiet_pymodbus() -> None:
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)


async def test_each_end_of_a_question_has_its_name() -> None:
    replies = {1: registers(READ), 2: b"\x02\x83\x02", 3: None, 4: b"\x04\x03\x01\x00"}
    slave = Slave(lambda request: replies[request[0]])
    async with far_end.tcp(slave) as port:
        bus = TcpBus(id="b", kind="modbus-tcp", host="127.0.0.1", port=port, timeout_s=0.1)
        async with Line(bus) as line:
            answers = [await line.ask(bytes((unit,)) + READ[1:]) for unit in (1, 2, 3, 4)]
    outcomes = [answer.outcome for answer in answers]
    assert outcomes == [Outcome.ANSWERED, Outcome.REFUSED, Outcome.SILENT, Outcome.NONSENSE]
    assert answers[0].reply == registers(READ)
    assert answers[1].code == 2
    assert 0 <= answers[0].took_s < 0.1 <= answers[2].took_s


@pytest.mark.parametrize("kind", ["modbus-tcp", "modbus-rtu-over-tcp"])
async def test_a_second_reply_after_the_first_is_heard(kind: str) -> None:
    slave = Slave()
    is_rtu = kind == "modbus-rtu-over-tcp"

    def twice(request: bytes) -> bytes:
        frame = registers(request)
        late = frame + crc(frame) if is_rtu else b"\x00\x01\x00\x00" + len(frame).to_bytes(2, "big") + frame
        asyncio.get_running_loop().call_later(0.01, slave.send, late)
        return frame

    slave.script = twice
    async with far_end.tcp(slave, is_rtu=is_rtu) as port:
        bus = TcpBus(
            id="b", kind="modbus-rtu-over-tcp" if is_rtu else "modbus-tcp", host="127.0.0.1", port=port
        )
        async with Line(bus, listen_s=0.05) as line:
            doubled = await line.ask(READ)
            slave.script = registers
            single = await line.ask(READ)
    assert doubled.extra_bytes > 0
    assert single.extra_bytes == 0


async def test_a_serial_line_that_is_taken_says_so_and_names_the_collector() -> None:
    async with far_end.serial(Slave()) as path:
        bus = SerialBus(id="b", kind="modbus-rtu", port=path, baudrate=115200)
        async with Line(bus) as holder, Line(bus) as other:
            assert (await holder.ask(READ)).outcome is Outcome.ANSWERED
            with pytest.raises(NotConnectedError, match=r"is in use.*collector"):
                await other.ask(READ)


async def test_a_bus_that_does_not_exist_is_named_with_those_that_do(tmp_path: Path) -> None:
    loaded = site(tmp_path, 502, "id: m, profile: chint-dtsu666, unit_id: 1")
    with pytest.raises(ConfigError, match=r"no bus 'west'.*it has east"):
        scannable(loaded, "west")
