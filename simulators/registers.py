"""Raw numbers into registers, by this room's own few lines: big-endian bytes, then the order the map gives.

A point of several numbers is laid out as its device would: the whole before the fraction, the power of ten that
makes the number fit, and gates that say yes.

Kept apart from the gateway's decoder on purpose; a swapped word order in either shows in the other.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from devices.profile import ByteOrder, ModbusProfile, RegisterPoint, RegisterType

_CODES = {
    "u16": ">H",
    "i16": ">h",
    "u32": ">I",
    "i32": ">i",
    "u64": ">Q",
    "i64": ">q",
    "f32": ">f",
    "f64": ">d",
    "bcd16": ">H",
    "bcd32": ">I",
    "bcd64": ">Q",
}
Number = int | float
GAP_MAX = 64
"""Unused registers up to this many between two points still answer, with zero; farther ones are not there."""


def encode(number: float, type_name: str, order: ByteOrder) -> list[int]:
    """The registers of one number, lowest address first. Raises struct.error when it does not fit."""
    if type_name.startswith("bcd"):
        number = int(str(int(number)), 16)
    image = struct.pack(_CODES[type_name], number)
    words = [image[index : index + 2] for index in range(0, len(image), 2)]
    if order in (ByteOrder.BADC, ByteOrder.DCBA):
        words = [word[::-1] for word in words]
    if order in (ByteOrder.CDAB, ByteOrder.DCBA):
        words.reverse()
    return [int.from_bytes(word, "big") for word in words]


def layout(spec: RegisterPoint, raw: Number) -> list[tuple[int, list[int]]]:
    """The (address, registers) of a point that shows ``raw``: its own, and those that are read with it."""
    first, powers, rest = raw, 0, 0.0
    if spec.exponent is not None:
        while not -(1 << spec.type.bits - 1) <= first < 1 << spec.type.bits - spec.type.is_signed:
            powers, first = powers + 1, int(raw / 10 ** (powers + 1))
    elif spec.parts:
        first = int(raw) if spec.type.is_integer else float(raw // 2)
        rest = (raw - first) * float(spec.scale / spec.parts[0].scale)
    own = encode(int(first) << spec.bits[0] if spec.bits else first, spec.type.value, spec.order)
    placed = [(spec.address, own)]
    for index, part in enumerate(spec.parts):
        placed.append((part.address, _held(0 if index else rest, part.type, part.order)))
    if spec.exponent is not None:
        placed.append((spec.exponent.address, encode(powers, spec.exponent.type.value, spec.exponent.order)))
    for gate in spec.gates:
        if (gate.address, gate.type, gate.bits) != (spec.address, spec.type, spec.bits):
            shift = gate.bits[0] if gate.bits else 0
            placed.append((gate.address, encode(gate.range[1] << shift, gate.type.value, gate.order)))
    return placed


def _held(number: Number, kind: RegisterType, order: ByteOrder) -> list[int]:
    return encode(round(number) if kind.is_integer else number, kind.value, order)


def identity(profile: ModbusProfile) -> dict[tuple[int, int], int]:
    """What stands at the identification registers, by function and address, as an example of the profile has it."""
    wanted = [(mark.function, at) for mark in profile.identify for at in range(mark.address, mark.end)]
    for example in profile.examples:
        words = {
            first + index: word for first, row in example.registers.items() for index, word in enumerate(row)
        }
        if words.keys() >= {at for _, at in wanted}:
            return {(function, at): words[at] for function, at in wanted}
    return {}


def blocks(points: Iterable[RegisterPoint], marks: Iterable[int] = ()) -> list[tuple[int, int]]:
    """The (first, count) stretches of addresses that the device answers for; ``marks`` are single registers."""
    found: list[tuple[int, int]] = []
    spans = [(point.start, point.stop) for point in points] + [(at, at + 1) for at in marks]
    for start, stop in sorted(spans):
        if found and start - sum(found[-1]) <= GAP_MAX:
            first, count = found[-1]
            found[-1] = (first, max(count, stop - first))
        else:
            found.append((start, stop - start))
    return found
