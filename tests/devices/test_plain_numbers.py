"""The fast way through a block and each point's own decoder never differ."""

from __future__ import annotations

import struct
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.plain_numbers import PlainBlock, plain_number
from devices.profile import ByteOrder, ModbusProfile, RegisterPoint, RegisterType, parse
from devices.registers import DecodeError, decoder

HEAD = """
profile: plain
maker: {en: plain}
models: [plain]
title: {en: plain}
source: plain
wire: modbus
examples: [{name: one, registers: {0: [0, 0, 0, 0]}, readings: {p: 0}}]
points:
"""
STEADY = settings(derandomize=True, deadline=None, database=None, max_examples=100)
WORDS = st.sampled_from([0, 1, 0x7FC0, 0x8000, 0xFFFF]) | st.integers(0, 0xFFFF)
PLAIN_TYPES = [kind for kind in RegisterType if not kind.value.startswith("bcd")]


def point(kind: RegisterType, address: int = 0, more: str = "scale: 0.1") -> RegisterPoint:
    found = parse(
        HEAD + f"  p: {{quantity: voltage, address: {address}, type: {kind.value}, step: 0.01, {more}}}"
    )
    assert isinstance(found, ModbusProfile)
    return found.points["p"]


def one_by_one(points: list[RegisterPoint], ratio: Decimal, words: tuple[int, ...]) -> list[float] | None:
    at, values = 0, []
    for one in points:
        end = at + one.type.registers
        try:
            values.append(decoder(one, ratio)(words[at:end]))
        except DecodeError:
            return None
        at = end
    return values


@STEADY
@given(data=st.data(), ratio=st.sampled_from([Decimal(1), Decimal("0.5"), Decimal(40)]))
def test_a_block_at_once_gives_what_its_decoders_give(data: st.DataObject, ratio: Decimal) -> None:
    kinds = data.draw(st.lists(st.sampled_from(PLAIN_TYPES), min_size=1, max_size=6))
    points = [
        point(kind, more="scale: 0.1, sentinels: [65535]" if kind.is_integer else "scale: 1")
        for kind in kinds
    ]
    numbers = [plain_number(one, ratio if one.type.is_integer else Decimal(1)) for one in points]
    count = sum(kind.registers for kind in kinds)
    words = tuple(data.draw(st.lists(WORDS, min_size=count, max_size=count)))
    places, at = [], 0
    for index, number in enumerate(numbers):
        assert number is not None
        places.append((str(index), at, number))
        at += number.registers
    block = PlainBlock(places)
    found = block.values(b"\1\3\0" + struct.pack(f">{count}H", *words), 3)
    alone = [
        one_by_one(
            [one],
            ratio if one.type.is_integer else Decimal(1),
            words[place[1] : place[1] + place[2].registers],
        )
        for one, place in zip(points, places, strict=True)
    ]
    if any(one is None for one in alone):
        assert found is None
    else:
        assert found is not None
        assert dict(zip(block.names, found, strict=True)) == {
            str(index): one[0] for index, one in enumerate(alone) if one
        }


def test_a_block_with_a_sentinel_in_it_is_left_to_the_decoders() -> None:
    number = plain_number(point(RegisterType.U16, more="scale: 0.1, sentinels: [65535]"))
    assert number is not None
    block = PlainBlock([("a", 0, number), ("b", 1, number)])
    assert block.values(struct.pack(">HH", 7, 65534), 0) == [0.7, 6553.4]
    assert block.values(struct.pack(">HH", 7, 65535), 0) is None


def test_numbers_apart_are_found_at_their_places() -> None:
    number, word = plain_number(point(RegisterType.U32)), plain_number(point(RegisterType.U16))
    assert number is not None
    assert word is not None
    block = PlainBlock([("b", 5, word), ("a", 1, number)])
    assert block.names == ("a", "b")
    assert block.values(struct.pack(">HIHHH", 9, 70_000, 9, 9, 12), 0) == [7_000.0, 1.2]


def test_of_two_that_overlap_the_second_is_left_to_its_decoder() -> None:
    number, word = plain_number(point(RegisterType.U32)), plain_number(point(RegisterType.U16))
    assert number is not None
    assert word is not None
    assert PlainBlock([("a", 0, number), ("b", 1, word)]).names == ("a",)


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        (RegisterType.BCD16, "scale: 1"),
        (RegisterType.U16, "bits: [0, 3]"),
        (RegisterType.F32, "scale: 0.1"),
        (RegisterType.U32, f"order: {ByteOrder.CDAB}"),
    ],
)
def test_what_is_not_plain_is_left_to_its_decoder(kind: RegisterType, more: str) -> None:
    assert plain_number(point(kind, more=more)) is None
