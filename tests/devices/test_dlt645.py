"""DL/T 645 frames: the vectors of the standard's worked cases, hostile lines, and encode ∘ decode."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices import dlt645
from devices.dlt645 import (
    Frame,
    answers,
    frames,
    payload,
    places_of,
    plan,
    read,
    read_address,
    read_next,
    refusal,
)
from devices.profile import Dlt645Point, Dlt645Profile, load
from devices.registers import DecodeError

METER = "000012345678"
ENERGY = bytes.fromhex("68 78 56 34 12 00 00 68 91 08 33 33 34 33 89 67 45 33 B2 16")
VOLTAGE = bytes.fromhex("68 78 56 34 12 00 00 68 91 06 33 34 34 35 38 55 D8 16")
NO_DATA = bytes.fromhex("68 78 56 34 12 00 00 68 D1 01 35 EB 16")
PLATES = st.binary(min_size=6, max_size=6)
FRAMES = st.builds(Frame, PLATES, st.integers(0, 255), st.binary(max_size=200))


def point(di: str = "00010000", **more: object) -> Dlt645Point:
    return Dlt645Point.model_validate(
        {"quantity": "active_energy_import", "di": di, "length": 4, "scale": "0.01", **more}
    )


def only(heard: bytes) -> Frame:
    (frame,) = frames(heard)
    return frame


def test_requests_are_byte_for_byte_those_of_the_standard() -> None:
    assert read(METER, "00010000").encode() == bytes.fromhex(
        "68 78 56 34 12 00 00 68 11 04 33 33 34 33 C6 16"
    )
    assert read_address().encode() == bytes.fromhex("68 AA AA AA AA AA AA 68 13 00 DF 16")


def test_replies_give_the_exact_value() -> None:
    assert dlt645.decode(point(), payload([only(ENERGY)])) == 1234.56
    volts = point("02010100", quantity="voltage", length=2, scale="0.1")
    assert dlt645.decode(volts, payload([only(VOLTAGE)])) == 220.5


def test_a_reply_of_the_1997_edition_has_two_bytes_of_identifier() -> None:
    request = read(METER, "9010")
    reply = Frame(request.address, 0x81, b"\x10\x90\x56\x34\x12\x00")
    assert (request.control, request.data) == (0x01, b"\x10\x90")
    assert answers(reply, request)
    assert dlt645.decode(point("9010"), payload([reply])) == 1234.56
    assert not answers(reply, read(METER, "00010000"))


def test_a_refusal_is_said_in_words() -> None:
    frame = only(NO_DATA)
    assert answers(frame, read(METER, "00010000"))
    assert frame.is_refusal
    assert refusal(frame.data[0]) == ("无请求数据", "no such data")
    assert refusal(0x05)[1] == "other error, wrong password"
    assert refusal(0)[1] == "no reason given"


@pytest.mark.parametrize(
    "reply",
    [
        Frame(bytes.fromhex("795634120000"), 0x91, b"\0\0\1\0" + bytes(4)),
        Frame(bytes.fromhex("785634120000"), 0x91, b"\0\1\1\2" + bytes(4)),
        Frame(bytes.fromhex("785634120000"), 0x11, b"\0\0\1\0"),
        Frame(bytes.fromhex("785634120000"), 0x94, b"\0\0\1\0" + bytes(4)),
        Frame(bytes.fromhex("785634120000"), 0x91, b"\0\0\1"),
        Frame(bytes.fromhex("785634120000"), 0xD1, b""),
    ],
    ids=[
        "another meter",
        "another identifier",
        "our own echo",
        "another function",
        "cut short",
        "empty refusal",
    ],
)
def test_a_reply_of_somebody_or_something_else_is_none(reply: Frame) -> None:
    assert not answers(reply, read(METER, "00010000"))


def test_the_wildcard_address_is_answered_by_any_meter() -> None:
    assert answers(only(ENERGY), read("AA" * 6, "00010000"))
    assert answers(Frame(bytes(6), 0x93, bytes(6)), read_address())
    assert not answers(Frame(bytes(6), 0x93, b"\1" + bytes(5)), read_address())


def test_frames_that_follow_are_asked_for_by_number_and_joined() -> None:
    request = read(METER, "0001FF00")
    first = Frame(request.address, 0xB1, b"\x00\xff\x01\x00" + b"\x11" * 4)
    asked = read_next(request, 1)
    last = Frame(request.address, 0x92, b"\x00\xff\x01\x00" + b"\x22" * 4 + b"\x01")
    assert first.is_followed
    assert asked.data == b"\x00\xff\x01\x00\x01"
    assert answers(last, asked)
    assert not answers(Frame(last.address, 0x92, last.data[:-1] + b"\x02"), asked)
    assert payload([first, last]) == b"\x11" * 4 + b"\x22" * 4


@pytest.mark.parametrize(
    ("data", "signed", "expected"),
    [
        ("17 32 05", True, 5.3217),
        ("17 32 85", True, -5.3217),
        ("00 00 80", True, 0.0),
        ("17 32 85", False, 85.3217),
    ],
)
def test_the_top_bit_is_a_sign_where_the_point_has_one(data: str, signed: bool, expected: float) -> None:
    power = point("02030000", quantity="active_power", length=3, scale="0.0001", signed=signed)
    assert str(dlt645.decode(power, bytes.fromhex(data))) == str(expected)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("FF FF FF FF", "no_value"),
        ("5A 34 12 00", "not_a_number"),
        ("00 00 00 A0", "not_a_number"),
        ("12 34", "no_value"),
    ],
)
def test_what_is_no_number_is_refused_and_never_zero(data: str, reason: str) -> None:
    with pytest.raises(DecodeError) as error:
        dlt645.decode(point(), bytes.fromhex(data))
    assert error.value.reason == reason


def test_noise_wake_up_bytes_and_stacked_frames_in_one_read() -> None:
    heard = b"\x68\x00\xfe\xfe" + ENERGY + b"\x16\x68" + VOLTAGE + b"\xfe" + NO_DATA + b"\x68\x01"
    assert list(frames(heard)) == [only(ENERGY), only(VOLTAGE), only(NO_DATA)]


def test_an_end_byte_in_data_or_as_check_sum_does_not_end_a_frame() -> None:
    inside = Frame(bytes.fromhex("161616161616"), 0x91, b"\0\0\1\0" + b"\xe3" * 4)
    as_sum = bytes.fromhex("68 78 56 34 12 00 00 68 91 08 33 33 34 33 33 33 33 33 16 16")
    assert inside.encode().count(0x16) > 5
    assert only(inside.encode()) == inside
    assert dlt645.decode(point(), payload([only(as_sum)])) == 0


@given(FRAMES)
def test_decoding_what_was_encoded_gives_the_frame(frame: Frame) -> None:
    assert frame in list(frames(b"\xfe\xfe" + frame.encode()))


@given(st.integers(0, 99_999_999))
def test_every_register_is_read_to_the_last_digit(raw: int) -> None:
    data = bytes.fromhex(f"{raw:08d}")[::-1]
    assert dlt645.decode(point(), data) == raw / 100


@pytest.mark.parametrize("frame", [ENERGY, VOLTAGE, NO_DATA])
def test_a_frame_cut_off_anywhere_is_none(frame: bytes) -> None:
    for length in range(len(frame)):
        assert list(frames(frame[:length])) == []


@pytest.mark.parametrize("frame", [ENERGY, VOLTAGE, NO_DATA])
def test_no_flipped_bit_gives_an_answer(frame: bytes) -> None:
    request = read(METER, "00010000" if frame != VOLTAGE else "02010100")
    for bit in range(8 * len(frame)):
        broken = bytearray(frame)
        broken[bit // 8] ^= 1 << bit % 8
        assert not any(answers(found, request) for found in frames(bytes(broken)))


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_any_bytes_at_all_are_survived(heard: bytes) -> None:
    for frame in frames(heard):
        assert len(frame.address) == 6


def three_phase() -> Dlt645Profile:
    one = load("dlt645-three-phase")
    assert isinstance(one, Dlt645Profile)
    return one


def test_points_of_one_family_are_read_in_one_block() -> None:
    reads = plan(three_phase().points, blocks=True)
    volts = next(one for one in reads if one.di == "0201FF00")
    assert volts.places == (("voltage_a", 0), ("voltage_b", 2), ("voltage_c", 4))
    assert len(reads) == 9
    assert len(plan(three_phase().points, blocks=False)) == 17


def test_a_reply_is_known_by_its_identifier_asked_for_either_way() -> None:
    one = three_phase()
    assert places_of(one, b"\x00\x02\x01\x02") == (("voltage_b", 0),)
    assert len(places_of(one, b"\x00\xff\x01\x02")) == 3
    assert places_of(one, b"\x00\x09\x01\x02") == ()
