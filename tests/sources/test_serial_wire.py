"""A raw line that misbehaves: noise, glued and late replies, a second master, unplugged adapters, servers that hang up."""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from devices import cjt188, dlt645
from edge_config.schema import SerialBus, TcpBus
from gateway.errors import NoAnswerError, NonsenseError, NotConnectedError, RefusedError
from gateway.sources.bus_line import SILENCES_UNTIL_RECONNECT
from gateway.sources.line_request import WAKE_UP
from gateway.sources.serial_wire import FRAMES_MAX, LineWire
from tests.sources.slave import crc

TIMEOUT_S = 0.15
METER, OTHER = "000012345678", "000012345679"
ENERGY = dlt645.read(METER, "00010000")
WATER = cjt188.read(0x10, "00000012345678")
REGISTERS = bytes.fromhex("680300640002")


def energy(wh10: int, address: str = METER, di: str = "00010000", control: int = 0x91) -> bytes:
    data = bytes.fromhex(di)[::-1] + bytes.fromhex(f"{wh10:08d}")[::-1]
    return dlt645.Frame(bytes.fromhex(address)[::-1], control, data).encode()


def rtu(body: bytes) -> bytes:
    return body + crc(body)


@dataclass
class FarEnd:
    """Whatever hangs on the line: ``script`` is told each piece that came and says what to send at once."""

    script: Callable[[bytes], bytes] = lambda _: b""
    heard: list[bytes] = field(default_factory=list)
    connections: int = 0
    send: Callable[[bytes], object] = lambda _: None

    def hear(self, data: bytes) -> None:
        self.heard.append(data)
        if reply := self.script(data):
            self.send(reply)


@asynccontextmanager
async def tcp(far: FarEnd) -> AsyncIterator[LineWire]:
    clients: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far.connections += 1
        far.send = writer.write
        clients.add(writer)
        while data := await reader.read(1024):
            far.hear(data)
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    wire = LineWire(
        TcpBus(id="b", kind="serial-meter-over-tcp", host="127.0.0.1", port=port, timeout_s=TIMEOUT_S)
    )
    try:
        yield wire
    finally:
        await wire.close()
        listener.close()
        for writer in clients:
            writer.close()
            await asyncio.wait({asyncio.ensure_future(writer.wait_closed())})


@asynccontextmanager
async def pty(far: FarEnd) -> AsyncIterator[tuple[LineWire, Callable[[], None]]]:
    """A wire on a pty, and what pulls the adapter out."""
    loop = asyncio.get_running_loop()
    near, device = os.openpty()
    tty.setraw(device)
    ends = [near, device]

    def unplug() -> None:
        loop.remove_reader(near)
        while ends:
            os.close(ends.pop())

    far.send = lambda data: os.write(near, data)
    loop.add_reader(near, lambda: far.hear(os.read(near, 1024)))
    path = os.ttyname(device)
    wire = LineWire(SerialBus(id="b", kind="serial-meter", port=path, baudrate=115200, timeout_s=TIMEOUT_S))
    try:
        yield wire, unplug
    finally:
        await wire.close()
        if ends:
            unplug()


async def test_each_protocol_gets_its_own_bytes_and_its_reply() -> None:
    water = cjt188.Frame(0x10, WATER.address, 0x81, b"\x90\x1f\x00" + bytes(19)).encode()
    words = rtu(bytes.fromhex("68030400010002"))
    replies = {
        WAKE_UP + ENERGY.encode(): energy(123456),
        WAKE_UP + WATER.encode(): water,
        rtu(REGISTERS): words,
    }
    far = FarEnd(replies.__getitem__)
    async with tcp(far) as wire:
        for _ in range(2):
            assert await wire.exchange(ENERGY.encode()) == energy(123456)
            assert await wire.exchange(WATER.encode()) == water
            assert await wire.exchange(REGISTERS) == words[:-2]
        assert far.connections == 1


async def test_a_reply_in_pieces_among_noise_and_other_frames_is_found() -> None:
    far = FarEnd()

    def script(_: bytes) -> bytes:
        asyncio.get_running_loop().call_later(0.03, lambda: far.send(b"\xfe" + energy(7)[:9]))
        asyncio.get_running_loop().call_later(0.06, lambda: far.send(energy(7)[9:] + b"\x68\x00"))
        return b"\x68\x16\x00" + energy(1, OTHER) + energy(2, di="00020000")

    far.script = script
    async with pty(far) as (wire, _):
        assert await wire.exchange(ENERGY.encode()) == energy(7)


@pytest.mark.parametrize(
    "reply",
    [energy(1, OTHER), energy(1, di="00020000"), energy(1)[:-1], energy(1)[:-2] + b"\x00\x16", b"\x00" * 40],
    ids=["another meter", "another identifier", "cut short", "check sum", "noise"],
)
async def test_what_is_no_reply_is_nonsense(reply: bytes) -> None:
    async with tcp(FarEnd(lambda _: reply)) as wire:
        with pytest.raises(NonsenseError, match="meter 000012345678 sent no valid reply"):
            await wire.exchange(ENERGY.encode())


