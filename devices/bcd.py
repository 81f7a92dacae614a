"""Decimal digits two to a byte, low byte first, as Chinese meters send them. Pure.

The value is the float nearest to the exact ``(digits × scale + offset) × ratio``.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from devices.frame_profile import FramePoint
from devices.registers import ONE, DecodeError

SIGN = 0x80


def digits(data: bytes, *, signed: bool = False) -> int:
    """The number in ``data``. Raises DecodeError: ``no_value`` for all ones, which meters send for what they lack,
    ``not_a_number`` for a nibble above 9."""
    if data == b"\xff" * len(data):
        raise DecodeError("no_value")
    is_negative = signed and bool(data[-1] & SIGN)
    plain = data[:-1] + bytes((data[-1] & ~SIGN,)) if is_negative else data
    text = plain[::-1].hex()
    if not text.isdecimal():
        raise DecodeError("not_a_number")
    return -int(text) if is_negative else int(text)


def address_bytes(text: str) -> bytes:
    """The bytes on the wire of the digits on a meter's plate, low byte first; AA is the wildcard."""
    return bytes.fromhex(text)[::-1]


def value(point: FramePoint, data: bytes, ratio: Decimal = ONE, unit: Decimal = ONE) -> float:
    """The point's value in its quantity's unit, from exactly its bytes. Raises DecodeError."""
    raw = digits(data, signed=point.signed)
    if raw in point.sentinels:
        raise DecodeError("no_value")
    return scaled(point, raw, ratio, unit)


def scaled(point: FramePoint, raw: int, ratio: Decimal = ONE, unit: Decimal = ONE) -> float:
    """``raw`` in the quantity's unit, rounded once."""
    exact = raw * Fraction(point.scale) * Fraction(unit) + Fraction(point.offset)
    return float(exact * Fraction(ratio))
