"""Raw numbers into registers, by this room's own few lines: big-endian bytes, then the order the map gives.

Kept apart from the gateway's decoder on purpose; a swapped word order in either shows in the other.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from devices.profile import ByteOrder, RegisterPoint

_CODES = {
    "u16": ">H",
    "i16": ">h",
    "u32": ">I",
    "i32": ">i",
    "u64": ">Q",
    "i64": ">q",
    "f32": ">f",
    "f64": ">d",
}
GAP_MAX = 64
"""Unused registers up to this many between two points still answer, with zero; farther ones are not there."""


def encode(number: float, type_name: str, order: ByteOrder) -> list[int]:
    """The registers of one number, lowest address first. Raises struct.error when it does not fit."""
    image = struct.pack(_CODES[type_name], number)
    words = [image[index : index + 2] for index in range(0, len(image), 2)]
    if order in (ByteOrder.BADC, ByteOrder.DCBA):
        words = [word[::-1] for word in words]
    if order in (ByteOrder.CDAB, ByteOrder.DCBA):
        words.reverse()
    return [int.from_bytes(word, "big") for word in words]


def blocks(points: Iterable[RegisterPoint]) -> list[tuple[int, int]]:
    """The (first, count) stretches of addresses that the device answers for."""
    found: list[tuple[int, int]] = []
    for point in sorted(points, key=lambda p: p.address):
        if found and point.address - sum(found[-1]) <= GAP_MAX:
            first, count = found[-1]
            found[-1] = (first, max(count, point.end - first))
        else:
            found.append((point.address, point.type.registers))
    return found
