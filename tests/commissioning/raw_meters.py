"""Meters of a few lines on one raw line, that garble each other when several answer at once. Their bytes are not ours."""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import reduce

from simulators.meter_frames import electric_frame, flow_frame, next_request

Meter = Callable[[bytes], bytes | None]
"""A request frame, whoever it is for, to a reply frame or silence."""
ANY = 0xAA


def _is_for(asked: bytes, address: str) -> bool:
    own = bytes.fromhex(address)[::-1]
    return all(one in {ANY, other} for one, other in zip(asked, own, strict=True))


def electric(address: str, *, tells_address: bool = True, has: str | None = "00010000") -> Meter:
    """A DL/T 645-2007 meter that shows 1234.56 kWh under one identifier and refuses every other; ``tells_address`` is
    whether it knows control code 13H."""

    def answer(request: bytes) -> bytes | None:
        if request[7:8] != b"\x68" or not _is_for(request[1:7], address):
            return None
        if request[8] == 0x13:
            return electric_frame(address, 0x93, bytes.fromhex(address)[::-1]) if tells_address else None
        if request[8] != 0x11:
            return None
        di = bytes((byte - 0x33) % 256 for byte in request[10:14])
        if di[::-1].hex() != has:
            return electric_frame(address, 0xD1, b"\x02")
        return electric_frame(address, 0x91, di + bytes.fromhex("56341200"))

    return answer


def water(address: str, order: bytes = b"\x1f\x90") -> Meter:
    """A CJ/T 188 cold water meter that shows 123.45 m³, its identifier one way round, and tells nobody its address."""

    def answer(request: bytes) -> bytes | None:
        is_mine = request[7] != 0x68 and request[1] in {0x10, ANY} and _is_for(request[2:9], address)
        if not is_mine or request[9] != 0x01 or request[11:13] != order:
            return None
        data = request[11:14] + bytes.fromhex("452301002c002001002c003008010926200000")
        return flow_frame(0x10, address, 0x81, data)

    return answer


@dataclass
class Line:
    """What hangs on the line. With ``late_s`` every second answer comes by itself so much later."""

    meters: Sequence[Meter]
    late_s: float = 0.0
    asked: list[bytes] = field(default_factory=list)

    def hear(self, buffer: bytearray, data: bytes, send: Callable[[bytes], object]) -> None:
        buffer += data
        while (request := next_request(buffer)) is not None:
            self.asked.append(request)
            replies = [reply for meter in self.meters if (reply := meter(request)) is not None]
            if self.late_s:
                for index, reply in enumerate(replies):
                    asyncio.get_running_loop().call_later(index * self.late_s, send, reply)
            elif replies:
                send(_at_once(replies))


def _at_once(replies: Sequence[bytes]) -> bytes:
    """What several drivers make of a line: a bit is low where any of them pulls it."""
    size = max(map(len, replies))
    padded = (reply.ljust(size, b"\xff") for reply in replies)
    return reduce(lambda one, other: bytes(a & b for a, b in zip(one, other, strict=True)), padded)


@asynccontextmanager
async def serial(line: Line) -> AsyncIterator[str]:
    """The line at the far end of a pty pair; yields the path of the near end."""
    loop = asyncio.get_running_loop()
    far, near = os.openpty()
    tty.setraw(near)
    buffer = bytearray()
    loop.add_reader(far, lambda: line.hear(buffer, os.read(far, 1024), lambda data: os.write(far, data)))
    try:
        yield os.ttyname(near)
    finally:
        loop.remove_reader(far)
        os.close(far)
        os.close(near)
