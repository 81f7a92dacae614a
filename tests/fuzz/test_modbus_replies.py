"""S20: whatever bytes come back, a Modbus exchange gives a reply of the right shape or a WireError, and soon the truth."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import math
import struct
from collections.abc import Callable
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import profile
from devices.profile import ModbusProfile
from devices.registers import decoder
from edge_config.schema import TcpBus
from gateway.errors import WireError
from gateway.sources.modbus import PymodbusWire
from gateway.sources.modbus_link import Link
from gateway.sources.polled_device import DevicePoll, PolledDevice
from gateway.sources.request_plan import data_length, plan
from tests.fuzz.effort import examples
from tests.sources.hostile import Asked, truth

Kind = Literal["modbus-tcp", "modbus-rtu-over-tcp"]
TIMEOUT_S = 0.002

MODBUS = [name for name in profile.names() if isinstance(profile.load(name), ModbusProfile)]

Pieces = list[bytes]


@pytest.fixture(autouse=True)
def _quiet_pymodbus() -> None:
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)


class Memory(asyncio.Transport):
    """A transport that is no socket: what is written is answered, piece by piece, from the loop, until it is closed."""

    def __init__(self, hear: Callable[[bytes], Pieces], receive: Callable[[bytes], None]) -> None:
        super().__init__()
        self._hear, self._receive, self._is_open = hear, receive, True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        for piece in self._hear(bytes(data)):
            asyncio.get_running_loop().call_soon(self._say, piece)

    def close(self) -> None:
        self._is_open = False

    abort = close

    def _say(self, piece: bytes) -> None:
        if self._is_open:
            self._receive(piece)


def on_memory(kind: Kind, hear: Callable[[bytes], Pieces]) -> PymodbusWire:
    wire = PymodbusWire(TcpBus.model_construct(id="b", kind=kind, host="m", port=502, timeout_s=TIMEOUT_S))
    link = Link(wire._bus, wire._trace)

    async def connection() -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        return Memory(hear, link.data_received), link

    link.call_create = connection
    wire._link = link
    return wire


def asked_of(kind: Kind, frame: bytes, number: int) -> Asked:
    return (
        Asked(kind, number, frame[6:12], frame[:2])
        if kind == "modbus-tcp"
        else Asked(kind, number, frame[:6])
    )


@st.composite
def damage(draw: st.DrawFn) -> Callable[[bytes], Pieces]:
    """Something that may become of the right reply's bytes: cut, changed, mixed with others, in pieces, or replaced."""
    junk = draw(st.binary(max_size=40))
    start, end = sorted((draw(st.integers(0, 40)), draw(st.integers(0, 40))))
    at = draw(st.lists(st.integers(0, 60), max_size=3))
    replaces = draw(st.booleans())

    def damaged(frame: bytes) -> Pieces:
        whole = junk if replaces else frame[:start] + junk + frame[end:]
        cuts = [0, *sorted(cut for cut in at if 0 < cut < len(whole)), len(whole)]
        return [piece for a, b in itertools.pairwise(cuts) if (piece := whole[a:b])]

    return damaged


async def is_right(wire: PymodbusWire, request: bytes, number: int) -> bool:
    """Whether the truth came; a wrong value fails at once."""
    try:
        reply = await wire.exchange(request)
    except WireError:
        return False
    assert reply == truth(request, number)
    return True


@given(
    st.sampled_from(["modbus-tcp", "modbus-rtu-over-tcp"]),
    damage(),
    st.sampled_from([1, 2, 3, 4]),
    st.integers(1, 125),
)
@examples(150)
def test_no_bytes_break_an_exchange(
    kind: Kind, damaged: Callable[[bytes], Pieces], function: int, count: int
) -> None:
    numbers = iter(range(1, 10))

    def hear(frame: bytes) -> Pieces:
        number = next(numbers)
        asked = asked_of(kind, frame, number)
        right = asked.frame(asked.truth)
        return damaged(right) if number == 1 else [right]

    async def polls() -> None:
        wire = on_memory(kind, hear)
        with contextlib.suppress(WireError):
            reply = await wire.exchange(struct.pack(">BBHH", 7, function, 100, count))
            size = data_length(function, count)
            assert reply[:3] == bytes((7, function, size))
            assert len(reply) == 3 + size
        request = struct.pack(">BBHH", 7, 3, 300, 2)
        assert any([await is_right(wire, request, number) for number in (2, 3)])

    asyncio.run(polls())


@given(st.sampled_from(MODBUS), st.data())
@examples(150)
def test_any_registers_give_each_point_a_finite_number_or_a_reason(name: str, data: st.DataObject) -> None:
    found = profile.load(name)
    assert isinstance(found, ModbusProfile)
    decoders = {point: decoder(one) for point, one in found.points.items()}
    device = PolledDevice("d", 1, 10.0, plan(found.points, found.limits), decoders)
    for ready in DevicePoll(device).blocks:
        size = data_length(ready.block.function, ready.block.count)
        body = data.draw(st.binary(min_size=size, max_size=size))
        points, values, bad = ready.values(bytes((1, ready.block.function, size)) + body)
        assert len(points) + len(bad) == len(ready.points)
        assert all(math.isfinite(value) for value in values)
        assert all(one.reason for one in bad)
