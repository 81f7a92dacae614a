"""The raw number in a few registers: type, byte order, bits of a word, decimal digits.

Knows words of 16 bits and how makers lay numbers in them. Knows no scale, unit or point.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any, Literal

from devices.profile import ByteOrder, RegisterPoint, Registers, RegisterType

Reason = Literal["not_a_number", "no_value", "gated"]
Raw = Callable[[Sequence[int]], int | float]

CODES = {
    RegisterType.U16: "H",
    RegisterType.I16: "h",
    RegisterType.U32: "I",
    RegisterType.I32: "i",
    RegisterType.U64: "Q",
    RegisterType.I64: "q",
    RegisterType.F32: "f",
    RegisterType.F64: "d",
    RegisterType.BCD16: "H",
    RegisterType.BCD32: "I",
    RegisterType.BCD64: "Q",
}

# A value travels as words, a word as bytes. Writing the words with one endianness and reading the value
# with another gives all four orders, also for 64 bits (CDAB: words reversed, BADC: bytes swapped inside
# each word).
_ENDIANNESS = {
    ByteOrder.ABCD: (">", ">"),
    ByteOrder.CDAB: ("<", "<"),
    ByteOrder.BADC: ("<", ">"),
    ByteOrder.DCBA: (">", "<"),
}


class DecodeError(Exception):
    """The registers hold no usable number. ``reason`` is ``not_a_number`` (NaN, infinite, beyond a float, no
    decimal digit), ``no_value`` (a sentinel of the profile) or ``gated`` (the register that vouches for the value
    says that it does not count)."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def words_and_number(
    kind: RegisterType, order: ByteOrder
) -> tuple[Callable[..., bytes], Callable[[bytes], Any]]:
    """What packs the words of a type, and what unpacks the number from those bytes."""
    to_words, from_words = _ENDIANNESS[order]
    pack = struct.Struct(f"{to_words}{kind.registers}H").pack
    return pack, struct.Struct(f"{from_words}{CODES[kind]}").unpack


def wrong_words(kind: RegisterType, error: struct.error) -> ValueError:
    """For words that are too few, too many, or wider than 16 bits."""
    return ValueError(f"{kind} is {kind.registers} words of 16 bits: {error}")


def raw_numbers(number: RegisterPoint | Registers, bits: tuple[int, int] | None = None) -> Raw:
    """The raw number in exactly ``number.type.registers`` words: its bits, its decimal digits, or all of it."""
    kind = number.type
    pack, unpack = words_and_number(kind, number.order)

    def plain(registers: Sequence[int]) -> int | float:
        try:
            raw: int | float = unpack(pack(*registers))[0]
        except struct.error as error:
            raise wrong_words(kind, error) from error
        return raw

    if bits is not None:
        shift, mask = bits[0], (1 << (bits[1] - bits[0] + 1)) - 1
        return lambda registers: int(plain(registers)) >> shift & mask
    if kind.value.startswith("bcd"):
        return lambda registers: _decimal_digits(int(plain(registers)))
    return plain


def _decimal_digits(raw: int) -> int:
    try:
        return int(f"{raw:x}")
    except ValueError as error:
        raise DecodeError("not_a_number") from error
