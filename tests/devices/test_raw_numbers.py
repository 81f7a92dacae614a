"""Decimal digits and bit fields of registers."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from devices import registers
from devices.profile import ByteOrder, RegisterPoint
from devices.registers import DecodeError


def point(kind: str, **more: Any) -> RegisterPoint:
    return RegisterPoint.model_validate({"quantity": "water_volume", "address": 0, "type": kind} | more)


@pytest.mark.parametrize(
    ("kind", "words", "value"),
    [
        ("bcd16", [0x1234], 1234),
        ("bcd32", [0x0012, 0x3456], 123456),
        ("bcd64", [0x1234, 0x5678, 0x9012, 0x3456], 1_234_567_890_123_456),
        ("bcd32", [0, 0], 0),
    ],
)
def test_decimal_digits_are_read_as_written(kind: str, words: list[int], value: float) -> None:
    assert registers.decode(point(kind), words) == value


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (ByteOrder.ABCD, [0x1234, 0x5678]),
        (ByteOrder.CDAB, [0x5678, 0x1234]),
        (ByteOrder.BADC, [0x3412, 0x7856]),
        (ByteOrder.DCBA, [0x7856, 0x3412]),
    ],
)
def test_decimal_digits_come_in_all_four_orders(order: ByteOrder, words: list[int]) -> None:
    assert registers.decode(point("bcd32", order=order, scale="0.01"), words) == 123456.78


@pytest.mark.parametrize("words", [[0x0123, 0x456A], [0xFFFF, 0xFFFF], [0xA000, 0]])
def test_a_digit_above_nine_is_not_a_number(words: list[int]) -> None:
    with pytest.raises(DecodeError, match="not_a_number"):
        registers.decode(point("bcd32"), words)


def test_a_sentinel_of_decimal_digits_is_what_they_say() -> None:
    with pytest.raises(DecodeError, match="no_value"):
        registers.decode(point("bcd16", sentinels=[9999]), [0x9999])


@pytest.mark.parametrize(
    ("kind", "bits", "words", "value"),
    [
        ("u16", [0, 0], [0xFFFE], 0),
        ("u16", [15, 15], [0x8000], 1),
        ("u16", [4, 7], [0xABCD], 0xC),
        ("u32", [15, 16], [0x0001, 0x8000], 3),
    ],
)
def test_bits_are_counted_from_the_lowest(kind: str, bits: list[int], words: list[int], value: int) -> None:
    assert registers.decode(point(kind, bits=bits), words) == value


@pytest.mark.parametrize(
    ("kind", "bits"),
    [
        ("u16", [3, 2]),
        ("u16", [0, 16]),
        ("u16", [-1, 0]),
        ("i16", [0, 1]),
        ("f32", [0, 1]),
        ("bcd16", [0, 1]),
    ],
)
def test_bits_that_are_not_there_are_refused(kind: str, bits: list[int]) -> None:
    with pytest.raises(ValidationError, match="are not in a"):
        point(kind, bits=bits)


@pytest.mark.parametrize("more", [{"bits": [0, 3]}, {}])
def test_other_than_the_types_words_is_a_mistake_of_the_caller(more: dict[str, Any]) -> None:
    kind = "u16" if more else "bcd16"
    with pytest.raises(ValueError, match=f"{kind} is 1 words of 16 bits"):
        registers.decode(point(kind, **more), [1, 2])
