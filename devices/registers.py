"""Modbus registers to numbers in the point's unit.

Knows register types, byte orders, scales, ratios, counter widths, and points made of several numbers. Does not
know how registers were read, what a plausible value is, or time. The result is the float nearest to the exact
``(raw × scale + offset) × ratio``: nothing is multiplied in floating point, so 3 × 0.1 is 0.3 and not
0.30000000000000004.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from devices.compound import compound
from devices.frame_profile import FramePoint
from devices.profile import AnyPoint, RegisterPoint
from devices.quantities import Kind
from devices.raw_numbers import DecodeError, raw_numbers, words_and_number, wrong_words

__all__ = ["ONE", "DecodeError", "Decoder", "decode", "decoder", "modulus", "ratio_of", "resolution"]

Decoder = Callable[[Sequence[int]], float]

ONE = Decimal(1)


def decode(point: RegisterPoint, registers: Sequence[int], ratio: Decimal = ONE) -> float:
    """The value in the point's unit, from exactly the words [``point.start``, ``point.stop``) in wire order.

    Raises DecodeError; ValueError when the words are not that many 16-bit numbers (a caller's
    mistake). A poller keeps ``decoder(point, ratio)`` instead of calling this for every reading.
    """
    return decoder(point, ratio)(registers)


@lru_cache(maxsize=4096)
def decoder(point: RegisterPoint, ratio: Decimal = ONE) -> Decoder:
    """``decode`` with everything that does not depend on the registers worked out once."""
    if point.companions:
        return compound(point, ratio)
    if point.bits is not None or point.type.value.startswith("bcd"):
        return _converted(point, ratio)
    pack, unpack = words_and_number(point.type, point.order)
    sentinels = frozenset(point.sentinels)
    to_value = (_integer_to_value if point.type.is_integer else _float_to_value)(point, ratio)

    def decode_words(registers: Sequence[int]) -> float:
        try:
            raw = unpack(pack(*registers))[0]
        except struct.error as error:
            raise wrong_words(point.type, error) from error
        if raw in sentinels:
            raise DecodeError("no_value")
        return to_value(raw)

    return decode_words


def _converted(point: RegisterPoint, ratio: Decimal) -> Decoder:
    """A bit field or decimal digits: the raw number takes a step more."""
    raw_of, sentinels = raw_numbers(point, point.bits), frozenset(point.sentinels)
    to_value = _integer_to_value(point, ratio)

    def decode_words(registers: Sequence[int]) -> float:
        raw = int(raw_of(registers))
        if raw in sentinels:
            raise DecodeError("no_value")
        return to_value(raw)

    return decode_words


def ratio_of(point: RegisterPoint | FramePoint, ct: Decimal, pt: Decimal) -> Decimal:
    """What the point's value is still to be multiplied by on a device with these CT and PT ratios."""
    match point.ratio:
        case "ct":
            return ct
        case "pt":
            return pt
        case "ct_pt":
            return ct * pt
    return ONE


def resolution(point: AnyPoint, ratio: Decimal = ONE) -> Decimal:
    """One register step in the point's unit, ratio applied: 0.01 kWh behind a CT of 40 steps by 0.40
    kWh."""
    return point.resolution * ratio


def modulus(point: AnyPoint, ratio: Decimal, step: Decimal) -> int | None:
    """How many ``step`` (in the point's unit) a counter counts before it starts again at 0; None when the
    map does not say, so that a fall is never taken for a rollover."""
    if point.info.kind is not Kind.COUNTER:
        return None
    if point.rollover is not None:
        raw = Fraction(point.rollover)
    elif isinstance(point, RegisterPoint) and point.width is not None:
        raw = Fraction(2**point.width)
    else:
        return None
    return round(raw * abs(Fraction(point.scale)) * Fraction(ratio) / Fraction(step))


def line(point: RegisterPoint, ratio: Decimal) -> tuple[int, int, int]:
    """(n, m, d) with ``(raw × scale + offset) × ratio == (raw × n + m) / d`` in whole numbers, because
    Python divides two integers with one correct rounding."""
    slope = Fraction(point.scale) * Fraction(ratio)
    offset = Fraction(point.offset) * Fraction(ratio)
    d = math.lcm(slope.denominator, offset.denominator)
    return int(slope * d), int(offset * d), d


def _integer_to_value(point: RegisterPoint, ratio: Decimal) -> Callable[[int], float]:
    n, m, d = line(point, ratio)

    def to_value(raw: int) -> float:
        try:
            return (raw * n + m) / d
        except OverflowError as error:
            raise DecodeError("not_a_number") from error

    return to_value


def _float_to_value(point: RegisterPoint, ratio: Decimal) -> Callable[[float], float]:
    n, m, d = line(point, ratio)
    is_plain = (n, m) == (d, 0)

    def to_value(raw: float) -> float:
        if not math.isfinite(raw):
            raise DecodeError("not_a_number")
        if is_plain:
            return raw + 0.0  # -0.0 becomes 0.0
        p, q = raw.as_integer_ratio()
        try:
            return (p * n + m * q) / (q * d)
        except OverflowError as error:
            raise DecodeError("not_a_number") from error

    return to_value
