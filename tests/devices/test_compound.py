"""A value of several numbers is exact, or has a reason why it is none."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from devices import registers
from devices.profile import RegisterPoint
from devices.registers import DecodeError

STEADY = settings(derandomize=True, deadline=None, database=None, max_examples=100)


def point(kind: str = "i16", address: int = 10, **more: Any) -> RegisterPoint:
    keys = {"quantity": "active_power", "address": address, "type": kind, "step": "0.001"}
    return RegisterPoint.model_validate(keys | more)


def reason(one: RegisterPoint, words: list[int]) -> str:
    with pytest.raises(DecodeError) as caught:
        registers.decode(one, words)
    return caught.value.reason


SCALED = point(scale="0.001", sentinels=[-0x8000], exponent={"address": 11})
TARIFFS = point("u32", parts=[{"address": 14, "type": "u32"}])
GATED = point("u16", gates=[{"address": 13, "bits": [0, 7], "range": [60, 99]}])


def test_all_that_a_point_needs_is_one_stretch_of_registers() -> None:
    assert (SCALED.start, SCALED.stop) == (10, 12)
    assert (TARIFFS.start, TARIFFS.stop) == (10, 16)
    before = point(gates=[{"address": 2, "range": [1, 1]}])
    assert (before.start, before.stop, before.end) == (2, 11, 11)


@STEADY
@given(st.integers(-0x7FFF, 0x7FFF), st.integers(-10, 10))
def test_a_scale_factor_is_a_power_of_ten_of_this_very_reply(raw: int, power: int) -> None:
    exact = Fraction(raw) * Fraction(10) ** power / 1000
    assert registers.decode(SCALED, [raw & 0xFFFF, power & 0xFFFF]) == float(exact)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([0x8000, 0], "no_value"),
        ([1, 0x8000], "no_value"),
        ([1, 11], "not_a_number"),
        ([1, 0xFFF5], "not_a_number"),
    ],
)
def test_an_absent_value_or_scale_factor_is_never_zero(words: list[int], expected: str) -> None:
    assert reason(SCALED, words) == expected


def test_a_mantissa_has_its_exponent_in_any_type() -> None:
    one = point("i32", exponent={"address": 12, "type": "u16", "sentinels": [0xFF]})
    assert registers.decode(one, [0, 12345, 2]) == 1_234_500
    assert reason(one, [0, 12345, 0xFF]) == "no_value"


def test_tariffs_are_summed_and_the_registers_between_them_are_not() -> None:
    assert registers.decode(TARIFFS, [0, 100, 7, 7, 0, 23]) == 123


def test_an_integer_and_its_fraction_are_one_number() -> None:
    one = point("i32", order="CDAB", parts=[{"address": 12, "type": "f32", "order": "CDAB"}])
    assert registers.decode(one, [0x073B, 0, 0, 0x3E80]) == 1851.25
    assert reason(one, [0x073B, 0, 0, 0x7FC0]) == "not_a_number"
    assert reason(one, [0x073B, 0, 0, 0x7F80]) == "not_a_number"


def test_a_part_has_a_scale_and_sentinels_of_its_own() -> None:
    one = point("u16", parts=[{"address": 11, "type": "u16", "scale": "0.001", "sentinels": [0xFFFF]}])
    assert registers.decode(one, [3, 250]) == 3.25
    assert reason(one, [3, 0xFFFF]) == "no_value"


@pytest.mark.parametrize(
    ("quality", "is_open"), [(0, False), (59, False), (60, True), (0x5263, True), (0x5264, False)]
)
def test_a_gate_lets_a_value_through_or_none_at_all(quality: int, is_open: bool) -> None:
    words = [0, 9, 9, quality]
    if is_open:
        assert registers.decode(GATED, words) == 0
    else:
        assert reason(GATED, words) == "gated"


def test_every_gate_must_be_open() -> None:
    one = point("u16", gates=[{"address": 11, "range": [1, 1]}, {"address": 12, "range": [2, 2]}])
    assert registers.decode(one, [5, 1, 2]) == 5
    assert reason(one, [5, 1, 3]) == "gated"
    assert reason(one, [5, 2, 2]) == "gated"


def test_offset_and_ratio_come_last_and_exactly() -> None:
    one = point("u16", scale="0.1", offset="0.2", ratio="ct", exponent={"address": 11})
    assert registers.decode(one, [1, 0], Decimal(3)) == 0.9
    assert registers.decode(one, [1, 1], Decimal(3)) == 3.6


def test_a_result_beyond_a_float_is_not_a_number() -> None:
    one = point("u16", scale="1e307", exponent={"address": 11})
    assert reason(one, [9, 5]) == "not_a_number"


@pytest.mark.parametrize("words", [[], [1], [1, 2, 3]])
def test_other_than_the_points_words_is_a_mistake_of_the_caller(words: list[int]) -> None:
    with pytest.raises(ValueError, match="the point is 2 words"):
        registers.decode(SCALED, words)


@pytest.mark.parametrize("more", [{"width": 32}, {"rollover": 1000}, {"step": None}])
def test_a_sum_says_its_step_and_no_rollover(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="has parts or an exponent and"):
        point("u32", parts=[{"address": 14, "type": "u32"}], **more)


def test_where_a_sum_rolls_over_is_never_guessed() -> None:
    one = point("u32", quantity="active_energy_import", parts=[{"address": 14, "type": "u32"}])
    assert registers.modulus(one, registers.ONE, registers.resolution(one)) is None
