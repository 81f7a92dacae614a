"""The wire against a C implementation of Modbus that knows nothing of us: libmodbus, over TCP and over a serial line."""

from __future__ import annotations

import asyncio
import os
import select
import shlex
import struct
import subprocess
import threading
import tty
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from edge_config.schema import SerialBus, TcpBus
from gateway.errors import NoAnswerError, RefusedError
from gateway.sources.modbus import PymodbusWire

pytestmark = pytest.mark.real("libmodbus")

SOURCE = Path(__file__).with_name("modbus_server.c")
UNIT = 17


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server, built from its source."""
    program = tmp_path_factory.mktemp("peer") / "modbus_server"
    flags = shlex.split(
        subprocess.run(
            ["pkg-config", "--cflags", "--libs", "libmodbus"], capture_output=True, text=True, check=True
        ).stdout
    )
    subprocess.run(["gcc", "-Wall", "-Werror", "-O1", "-o", program, SOURCE, *flags], check=True)
    return program


@contextmanager
def running(program: Path, *arguments: str) -> Iterator[str]:
    """The server at work; yields the line it prints when it listens. It ends with its standard input."""
    with subprocess.Popen(
        [program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.communicate(timeout=10)


@contextmanager
def serial_line() -> Iterator[tuple[str, str]]:
    """Two pty pairs joined by a thread, as a null-modem cable would; yields the paths of both ends."""
    with ExitStack() as stack:
        ends = [os.openpty() for _ in range(2)]
        for far, near in ends:
            tty.setraw(near)
            stack.callback(os.close, near)
            stack.callback(os.close, far)
        stop_reading, stop = os.pipe()
        stack.callback(os.close, stop_reading)
        joined = threading.Thread(target=_join, args=(ends[0][0], ends[1][0], stop_reading))
        joined.start()
        stack.callback(joined.join)
        stack.callback(os.close, stop)
        yield os.ttyname(ends[0][1]), os.ttyname(ends[1][1])


def _join(one: int, other: int, stop: int) -> None:
    across = {one: other, other: one}
    while True:
        ready, _, _ = select.select([one, other, stop], [], [])
        if stop in ready:
            return
        for end in ready:
            os.write(across[end], os.read(end, 1024))


@asynccontextmanager
async def wire(kind: str, program: Path) -> AsyncIterator[PymodbusWire]:
    with ExitStack() as stack:
        if kind == "tcp":
            port = stack.enter_context(running(program, "tcp", "0"))
            found = PymodbusWire(
                TcpBus(id="b", kind="modbus-tcp", host="127.0.0.1", port=int(port), timeout_s=0.5)
            )
        else:
            here, there = stack.enter_context(serial_line())
            stack.enter_context(running(program, "rtu", there))
            found = PymodbusWire(
                SerialBus(id="b", kind="modbus-rtu", port=here, baudrate=115200, timeout_s=0.5)
            )
        try:
            yield found
        finally:
            await found.close()
            await asyncio.sleep(0)


def read(function: int, address: int, count: int, unit: int = UNIT) -> bytes:
    return struct.pack(">BBHH", unit, function, address, count)


def words(reply: bytes) -> tuple[int, ...]:
    return struct.unpack(f">{reply[2] // 2}H", reply[3:])


def bits(first: int, count: int) -> bytes:
    packed = bytearray((count + 7) // 8)
    for index in range(count):
        packed[index // 8] |= ((first + index) % 3 == 0) << index % 8
    return bytes(packed)


@pytest.mark.parametrize("kind", ["tcp", "rtu"])
async def test_what_libmodbus_answers_is_what_the_wire_reads(kind: str, server: Path) -> None:
    async with wire(kind, server) as found:
        for first, count in ((0, 1), (7, 2), (100, 60), (875, 125)):
            held = words(await found.exchange(read(3, first, count)))
            assert held == tuple(range(first, first + count))
            measured = words(await found.exchange(read(4, first, count)))
            assert measured == tuple(range(0x4000 + first, 0x4000 + first + count))
        for function in (1, 2):
            reply = await found.exchange(read(function, 5, 19))
            assert reply[3:] == bits(5, 19)


@pytest.mark.parametrize("kind", ["tcp", "rtu"])
async def test_an_address_libmodbus_does_not_have_is_a_refusal_and_the_next_read_is_right(
    kind: str, server: Path
) -> None:
    async with wire(kind, server) as found:
        for _ in range(3):
            with pytest.raises(RefusedError) as refusal:
                await found.exchange(read(3, 990, 20))
            assert refusal.value.code == 2
            assert words(await found.exchange(read(3, 990, 10))) == tuple(range(990, 1000))


async def test_on_a_serial_line_another_unit_is_silent_and_costs_one_time_out(server: Path) -> None:
    async with wire("rtu", server) as found:
        assert words(await found.exchange(read(3, 1, 1))) == (1,)
        with pytest.raises(NoAnswerError):
            await found.exchange(read(3, 1, 1, unit=18))
        assert words(await found.exchange(read(3, 2, 1))) == (2,)
