"""CJ/T 188 frames: checked vectors, the two orders of the identifier, makers' variants, and encode ∘ decode."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from devices import cjt188
from devices.cjt188 import READ_DATA_ORDERS, Frame, UnitError, answers, frames, read, read_address
from devices.profile import Cjt188Point, Cjt188Profile, load
from devices.registers import DecodeError

METER = "00000012345678"
REPLY = bytes.fromhex(
    "68 10 78 56 34 12 00 00 00 81 16 90 1F 00 45 23 01 00 2C 00 20 01 00 2C 00 30 08 01 09 26 20 00 00 3C 16"
)
FRAMES = st.builds(
    Frame,
    st.integers(0, 255),
    st.binary(min_size=7, max_size=7),
    st.integers(0, 255),
    st.binary(max_size=200),
)


def volume(**more: object) -> Cjt188Point:
    said = {"quantity": "water_volume", "at": 0, "length": 4, "scale": "0.01"}
    return Cjt188Point.model_validate({**said, "unit_at": 4, "units": {"2C": 1, "29": "0.001"}, **more})


def only(heard: bytes) -> Frame:
    (frame,) = frames(heard)
    return frame


def test_requests_are_byte_for_byte_the_checked_ones() -> None:
    generated = bytes.fromhex("68 10 78 56 34 12 00 00 00 01 03 90 1F 00 3F 16")
    published = bytes.fromhex("68 10 44 33 22 11 00 33 78 01 03 1F 90 00 80 16")
    assert read(0x10, METER).encode() == generated
    assert read(0x10, "78330011223344", READ_DATA_ORDERS[1]).encode() == published


def test_a_reply_gives_the_exact_value() -> None:
    frame = only(REPLY)
    assert frame.plate == METER
    assert cjt188.decode(volume(), frame.data[3:]) == 123.45


def test_a_published_reply_with_a_wrong_check_sum_is_no_frame() -> None:
    assert list(frames(REPLY[:-2] + b"\x08\x16")) == []


@pytest.mark.parametrize("kind", [0x10, 0x11, 0x12, 0x13, 0x20, 0x21, 0x30, 0x40])
@pytest.mark.parametrize("order", READ_DATA_ORDERS)
def test_every_type_and_both_orders_are_matched(kind: int, order: bytes) -> None:
    request = read(kind, METER, order)
    reply = Frame(kind, request.address, 0x81, order + b"\x00" + bytes(19))
    assert answers(reply, request)
    assert answers(Frame(kind, request.address, 0x81, order[::-1] + b"\x00" + bytes(19)), request)
    assert answers(Frame(kind, request.address, 0xC1, b"\0\0\0"), request)


@pytest.mark.parametrize(
    "reply",
    [
        Frame(0x11, only(REPLY).address, 0x81, only(REPLY).data),
        Frame(0x10, bytes(7), 0x81, only(REPLY).data),
        Frame(0x10, only(REPLY).address, 0x84, only(REPLY).data),
        Frame(0x10, only(REPLY).address, 0x81, b"\x91\x1f\x00" + bytes(19)),
        Frame(0x10, only(REPLY).address, 0x81, b"\x90\x1f\x07" + bytes(19)),
        read(0x10, METER),
    ],
    ids=[
        "another type",
        "another meter",
        "another function",
        "another identifier",
        "another serial",
        "our own echo",
    ],
)
def test_a_reply_of_somebody_or_something_else_is_none(reply: Frame) -> None:
    assert not answers(reply, read(0x10, METER))


def test_wildcards_are_answered_by_any_meter() -> None:
    assert answers(only(REPLY), read(0xAA, "AA" * 7))
    assert read_address().address == b"\xaa" * 7


def test_litres_are_cubic_metres_after_their_code_and_an_unknown_code_is_an_error() -> None:
    data = bytes.fromhex("00 56 34 12 29") + bytes(14)
    assert cjt188.decode(volume(), data) == 123.456
    with pytest.raises(UnitError, match="unknown_unit"):
        cjt188.decode(volume(), data[:4] + b"\x35" + data[5:])


@pytest.mark.parametrize(
    ("data", "reason"),
    [("FF FF FF FF FF", "no_value"), ("4A 23 01 00 2C", "not_a_number"), ("45 23", "no_value")],
)
def test_what_is_no_number_is_refused_and_never_zero(data: str, reason: str) -> None:
    with pytest.raises(DecodeError) as error:
        cjt188.decode(volume(), bytes.fromhex(data))
    assert error.value.reason == reason


def test_a_reply_s_length_says_where_its_points_stand() -> None:
    heat = load("cjt188-heat")
    assert isinstance(heat, Cjt188Profile)
    assert heat.reply_lengths == (22, 46)
    assert [heat.points_of(length)["heat"].at for length in heat.reply_lengths] == [0, 5]
    with pytest.raises(KeyError):
        heat.points_of(45)


@pytest.mark.parametrize(
    ("layouts", "why"),
    [
        ({46: {"heat": {"at": 5, "unit_at": 9}}}, "must place every point"),
        ({46: {"heat": {"at": 5}, "battery_low": {"at": 41}}}, "with unit_at where it has a unit"),
        ({9: {"heat": {"at": 5, "unit_at": 9}, "battery_low": {"at": 3}}}, "ends after a reply of 9"),
        ({22: {"heat": {"at": 5, "unit_at": 9}, "battery_low": {"at": 3}}}, "which is reply_bytes"),
    ],
)
def test_a_layout_that_does_not_fit_its_points_is_refused(layouts: object, why: str) -> None:
    base = load("cjt188-heat").model_dump(mode="json")
    base["points"].pop("valve_closed")
    with pytest.raises(ValidationError, match=why):
        Cjt188Profile.model_validate(base | {"layouts": layouts})


@given(FRAMES)
def test_decoding_what_was_encoded_gives_the_frame(frame: Frame) -> None:
    assert frame in list(frames(b"\xfe\xfe" + frame.encode()))


@pytest.mark.parametrize("noise", [b"\x68", b"\x68\x10\x00", b"\xfe\x16", REPLY[:20]])
def test_noise_and_half_a_frame_before_a_reply_do_not_hide_it(noise: bytes) -> None:
    assert only(REPLY) in list(frames(noise + REPLY + REPLY[:5]))


def test_a_frame_cut_off_anywhere_is_none() -> None:
    for length in range(len(REPLY)):
        assert list(frames(REPLY[:length])) == []


def test_no_flipped_bit_gives_an_answer() -> None:
    for bit in range(8 * len(REPLY)):
        broken = bytearray(REPLY)
        broken[bit // 8] ^= 1 << bit % 8
        assert not any(answers(found, read(0x10, METER)) for found in frames(bytes(broken)))


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_any_bytes_at_all_are_survived(heard: bytes) -> None:
    for frame in frames(heard):
        assert len(frame.address) == 7
