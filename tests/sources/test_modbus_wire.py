"""A bus on real sockets and a pty pair, with a device that misbehaves on request."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest

from edge_config.schema import SerialBus, TcpBus
from gateway.errors import NoAnswerError, NonsenseError, RefusedError
from gateway.sources.bus_line import SILENCES_UNTIL_RECONNECT
from gateway.sources.modbus import PymodbusWire
from gateway.sources.modbus_link import Link
from tests.sources import slave as far_end
from tests.sources.slave import Slave, crc, registers

Kind = Literal["modbus-tcp", "modbus-rtu-over-tcp", "modbus-rtu"]
KINDS: tuple[Kind, ...] = ("modbus-tcp", "modbus-rtu-over-tcp", "modbus-rtu")
TIMEOUT_S = 0.3


@pytest.fixture(autouse=True)
def _quiet_pymodbus() -> None:
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)


@asynccontextmanager
async def bus(kind: Kind, slave: Slave, timeout_s: float = TIMEOUT_S) -> AsyncIterator[PymodbusWire]:
    """A wire with the slave at its far end."""
    if kind == "modbus-rtu":
        async with far_end.serial(slave) as path:
            wire = PymodbusWire(SerialBus(id="b", kind=kind, port=path, baudrate=115200, timeout_s=timeout_s))
            try:
                yield wire
            finally:
                await wire.close()
        return
    async with far_end.tcp(slave, is_rtu=kind == "modbus-rtu-over-tcp") as port:
        wire = PymodbusWire(TcpBus(id="b", kind=kind, host="127.0.0.1", port=port, timeout_s=timeout_s))
        try:
            yield wire
        finally:
            await wire.close()


def read(unit: int = 1, address: int = 100, count: int = 2, function: int = 3) -> bytes:
    return struct.pack(">BBHH", unit, function, address, count)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_reply_comes_back_with_unit_function_and_length(kind: Kind) -> None:
    async with bus(kind, Slave()) as wire:
        for count in (1, 2, 60, 125):
            assert await wire.exchange(read(7, 100, count, 4)) == registers(read(7, 100, count, 4))


@pytest.mark.parametrize("kind", KINDS)
async def test_coils_come_back_as_their_bytes(kind: Kind) -> None:
    async with bus(kind, Slave(lambda request: request[:2] + bytes((2, 0b1010_0101, 0b1)))) as wire:
        assert (await wire.exchange(read(count=9, function=1)))[3:] == bytes((0b1010_0101, 0b1))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_dead_unit_is_no_answer_within_the_time_out(kind: Kind) -> None:
    slave = Slave(lambda request: None if request[0] == 9 else registers(request))
    async with bus(kind, slave) as wire:
        started = asyncio.get_running_loop().time()
        with pytest.raises(NoAnswerError, match="unit 9 did not answer"):
            await wire.exchange(read(9))
        assert asyncio.get_running_loop().time() - started >= TIMEOUT_S
        assert len(slave.asked) == 1  # no retry
        assert await wire.exchange(read(1)) == registers(read(1))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("code", [1, 2, 4, 6])
async def test_an_exception_is_a_refusal_with_its_code(kind: Kind, code: int) -> None:
    async with bus(kind, Slave(lambda request: bytes((request[0], request[1] | 0x80, code)))) as wire:
        with pytest.raises(RefusedError) as refusal:
            await wire.exchange(read())
        assert refusal.value.code == code


async def test_a_converter_that_cannot_reach_a_unit_is_no_answer() -> None:
    async with bus("modbus-tcp", Slave(lambda request: bytes((request[0], 0x83, 0x0B)))) as wire:
        with pytest.raises(NoAnswerError, match="cannot reach unit 1"):
            await wire.exchange(read())


def _shorter(request: bytes) -> bytes:
    return registers(request[:5] + bytes((request[5] - 1,)))


def _longer(request: bytes) -> bytes:
    return registers(request[:5] + bytes((request[5] + 1,)))


def _other_unit(request: bytes) -> bytes:
    return registers(bytes((request[0] + 1,)) + request[1:])


def _other_function(request: bytes) -> bytes:
    return registers(request[:1] + b"\x04" + request[2:])


def _unknown_function(request: bytes) -> bytes:
    return request[:1] + b"\x55" + bytes(6)


def _refusal_of_another_function(request: bytes) -> bytes:
    return request[:1] + b"\x84\x02"


def _count_that_lies(request: bytes) -> bytes:
    return request[:2] + b"\x04" + bytes(3)


LIES = (
    _shorter,
    _longer,
    _other_unit,
    _other_function,
    _unknown_function,
    _refusal_of_another_function,
    _count_that_lies,
)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_reply_that_cannot_be_true_is_nonsense_and_the_next_one_is_right(kind: Kind) -> None:
    async def lied_to_once(script: Callable[[bytes], bytes]) -> int:
        slave = Slave(script)
        async with bus(kind, slave) as wire:
            with pytest.raises(NonsenseError, match="unit 1 sent no valid reply"):
                await wire.exchange(read())
            slave.script = registers
            assert await wire.exchange(read(address=300)) == registers(read(address=300))
        return slave.connections

    connections = await asyncio.gather(*map(lied_to_once, LIES))
    assert max(connections) <= 1  # nonsense does not cost the connection


@pytest.mark.parametrize("kind", ["modbus-rtu", "modbus-rtu-over-tcp"])
async def test_a_late_rtu_reply_is_never_taken_for_the_answer_to_the_next_request(kind: Kind) -> None:
    slave = Slave(lambda request: None if request[2:4] == b"\x00\x64" else registers(request))
    async with bus(kind, slave) as wire:
        for _ in range(2):
            with pytest.raises(NoAnswerError):
                await wire.exchange(read(address=100))
            late = registers(read(address=100))
            next_one = asyncio.ensure_future(wire.exchange(read(address=200)))
            await asyncio.sleep(0)
            slave.send(late + crc(late))
            assert await next_one == registers(read(address=200))


@pytest.mark.parametrize("kind", ["modbus-rtu", "modbus-rtu-over-tcp"])
async def test_after_a_time_out_the_rtu_line_is_silent_for_another(kind: Kind) -> None:
    slave = Slave(lambda request: None if request[0] == 9 else registers(request))
    async with bus(kind, slave) as wire:
        with pytest.raises(NoAnswerError):
            await wire.exchange(read(9))
        given_up_at = wire._heard_at
        await wire.exchange(read(1))
        assert slave.asked_at[1] - given_up_at >= TIMEOUT_S


async def test_a_late_tcp_reply_is_passed_over_by_its_transaction() -> None:
    slave = Slave(lambda _: None)
    async with bus("modbus-tcp", slave) as wire:
        with pytest.raises(NoAnswerError):
            await wire.exchange(read(address=100))
        late = registers(read(address=100))

        def late_first(request: bytes) -> bytes:
            slave.send(struct.pack(">HHH", 1, 0, len(late)) + late)
            return registers(request)

        slave.script = late_first
        assert await wire.exchange(read(address=200)) == registers(read(address=200))


async def test_a_wrong_checksum_is_nonsense() -> None:
    slave = Slave(lambda _: None)
    async with bus("modbus-rtu", slave) as wire:
        asking = asyncio.ensure_future(wire.exchange(read()))
        while not slave.asked:
            await asyncio.sleep(0)
        slave.send(registers(read()) + b"\x00\x00")
        with pytest.raises(NonsenseError):
            await asking


async def test_a_line_that_is_never_silent_is_said_to_be_so() -> None:
    slave = Slave(lambda _: None)
    async with bus("modbus-rtu", slave, timeout_s=0.05) as wire:
        with pytest.raises(NoAnswerError):
            await wire.exchange(read())

        async def babble() -> None:
            while True:
                slave.send(b"\xff")
                await asyncio.sleep(0.01)

        babbling = asyncio.ensure_future(babble())
        with pytest.raises(NonsenseError, match="never silent"):
            await wire.exchange(read())
        babbling.cancel()


async def test_a_serial_reply_may_take_the_time_its_bytes_take() -> None:
    slow = SerialBus(id="b", kind="modbus-rtu", port="/dev/null", baudrate=1200, timeout_s=0.5)
    assert PymodbusWire(slow)._timeout_s(250) == pytest.approx(0.5 + 263 * 11 / 1200)


async def test_a_bus_that_is_not_there_at_first_is_used_when_it_comes() -> None:
    with socket.socket() as placeholder:
        placeholder.bind(("127.0.0.1", 0))
        port = placeholder.getsockname()[1]
    wire = PymodbusWire(TcpBus(id="b", kind="modbus-tcp", host="127.0.0.1", port=port, timeout_s=TIMEOUT_S))
    with pytest.raises(NoAnswerError, match=f"no connection to 127.0.0.1:{port}"):
        await wire.exchange(read())
    with pytest.raises(NoAnswerError, match="no connection"):
        await wire.exchange(read())  # at once: the pause after a failed attempt lasts
    async with far_end.tcp(Slave(), port=port):
        wire._reconnect.not_before = 0.0
        assert await wire.exchange(read()) == registers(read())
        await wire.close()


async def test_a_stop_that_meets_the_end_of_an_attempt_to_connect_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attempt: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def connect(_: Link) -> bool:
        return await asyncio.wait_for(attempt, 60)

    monkeypatch.setattr(Link, "connect", connect)
    wire = PymodbusWire(TcpBus(id="b", kind="modbus-tcp", host="127.0.0.1", port=1))
    asking = asyncio.ensure_future(wire.exchange(read()))
    await asyncio.sleep(0)
    attempt.set_result(False)
    asking.cancel()
    await asyncio.wait({asking})
    assert asking.cancelled()
    await wire.close()


async def test_a_connection_that_is_cut_is_made_again() -> None:
    slave = Slave()
    async with bus("modbus-tcp", slave) as wire:
        await wire.exchange(read())
        link = wire._link
        assert link is not None
        link.transport.abort()  # type: ignore[attr-defined]
        while link.is_active():
            await asyncio.sleep(0)
        assert await wire.exchange(read()) == registers(read())
    assert slave.connections == 2


async def test_a_connection_on_which_nobody_speaks_any_more_is_made_again() -> None:
    slave = Slave(lambda _: None)
    async with bus("modbus-tcp", slave, timeout_s=0.1) as wire:
        for _ in range(SILENCES_UNTIL_RECONNECT):
            with pytest.raises(NoAnswerError):
                await wire.exchange(read())
        slave.script = registers
        assert await wire.exchange(read()) == registers(read())
    assert slave.connections == 2


async def test_one_dead_unit_does_not_cut_the_connection_of_the_others() -> None:
    slave = Slave(lambda request: None if request[0] == 9 else registers(request))
    async with bus("modbus-tcp", slave, timeout_s=0.1) as wire:
        for _ in range(SILENCES_UNTIL_RECONNECT + 1):
            with pytest.raises(NoAnswerError):
                await wire.exchange(read(9))
            await wire.exchange(read(1))
    assert slave.connections == 1


async def test_ipv6_is_as_welcome() -> None:
    async with far_end.tcp(Slave(), "::1") as port:
        wire = PymodbusWire(TcpBus(id="b", kind="modbus-tcp", host="::1", port=port, timeout_s=TIMEOUT_S))
        assert await wire.exchange(read()) == registers(read())
        await wire.close()


async def test_a_serial_port_that_does_not_exist_is_named(tmp_path: Path) -> None:
    wire = PymodbusWire(SerialBus(id="b", kind="modbus-rtu", port=str(tmp_path / "ttyUSB0")))
    with pytest.raises(NoAnswerError, match="ttyUSB0 does not exist: plug in the adapter"):
        await wire.exchange(read())
    await wire.close()


async def test_a_serial_port_in_use_is_said_to_be_so() -> None:
    async with bus("modbus-rtu", Slave()) as wire:
        await wire.exchange(read())
        other = PymodbusWire(wire._bus)
        with pytest.raises(NoAnswerError, match="is in use"):
            await other.exchange(read())
        await other.close()


@pytest.mark.parametrize("request_bytes", [read(function=6), read(function=16), read()[:5]])
async def test_nothing_but_a_read_goes_out(request_bytes: bytes) -> None:
    wire = PymodbusWire(TcpBus(id="b", kind="modbus-tcp", host="127.0.0.1"))
    with pytest.raises(ValueError, match="not a read request"):
        await wire.exchange(request_bytes)


async def test_a_serial_adapter_that_is_pulled_out_is_no_answer() -> None:
    slave = Slave()
    async with bus("modbus-rtu", slave) as wire:
        await wire.exchange(read())
        slave.unplug()
        for _ in range(3):
            with pytest.raises(NoAnswerError):
                await wire.exchange(read())