async def test_after_a_time_out_the_line_is_silent_before_the_next_request() -> None:
    far = FarEnd()

    def late(_: bytes) -> bytes:
        asyncio.get_running_loop().call_later(TIMEOUT_S + 0.05, lambda: far.send(energy(111)))
        return b""

    far.script = late
    async with tcp(far) as wire:
        with pytest.raises(NoAnswerError):
            await wire.exchange(ENERGY.encode())
        far.script = lambda _: energy(222)
        started = asyncio.get_running_loop().time()
        assert await wire.exchange(ENERGY.encode()) == energy(222)
        assert asyncio.get_running_loop().time() - started >= TIMEOUT_S + 0.04


async def test_a_line_that_never_falls_silent_is_said_to_have_a_second_master() -> None:
    far = FarEnd()
    async with tcp(far) as wire:
        with pytest.raises(NoAnswerError):
            await wire.exchange(ENERGY.encode())

        async def chatter() -> None:
            while True:
                far.send(b"\x55")
                await asyncio.sleep(TIMEOUT_S / 10)

        noise = asyncio.ensure_future(chatter())
        with pytest.raises(NonsenseError, match="second master"):
            await wire.exchange(ENERGY.encode())
        noise.cancel()
        await asyncio.wait({noise})


async def test_refusals_come_with_their_words_and_cost_no_drain() -> None:
    refusal = dlt645.Frame(ENERGY.address, 0xD1, b"\x02").encode()
    async with tcp(FarEnd(lambda _: refusal)) as wire:
        started = asyncio.get_running_loop().time()
        for _ in range(2):
            with pytest.raises(
                RefusedError, match="无请求数据 / meter 000012345678 refused: no such data"
            ) as error:
                await wire.exchange(ENERGY.encode())
            assert error.value.code == 2
        assert asyncio.get_running_loop().time() - started < TIMEOUT_S


async def test_modbus_exceptions_on_a_shared_line() -> None:
    async with tcp(FarEnd(lambda _: rtu(b"\x68\x83\x02"))) as wire:
        with pytest.raises(RefusedError) as error:
            await wire.exchange(REGISTERS)
        assert error.value.code == 2
    async with tcp(FarEnd(lambda _: rtu(b"\x68\x83\x0b"))) as wire:
        with pytest.raises(NoAnswerError, match="cannot reach unit 104"):
            await wire.exchange(REGISTERS)


async def test_frames_that_follow_are_read_to_their_end() -> None:
    def script(heard: bytes) -> bytes:
        (asked,) = dlt645.frames(heard)
        if asked.control == dlt645.READ:
            return energy(1, control=0xB1)
        number = asked.data[-1]
        return dlt645.Frame(
            asked.address, 0xB2 if number < 3 else 0x92, asked.data[:4] + b"\x42" + asked.data[4:]
        ).encode()

    async with tcp(FarEnd(script)) as wire:
        reply = await wire.exchange(ENERGY.encode())
    assert dlt645.payload(list(dlt645.frames(reply))) == b"\x01\x00\x00\x00" + b"\x42" * 3


async def test_frames_that_follow_for_ever_are_nonsense() -> None:
    def script(heard: bytes) -> bytes:
        (asked,) = dlt645.frames(heard)
        is_first = asked.control == dlt645.READ
        return dlt645.Frame(asked.address, 0xB1 if is_first else 0xB2, asked.data).encode()

    far = FarEnd(script)
    async with tcp(far) as wire:
        with pytest.raises(NonsenseError, match="never end"):
            await wire.exchange(ENERGY.encode())
    assert len(far.heard) == FRAMES_MAX


async def test_a_dead_tcp_connection_is_opened_again() -> None:
    far = FarEnd()
    async with tcp(far) as wire:
        for _ in range(SILENCES_UNTIL_RECONNECT):
            wire._is_dirty = False  # the drain is another test's
            with pytest.raises(NoAnswerError):
                await wire.exchange(ENERGY.encode())
        far.script = lambda _: energy(5)
        wire._is_dirty = False
        assert await wire.exchange(ENERGY.encode()) == energy(5)
        assert far.connections == 2


async def test_a_port_that_is_not_there_or_unplugged_is_said_to_be(tmp_path: Path) -> None:
    missing = LineWire(SerialBus(id="b", kind="serial-meter", port=str(tmp_path / "ttyUSB0")))
    with pytest.raises(NotConnectedError, match="plug in the adapter"):
        await missing.exchange(ENERGY.encode())
    with pytest.raises(NotConnectedError, match="plug in the adapter"):
        await missing.exchange(ENERGY.encode())
    async with pty(FarEnd(lambda _: energy(5))) as (wire, unplug):
        assert await wire.exchange(ENERGY.encode()) == energy(5)
        unplug()
        with pytest.raises(NotConnectedError, match="serial port"):
            await wire.exchange(ENERGY.encode())


async def test_what_is_no_request_is_never_sent() -> None:
    wire = LineWire(TcpBus(id="b", kind="serial-meter-over-tcp", host="127.0.0.1", port=1))
    for junk in (b"", b"\x68" * 12, ENERGY.encode()[:-1]):
        with pytest.raises(ValueError, match="not a request"):
            await wire.exchange(junk)
