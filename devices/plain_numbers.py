"""Many plain numbers of one block at once, from the bytes of the reply.

Knows the common case only: whole numbers and unscaled floats, high word first. What is anything else (bits, decimal
digits, another order, companions) has a decoder of its own in ``registers``, and the two never differ in a value.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable
from decimal import Decimal
from operator import contains
from typing import NamedTuple

from devices.profile import ByteOrder, RegisterPoint
from devices.raw_numbers import CODES
from devices.registers import ONE, line

REGISTER_BYTES = 2

Unpack = Callable[[bytes, int], tuple[float, ...]]


class PlainNumber(NamedTuple):
    """A number as it lies in the registers, and ``(raw × n + m) / d`` as its value in the point's unit."""

    code: str
    """The number's code in ``struct``."""
    registers: int
    n: int
    m: int
    d: int
    sentinels: frozenset[int]


def plain_number(point: RegisterPoint, ratio: Decimal = ONE) -> PlainNumber | None:
    """None for a point that needs more than that."""
    code = CODES[point.type]
    is_one_word = point.type.registers == 1
    if (
        point.companions
        or point.bits is not None
        or point.type.value.startswith("bcd")
        or point.order not in ({ByteOrder.ABCD, ByteOrder.CDAB} if is_one_word else {ByteOrder.ABCD})
    ):
        return None
    n, m, d = line(point, ratio)
    if not point.type.is_integer and ((n, m) != (d, 0) or point.sentinels):
        return None
    return PlainNumber(code, point.type.registers, n, m, d, frozenset(int(one) for one in point.sentinels))


class PlainBlock:
    """Plain numbers at their places in a block; ``names`` in the order of the values."""

    __slots__ = ("_floats", "_integers", "_lines", "_sentinels", "names")

    def __init__(self, places: Iterable[tuple[str, int, PlainNumber]]) -> None:
        """Name, first register in the block and number of each; one that overlaps another is left out of ``names``."""
        kept: list[tuple[str, int, PlainNumber]] = []
        for name, first, number in sorted(places, key=lambda place: place[1]):
            if not kept or first >= kept[-1][1] + kept[-1][2].registers:
                kept.append((name, first, number))
        floats = [place for place in kept if place[2].code in "fd"]
        integers = [place for place in kept if place[2].code not in "fd"]
        self.names = tuple(name for name, _, _ in (*floats, *integers))
        self._floats, self._integers = _unpack(floats), _unpack(integers)
        self._lines = [(number.n, number.m, number.d) for _, _, number in integers]
        self._sentinels = [number.sentinels for _, _, number in integers]

    def values(self, reply: bytes, start: int) -> list[float] | None:
        """The values in the points' units, the block's first byte being ``reply[start]``; None when any of them is
        no number, so that each point's own decoder says which and why."""
        floats = self._floats(reply, start)
        if not math.isfinite(sum(floats)):
            return None
        values = [raw + 0.0 for raw in floats]  # -0.0 becomes 0.0
        raws = self._integers(reply, start)
        if any(map(contains, self._sentinels, raws)):
            return None
        try:
            values += [(raw * n + m) / d for raw, (n, m, d) in zip(raws, self._lines, strict=True)]
        except OverflowError:
            return None
        return values


def _unpack(places: Iterable[tuple[str, int, PlainNumber]]) -> Unpack:
    layout, at = ">", 0
    for _, first, number in places:
        layout += f"{REGISTER_BYTES * (first - at)}x{number.code}"
        at = first + number.registers
    return struct.Struct(layout).unpack_from
