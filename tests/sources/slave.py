"""A Modbus device of a few lines that answers, or misbehaves, exactly as told. Nothing of it is ours or pymodbus's."""

from __future__ import annotations

import asyncio
import os
import struct
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Reply = bytes | None
Script = Callable[[bytes], Reply]
"""Unit id and PDU of a request to unit id and PDU of the reply; None for silence."""


def crc(data: bytes) -> bytes:
    """CRC-16/MODBUS, low byte first."""
    register = 0xFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0xA001 if register & 1 else 0)
    return struct.pack("<H", register)


def registers(request: bytes) -> bytes:
    """The reply of a device whose every register holds its own address."""
    unit, function, address, count = struct.unpack(">BBHH", request)
    return struct.pack(f">BBB{count}H", unit, function, 2 * count, *range(address, address + count))


@dataclass
class Slave:
    """What all connections share: the script, late replies waiting to be let go, and what was asked."""

    script: Script = registers
    asked: list[bytes] = field(default_factory=list)
    asked_at: list[float] = field(default_factory=list)
    connections: int = 0
    send: Callable[[bytes], None] = lambda _: None
    """Say something unasked on the newest connection."""
    unplug: Callable[[], None] = lambda: None
    """Pull the adapter of a serial line out."""

    def answer(self, request: bytes) -> Reply:
        self.asked.append(request)
        self.asked_at.append(asyncio.get_running_loop().time())
        return self.script(request)


@asynccontextmanager
async def tcp(
    slave: Slave, host: str = "127.0.0.1", port: int = 0, *, is_rtu: bool = False
) -> AsyncIterator[int]:
    """The slave behind a TCP port, a free one unless given; yields the port."""
    writers: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        slave.connections += 1
        slave.send = writer.write
        writers.add(writer)
        try:
            while True:
                await (_serve_rtu if is_rtu else _serve_mbap)(slave, reader, writer.write)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writers.discard(writer)
            writer.close()

    server = await asyncio.start_server(serve, host, port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in tuple(writers):
            writer.close()
        while writers:
            await asyncio.sleep(0)


async def _serve_mbap(slave: Slave, reader: asyncio.StreamReader, write: Callable[[bytes], None]) -> None:
    header = await reader.readexactly(6)
    request = await reader.readexactly(int.from_bytes(header[4:6], "big"))
    reply = slave.answer(request)
    if reply is not None:
        write(header[:4] + len(reply).to_bytes(2, "big") + reply)


async def _serve_rtu(slave: Slave, reader: asyncio.StreamReader, write: Callable[[bytes], None]) -> None:
    frame = await reader.readexactly(8)
    reply = slave.answer(frame[:6]) if crc(frame[:6]) == frame[6:] else None
    if reply is not None:
        write(reply + crc(reply))


@asynccontextmanager
async def serial(slave: Slave) -> AsyncIterator[str]:
    """The slave at the far end of a pty pair; yields the path of the near end."""
    loop = asyncio.get_running_loop()
    far, near = os.openpty()
    tty.setraw(near)
    path = os.ttyname(near)
    buffer = bytearray()
    open_ends = [far, near]

    def unplug() -> None:
        loop.remove_reader(far)
        while open_ends:
            os.close(open_ends.pop())

    def send(data: bytes) -> None:
        os.write(far, data)

    slave.send, slave.unplug = send, unplug

    def readable() -> None:
        buffer.extend(os.read(far, 1024))
        while len(buffer) >= 8:
            frame = bytes(buffer[:8])
            del buffer[:8]
            reply = slave.answer(frame[:6]) if crc(frame[:6]) == frame[6:] else None
            if reply is not None:
                os.write(far, reply + crc(reply))

    loop.add_reader(far, readable)
    try:
        yield path
    finally:
        if open_ends:
            unplug()
