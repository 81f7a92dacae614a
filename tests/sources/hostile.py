"""A device that sends exactly the bytes it is told to, when it is told to. Values carry unit, register and request number,
so that a reading that answers another question cannot pass for the right one."""

from __future__ import annotations

import asyncio
import os
import struct
import tty
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from edge_config.schema import SerialBus, TcpBus
from gateway.sources.modbus import PymodbusWire
from tests.sources.slave import crc

Kind = Literal["modbus-tcp", "modbus-rtu-over-tcp", "modbus-rtu"]
KINDS: tuple[Kind, ...] = ("modbus-tcp", "modbus-rtu-over-tcp", "modbus-rtu")

Say = tuple[float, bytes]
"""Seconds after the request, and what is sent then."""


def truth(request: bytes, number: int) -> bytes:
    """The one right reply to the ``number``-th request: unit id and PDU."""
    unit, function, address, count = struct.unpack(">BBHH", request)
    values = [
        (unit * 4099 + register * 31 + number * 257) & 0xFFFF for register in range(address, address + count)
    ]
    return struct.pack(f">BBB{count}H", unit, function, 2 * count, *values)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it arrived; ``frame`` makes the bytes on the wire of any unit id and PDU."""

    kind: Kind
    number: int
    request: bytes
    transaction: bytes = b""

    @property
    def truth(self) -> bytes:
        return truth(self.request, self.number)

    def frame(
        self, reply: bytes, *, transaction: bytes | None = None, protocol: int = 0, length: int | None = None
    ) -> bytes:
        if self.kind != "modbus-tcp":
            return reply + crc(reply)
        size = len(reply) if length is None else length
        return (
            (self.transaction if transaction is None else transaction)
            + struct.pack(">HH", protocol, size)
            + reply
        )


Script = Callable[[Asked], Sequence[Say]]


def honest(asked: Asked) -> Sequence[Say]:
    return [(0.0, asked.frame(asked.truth))]


@dataclass
class Hostile:
    """One device. ``script`` answers each request; requests are counted from 1."""

    kind: Kind
    script: Script = honest
    numbers: int = 0
    asked: list[Asked] = field(default_factory=list)
    _later: list[asyncio.TimerHandle] = field(default_factory=list)

    def hear(self, request: bytes, transaction: bytes, write: Callable[[bytes], object]) -> None:
        self.numbers += 1
        asked = Asked(self.kind, self.numbers, request, transaction)
        self.asked.append(asked)
        loop = asyncio.get_running_loop()
        for delay_s, data in self.script(asked):
            if delay_s:
                self._later.append(loop.call_later(delay_s, write, data))
            else:
                write(data)

    def stop(self) -> None:
        for handle in self._later:
            handle.cancel()


class _Connection(asyncio.Protocol):
    """Takes requests off a TCP connection."""

    def __init__(self, device: Hostile, open_ones: set[asyncio.Transport]) -> None:
        self._device, self._open, self._buffer = device, open_ones, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._open.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        is_mbap = self._device.kind == "modbus-tcp"
        size = 12 if is_mbap else 8
        while len(self._buffer) >= size:
            frame, self._buffer = self._buffer[:size], self._buffer[size:]
            request, transaction = (frame[6:], frame[:2]) if is_mbap else (frame[:6], b"")
            self._device.hear(request, transaction, self._transport.write)


@asynccontextmanager
async def bus(device: Hostile, timeout_s: float) -> AsyncIterator[PymodbusWire]:
    """A wire with the device at its far end."""
    async with (_serial if device.kind == "modbus-rtu" else _tcp)(device, timeout_s) as wire:
        try:
            yield wire
        finally:
            await wire.close()
            device.stop()


@asynccontextmanager
async def _tcp(device: Hostile, timeout_s: float) -> AsyncIterator[PymodbusWire]:
    open_ones: set[asyncio.Transport] = set()
    server = await asyncio.get_running_loop().create_server(
        lambda: _Connection(device, open_ones), "127.0.0.1", 0
    )
    port = server.sockets[0].getsockname()[1]
    assert device.kind != "modbus-rtu"
    try:
        yield PymodbusWire(TcpBus(id="b", kind=device.kind, host="127.0.0.1", port=port, timeout_s=timeout_s))
    finally:
        server.close()
        for transport in tuple(open_ones):
            transport.abort()
        while open_ones:
            await asyncio.sleep(0)


@asynccontextmanager
async def _serial(device: Hostile, timeout_s: float) -> AsyncIterator[PymodbusWire]:
    loop = asyncio.get_running_loop()
    far, near = os.openpty()
    tty.setraw(near)
    buffer = bytearray()

    def readable() -> None:
        buffer.extend(os.read(far, 1024))
        while len(buffer) >= 8:
            request = bytes(buffer[:6])
            del buffer[:8]
            device.hear(request, b"", lambda data: os.write(far, data))

    loop.add_reader(far, readable)
    try:
        yield PymodbusWire(
            SerialBus(id="b", kind="modbus-rtu", port=os.ttyname(near), baudrate=115200, timeout_s=timeout_s)
        )
    finally:
        loop.remove_reader(far)
        device.stop()
        os.close(near)
        os.close(far)
