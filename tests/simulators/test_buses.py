from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ModbusIOException

from edge_config.schema import SerialBus, TcpBus
from edge_config.site import LoadedSite
from simulators.buses import Buses, serial_path
from simulators.campus import Campus
from simulators.errors import SimulatorError
from simulators.meter_device import Fault
from simulators.pty_line import PtyLine

ANY = {"east": 0, "west": 0}


@pytest.fixture
def now(monday: int) -> int:
    return monday + 37_000_123


@pytest.fixture
async def buses(campus: Campus, now: int) -> AsyncIterator[Buses]:
    async with Buses(campus, lambda: now, {"light-b": Fault.DEAD, "light-c": Fault.BUSY}, ANY) as served:
        yield served


@pytest.fixture
async def east(buses: Buses) -> AsyncIterator[AsyncModbusTcpClient]:
    async with tcp_client(buses.served["east"].port) as client:
        yield client


def tcp_client(port: int | None) -> AsyncModbusTcpClient:
    assert port is not None
    return AsyncModbusTcpClient("127.0.0.1", port=port, timeout=0.3, retries=0, reconnect_delay=0)


def u32(registers: Sequence[int]) -> int:
    value: int = struct.unpack(">I", b"".join(word.to_bytes(2, "big") for word in registers))[0]
    return value


async def test_a_tcp_client_reads_the_truth(east: AsyncModbusTcpClient, campus: Campus, now: int) -> None:
    answer = await east.read_holding_registers(0x084C, count=2, device_id=1)
    assert u32(answer.registers) == int(campus.truth("main-e.energy_import", now) * 10)


async def test_two_meters_on_one_bus_differ(east: AsyncModbusTcpClient) -> None:
    first = await east.read_input_registers(0x0048, count=2, device_id=21)
    second = await east.read_input_registers(0x0048, count=2, device_id=22)
    assert first.registers != second.registers


async def test_a_dead_device_and_a_unit_that_is_not_there_are_silent(east: AsyncModbusTcpClient) -> None:
    for unit in (12, 99):
        with pytest.raises(ModbusIOException):
            await east.read_holding_registers(0x101E, count=2, device_id=unit)


async def test_a_busy_device_says_so(east: AsyncModbusTcpClient, buses: Buses) -> None:
    answer = await east.read_holding_registers(0x101E, count=2, device_id=13)
    assert answer.isError()
    assert answer.exception_code == 6
    assert buses.meters()["light-c"].refused == 1


async def test_what_the_map_does_not_have_is_refused(east: AsyncModbusTcpClient) -> None:
    beyond = await east.read_holding_registers(0x5000, count=2, device_id=1)
    other_function = await east.read_input_registers(0x084C, count=2, device_id=1)
    write = await east.write_register(0x084C, 1, device_id=1)
    assert [answer.exception_code for answer in (beyond, other_function, write)] == [2, 1, 1]


async def test_more_registers_than_the_maker_allows_are_refused(campus: Campus, buses: Buses) -> None:
    meter = buses.meters()["main-e"]
    assert meter.limits.registers_max == 60
    refusal = await meter.act(3, 0x081A, 0x081A, 61, [0] * 61, None)
    assert refusal == 3


async def test_the_late_answer_of_a_slow_device_passes_for_nobody_elses(campus: Campus, now: int) -> None:
    async with Buses(campus, lambda: now, {"hvac-a": Fault.SLOW}, ANY) as slow:
        slow.meters()["hvac-a"].slow_s = 0.4
        async with tcp_client(slow.served["east"].port) as client:
            with pytest.raises(ModbusIOException):
                await client.read_input_registers(0x0048, count=2, device_id=21)
            right = slow.meters()["hvac-b"].image(4, 0x0048, 2)
            while slow.meters()["hvac-a"].answered == 0:
                answer = await client.read_input_registers(0x0048, count=2, device_id=22)
                assert list(answer.registers) == right
            answer = await client.read_input_registers(0x0048, count=2, device_id=22)
            assert list(answer.registers) == right


async def test_a_serial_client_reads_the_truth_over_the_pseudo_terminal(
    campus: Campus, buses: Buses, now: int
) -> None:
    line = buses.served["line1"].line
    assert line is not None
    assert line.link.is_symlink()
    client = AsyncModbusSerialClient(str(line.link), baudrate=9600, timeout=1, retries=0, reconnect_delay=0)
    assert await client.connect()
    for _ in range(3):
        answer = await client.read_holding_registers(0, count=2, device_id=13)
        assert u32(answer.registers) == int(campus.truth("water-dorm.volume", now) * 1000)
    client.close()


async def test_closing_takes_the_serial_port_away(campus: Campus, now: int) -> None:
    async with Buses(campus, lambda: now, ports=ANY) as served:
        link = serial_path(
            campus.site.folder, next(b for b in campus.site.file.buses if isinstance(b, SerialBus))
        )
        assert link.is_symlink()
    assert not served.served
    assert not link.is_symlink()


async def test_a_link_left_by_a_killed_simulator_is_replaced_and_a_real_file_is_not(tmp_path: Path) -> None:
    link = tmp_path / "var" / "tty"
    link.parent.mkdir()
    link.symlink_to("/nowhere")
    PtyLine(link).close()
    link.write_text("mine")
    with pytest.raises(SimulatorError, match="in the way"):
        PtyLine(link)
    assert link.read_text() == "mine"


async def test_a_line_carries_bytes_both_ways(tmp_path: Path) -> None:
    line = PtyLine(tmp_path / "tty")
    ends = [os.open(path, os.O_RDWR | os.O_NOCTTY) for path in (line.link, line.server_path)]
    for near, far in (ends, ends[::-1]):
        arrived = asyncio.Event()
        asyncio.get_running_loop().add_reader(far, arrived.set)
        os.write(near, bytes(range(256)))
        await asyncio.wait_for(arrived.wait(), 60)
        asyncio.get_running_loop().remove_reader(far)
        assert os.read(far, 256) == bytes(range(256))
    for end in ends:
        os.close(end)
    line.close()


async def test_an_occupied_port_is_named_with_the_cure(campus: Campus, buses: Buses, now: int) -> None:
    taken = buses.served["east"].port
    assert taken is not None
    with pytest.raises(
        SimulatorError, match=f"bus east: cannot listen on 127.0.0.1 port {taken}; stop what uses it"
    ):
        await Buses(campus, lambda: now, ports={"east": taken, "west": 0}).__aenter__()


async def test_a_bus_may_be_an_ipv6_host(school: LoadedSite, now: int) -> None:
    file = school.file.model_copy(
        update={
            "buses": (TcpBus(id="east", kind="modbus-tcp", host="::1", port=1),),
            "devices": school.file.devices[:1],
        }
    )
    site = LoadedSite(file, school.folder, school.path, school.profiles, None, school.calendar)
    async with Buses(Campus(site), lambda: now, ports={"east": 0}) as served:
        port = served.served["east"].port
        assert port is not None
        async with AsyncModbusTcpClient("::1", port=port, timeout=1, retries=0) as client:
            assert not (await client.read_holding_registers(0x084C, count=2, device_id=1)).isError()
