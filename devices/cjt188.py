"""CJ/T 188-2004 frames: the reading of water, heat and gas meters.

Knows frames, the one read request in the two byte orders makers send its identifier in, and a reply's data as a profile
lays it out. Does not know lines or time-outs; what a sound frame is, is in ``framing``. Dates in a reply are not looked
at: meters fill them with FF.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from devices import bcd, framing
from devices.frame_profile import Cjt188Point
from devices.registers import ONE, DecodeError

HEADER = 11
"""Bytes before the data."""
READ, READ_ADDRESS = 0x01, 0x03
WILDCARD = framing.WILDCARD
DATA_HEADER = 3
"""Data identifier and serial number before a reply's data."""
READ_DATA_ORDERS = (b"\x90\x1f", b"\x1f\x90")
"""Data identifier 901FH as it goes over the wire; real manuals show both."""


@dataclass(frozen=True, slots=True)
class Frame(framing.Addressed):
    """One frame. ``address`` is as on the wire, low byte first; ``meter_type`` the type byte."""

    meter_type: int
    address: bytes
    control: int
    data: bytes

    def encode(self) -> bytes:
        """The bytes on the wire, without wake-up."""
        head = (framing.START, self.meter_type, *self.address, self.control, len(self.data))
        return framing.closed(bytes(head) + self.data)


class UnitError(Exception):
    """The reply names a unit the profile does not know, or bits it gives no meaning. ``reason`` is ``unknown_unit``
    or ``unknown_word``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def frames(heard: bytes) -> Iterator[Frame]:
    """Every sound frame in what was heard, in order; noise, wake-up bytes and broken frames are passed over."""
    for body in framing.bodies(heard, HEADER):
        yield Frame(body[1], body[2:9], body[9], body[HEADER:])


def read(meter_type: int, address: str, order: bytes = READ_DATA_ORDERS[0], serial: int = 0) -> Frame:
    """The request for a meter's data; ``order`` is one of ``READ_DATA_ORDERS``."""
    return Frame(meter_type, bcd.address_bytes(address), READ, order + bytes((serial,)))


def read_address(meter_type: int = WILDCARD) -> Frame:
    """The request by which the only meter on a line tells its address.

    Its data, identifier 810AH low byte first and serial, were not re-read in the standard's text."""
    return Frame(meter_type, bytes((WILDCARD,)) * 7, READ_ADDRESS, b"\x0a\x81\x00")


def answers(reply: Frame, request: Frame) -> bool:
    """Whether ``reply`` is the answer to ``request``: by type, address, control code, identifier and serial.

    The wildcard AA in a request stands for any two digits; an identifier may come back in either order."""
    if reply.control & ~framing.REFUSAL != request.control | framing.REPLY:
        return False
    asked = bytes((request.meter_type, *request.address))
    if not framing.is_meant(asked, bytes((reply.meter_type, *reply.address))):
        return False
    if reply.is_refusal:
        return True
    di, serial = request.data[:2], request.data[2:3]
    return reply.data[:2] in {di, di[::-1]} and reply.data[2:3] == serial


def decode(point: Cjt188Point, data: bytes, ratio: Decimal = ONE) -> float:
    """The point's value from a reply's data after identifier and serial. Raises DecodeError or UnitError."""
    part = data[point.at : point.at + point.length]
    if point.end > len(data):
        raise DecodeError("no_value")
    if point.mask is not None:
        return _bits(point, part)
    if point.unit_at is None:
        return bcd.value(point, part, ratio)
    if part == b"\xff" * point.length:
        raise DecodeError("no_value")
    unit = point.units.get(f"{data[point.unit_at]:02X}")
    if unit is None:
        raise UnitError("unknown_unit")
    return bcd.value(point, part, ratio, unit)


def _bits(point: Cjt188Point, part: bytes) -> float:
    mask = point.mask or 0
    raw = (int.from_bytes(part, "little") & mask) // (mask & -mask)
    if not point.values:
        return bcd.scaled(point, raw)
    if raw not in point.values:
        raise UnitError("unknown_word")
    return point.values[raw]
