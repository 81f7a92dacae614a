"""Registers decode to the exact number, for every type and byte order, or to a reason."""

from __future__ import annotations

import math
import struct
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices import registers
from devices.profile import ByteOrder, FieldPoint, RegisterPoint, RegisterType
from devices.registers import DecodeError

STEADY = settings(derandomize=True, deadline=None, database=None, max_examples=100)
BINARY = [kind for kind in RegisterType if not kind.value.startswith("bcd")]
EVERY_TYPE = pytest.mark.parametrize("kind", BINARY)
EVERY_ORDER = pytest.mark.parametrize("order", list(ByteOrder))


def point(kind: RegisterType = RegisterType.U32, **more: Any) -> RegisterPoint:
    return RegisterPoint(**{"quantity": "active_energy_import", "address": 0, "type": kind} | more)


def wire_words(value: float, kind: RegisterType, order: ByteOrder) -> list[int]:
    """The words as a meter sends them, made byte by byte and without the code under test."""
    if kind.is_integer:
        data = int(value).to_bytes(kind.registers * 2, "big", signed=kind.value[0] == "i")
    else:
        data = struct.pack(">f" if kind is RegisterType.F32 else ">d", value)
    words = [data[i : i + 2] for i in range(0, len(data), 2)]
    if order in (ByteOrder.CDAB, ByteOrder.DCBA):
        words.reverse()
    if order in (ByteOrder.BADC, ByteOrder.DCBA):
        words = [word[::-1] for word in words]
    return [int.from_bytes(word, "big") for word in words]


def raw_numbers(kind: RegisterType) -> st.SearchStrategy[float]:
    bits = int(kind.value[1:])
    if not kind.is_integer:
        return st.floats(allow_nan=False, allow_infinity=False, width=32 if bits == 32 else 64)
    if kind.value[0] == "i":
        return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return st.integers(0, 2**bits - 1)


@EVERY_TYPE
@EVERY_ORDER
def test_decoding_what_a_meter_sends_gives_the_number_it_meant(kind: RegisterType, order: ByteOrder) -> None:
    one = point(kind, order=order, quantity="active_power")

    @STEADY
    @given(raw_numbers(kind))
    def check(raw: float) -> None:
        assert registers.decode(one, wire_words(raw, kind, order)) == float(raw)

    check()


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ("ABCD", [0x4148, 0x0001]),
        ("CDAB", [1, 0x4148]),
        ("BADC", [0x4841, 0x0100]),
        ("DCBA", [0x0100, 0x4841]),
    ],
)
def test_the_four_orders_are_the_ones_the_letters_say(order: str, words: list[int]) -> None:
    assert registers.decode(point(order=order), words) == 0x41480001


@STEADY
@given(
    st.integers(-(2**63), 2**63 - 1),
    st.decimals(-1000, 1000, places=4).filter(bool),
    st.decimals(-1000, 1000, places=3),
    st.decimals("0.001", 5000, places=3),
)
def test_scale_offset_and_ratio_give_the_nearest_float_of_the_exact_result(
    raw: int, scale: Decimal, offset: Decimal, ratio: Decimal
) -> None:
    one = point(RegisterType.I64, scale=scale, offset=offset)
    exact = (raw * Fraction(scale) + Fraction(offset)) * Fraction(ratio)
    assert registers.decode(one, wire_words(raw, one.type, one.order), ratio) == float(exact)


def test_a_tenth_of_an_integer_is_not_a_neighbour_of_it() -> None:
    assert 3 * 0.1 != 0.3
    assert registers.decode(point(scale=Decimal("0.1")), [0, 3]) == 0.3


def test_a_float_is_scaled_exactly_too() -> None:
    one = point(RegisterType.F32, scale=Decimal("0.0001"), quantity="active_power")
    assert registers.decode(one, [0x4643, 0x5000], Decimal(40)) == 50.0


