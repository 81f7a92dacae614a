"""Identification registers tell a device, or that it is another."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from devices import profile
from devices.marks import fits, is_identified, shown
from devices.profile import Mark, ModbusProfile

MODEL = Mark(address=30, length=4, text="adl400")
SUNS = Mark(address=40000, type=profile.RegisterType.U32, numbers=(0x53756E53,))


def words(text: str, registers: int) -> list[int]:
    data = text.encode().ljust(2 * registers, b"\0")
    return [int.from_bytes(data[index : index + 2], "big") for index in range(0, len(data), 2)]


def test_a_text_is_two_characters_a_register_up_to_the_first_zero() -> None:
    assert shown(MODEL, words("ADL400 ", 4)) == "ADL400"
    assert shown(MODEL, [0x4100, 0x4242, 0, 0]) == "A"
    assert shown(MODEL, [0xFFFF, 0x4142, 0, 0]) == "��AB"


def test_a_text_is_found_inside_and_in_any_case() -> None:
    assert fits(MODEL, words("xADL400x", 4))
    assert not fits(MODEL, words("DTSD1352", 4))


def test_a_number_is_one_of_those_named() -> None:
    assert fits(SUNS, [0x5375, 0x6E53])
    assert not fits(SUNS, [0x6E53, 0x5375])
    assert not fits(Mark(address=0, type=profile.RegisterType.BCD16, numbers=(15,)), [0x000F])


def test_a_device_is_identified_by_all_its_telling_marks() -> None:
    one = profile.load("sunspec-inverter")
    assert isinstance(one, ModbusProfile)
    read = {(3, 40000): [0x5375, 0x6E53], (3, 40069): [103]}
    assert is_identified(one, read) is True
    assert is_identified(one, read | {(3, 40069): [203]}) is False
    assert is_identified(one, {(3, 40000): [0x5375, 0x6E53]}) is False
    assert is_identified(one, read | {(3, 40000): [0x5375]}) is False


def test_a_device_without_marks_is_neither_found_nor_denied() -> None:
    one = profile.load("pulse-water")
    assert isinstance(one, ModbusProfile)
    assert is_identified(one, {}) is None


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"length": 2, "type": "u16"},
        {"type": "u16", "text": "a"},
        {"length": 2, "numbers": [1]},
    ],
)
def test_a_mark_is_either_text_or_number(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="text"):
        Mark.model_validate({"address": 0} | keys)
