"""What makes a frame of a meter sound, whatever it says."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.framing import Addressed, bodies, checksum, closed, is_meant

HEADER = 4
STEADY = settings(derandomize=True, deadline=None, database=None, max_examples=200)


def frame(data: bytes, second: int = 0x68) -> bytes:
    return closed(bytes((0x68, 0x11, second, len(data))) + data)


def found(heard: bytes, second_start: int | None = None) -> list[bytes]:
    return [body[HEADER:] for body in bodies(heard, HEADER, second_start)]


def test_a_frame_ends_with_the_sum_of_its_bytes_and_the_end_byte() -> None:
    assert frame(b"\x01\x02")[-2:] == bytes((checksum(b"\x68\x11\x68\x02\x01\x02"), 0x16))
    assert checksum(b"\xff\x02") == 1


def test_frames_stand_one_behind_another_among_noise() -> None:
    assert found(b"\xfe\xfe" + frame(b"\x01") + b"\x68\x00" + frame(b"\x02\x16") + b"\x16") == [
        b"\x01",
        b"\x02\x16",
    ]


def test_a_frame_inside_another_s_data_is_data() -> None:
    inner = frame(b"\x07")
    assert found(frame(inner)) == [inner]


def test_a_frame_behind_half_a_frame_is_found() -> None:
    assert found(frame(b"\x01\x02\x03")[:5] + frame(b"\x09")) == [b"\x09"]


@pytest.mark.parametrize("broken", [-1, -2, 3])
def test_a_wrong_end_a_wrong_sum_and_a_wrong_length_are_no_frame(broken: int) -> None:
    bad = bytearray(frame(b"\x01\x02"))
    bad[broken] ^= 1
    assert found(bytes(bad)) == []


def test_where_the_start_byte_must_stand_again_a_frame_without_it_is_none() -> None:
    assert found(frame(b"\x01", second=0x20), 2) == []
    assert found(frame(b"\x01"), 2) == [b"\x01"]
    assert found(frame(b"\x01", second=0x20)) == [b"\x01"]


def test_the_wildcard_stands_for_any_two_digits_asked_for_and_never_in_an_answer() -> None:
    assert is_meant(b"\xaa\x12", b"\x34\x12")
    assert not is_meant(b"\x34\x12", b"\xaa\x12")


def test_the_plate_has_the_highest_digits_first() -> None:
    class Frame(Addressed):
        def __init__(self, address: bytes, control: int) -> None:
            self.address, self.control = address, control

    assert Frame(b"\x78\x56\x34", 0xD1).plate == "345678"
    assert [Frame(b"", control).is_refusal for control in (0x91, 0xD1)] == [False, True]


@STEADY
@given(st.binary(max_size=80), st.binary(max_size=20))
def test_any_bytes_at_all_are_survived(noise: bytes, data: bytes) -> None:
    for body in bodies(noise + frame(data), HEADER):
        assert closed(body) in noise + frame(data)