@pytest.mark.parametrize("words", [[0x7FC0, 0], [0x7F80, 0], [0xFF80, 0]])
@pytest.mark.parametrize("scale", ["1", "0.1"])
def test_nan_and_infinity_are_not_numbers(words: list[int], scale: str) -> None:
    with pytest.raises(DecodeError) as caught:
        registers.decode(point(RegisterType.F32, scale=Decimal(scale)), words)
    assert caught.value.reason == "not_a_number"


@pytest.mark.parametrize("kind", [RegisterType.U64, RegisterType.F64])
def test_a_result_beyond_a_float_is_not_a_number(kind: RegisterType) -> None:
    one = point(kind, scale=Decimal("1e300"))
    with pytest.raises(DecodeError, match="not_a_number"):
        registers.decode(one, wire_words(2**60, kind, one.order))


def test_minus_zero_is_zero() -> None:
    assert math.copysign(1, registers.decode(point(RegisterType.F32), [0x8000, 0])) == 1


@pytest.mark.parametrize(
    ("kind", "sentinel", "words"),
    [
        (RegisterType.U16, 0xFFFF, [0xFFFF]),
        (RegisterType.I16, -0x8000, [0x8000]),
        (RegisterType.U64, 2**64 - 1, [0xFFFF] * 4),
        (RegisterType.F32, -1.0, [0xBF80, 0]),
    ],
)
def test_a_sentinel_is_no_value(kind: RegisterType, sentinel: float, words: list[int]) -> None:
    with pytest.raises(DecodeError, match="no_value"):
        registers.decode(point(kind, sentinels=(sentinel,)), words)


def test_all_ones_of_64_bits_does_not_swallow_its_neighbour() -> None:
    one = point(RegisterType.U64, sentinels=(2**64 - 1,))
    assert registers.decode(one, [0xFFFF, 0xFFFF, 0xFFFF, 0xFFFE]) == float(2**64 - 2)


@pytest.mark.parametrize("words", [[], [1], [1, 2, 3], [1, 70000], [-1, 0]])
def test_other_than_the_types_words_is_a_mistake_of_the_caller(words: list[int]) -> None:
    with pytest.raises(ValueError, match="u32 is 2 words of 16 bits"):
        registers.decode(point(), words)


@pytest.mark.parametrize(("ratio", "factor"), [("none", 1), ("ct", 40), ("pt", 100), ("ct_pt", 4000)])
def test_only_the_ratios_the_map_names_are_applied(ratio: str, factor: int) -> None:
    assert registers.ratio_of(point(ratio=ratio), Decimal(40), Decimal(100)) == factor


def test_resolution_grows_with_the_ratio() -> None:
    assert registers.resolution(point(scale=Decimal("0.01")), Decimal(40)) == Decimal("0.4")
    assert registers.resolution(point(RegisterType.F32, step=Decimal("0.1"))) == Decimal("0.1")


def test_a_binary_counter_rolls_over_after_its_bits() -> None:
    one = point(scale=Decimal("0.1"), width=32)
    assert registers.modulus(one, Decimal(40), registers.resolution(one, Decimal(40))) == 2**32


def test_a_decimal_counter_rolls_over_at_its_value() -> None:
    one = point(scale=Decimal("0.01"), rollover=Decimal(100_000_000))
    assert registers.modulus(one, Decimal(1), Decimal("0.01")) == 100_000_000
    assert registers.modulus(one, Decimal(1), Decimal("0.1")) == 10_000_000


def test_a_payload_counter_rolls_over_where_its_profile_says() -> None:
    one = FieldPoint(
        quantity="active_energy_import", path="e", scale=Decimal("0.001"), rollover=Decimal(1_000_000)
    )
    assert registers.modulus(one, Decimal(1), Decimal("0.001")) == 1_000_000


def test_where_the_map_says_nothing_no_fall_is_a_rollover() -> None:
    assert registers.modulus(point(), Decimal(1), Decimal(1)) is None
    assert registers.modulus(point(quantity="active_power", width=32), Decimal(1), Decimal(1)) is None


def test_a_decoder_is_made_once_for_a_point_and_ratio() -> None:
    one = point()
    assert registers.decoder(one, Decimal(2)) is registers.decoder(one, Decimal(2))
