from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.uplinks.hj212_frame import (
    SEGMENT_MAX,
    FrameReader,
    Heard,
    Message,
    crc,
    frame,
    frames,
    read_segment,
)
from simulators.hj212_center import checksum, framed, unframed

GOLDEN = (
    b"##0101QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;Flag=5;"
    b"CP=&&RtdInterval=30&&1C80\r\n"
)
OWN = (
    b"##0230QN=20260901080000000;ST=22;CN=2011;PW=123456;MN=310104SCHOOL000000000001;Flag=5;CP=&&DataTime=20260901080000;"
    b"a34004-Rtd=35.2,a34004-Flag=N;a34002-Rtd=61.0,a34002-Flag=N;a01001-Rtd=26.4,a01001-Flag=N;"
    b"a01002-Rtd=58.1,a01002-Flag=N&&56C0\r\n"
)
PARTS = st.lists(
    st.builds(
        lambda code, text: f"{code}-Avg={text},{code}-Flag=N",
        st.from_regex(r"[a-z][0-9]{5}", fullmatch=True),
        st.from_regex(r"[0-9]{1,200}", fullmatch=True),
    ),
    max_size=60,
)


def message(*parts: str, wants_ack: bool = True) -> Message:
    return Message(
        "20260901080000000",
        "22",
        "2011",
        "310104SCHOOL000000000001",
        wants_ack,
        "DataTime=20260901080000",
        parts,
    )


def heard(data: bytes) -> list[Heard]:
    return FrameReader().feed(data)


def test_the_check_value_is_not_that_of_modbus() -> None:
    assert crc(b"123456789") == 0x2F80
    assert checksum(b"123456789") == "2F80"


def test_the_published_frame_is_read_and_written() -> None:
    (found,) = heard(GOLDEN)
    assert found.is_intact
    assert (found["CN"], found["Flag"], found.cp) == ("1062", "5", {"RtdInterval": "30"})
    assert frame(GOLDEN[6:-6]) == GOLDEN


def test_a_message_is_this_frame() -> None:
    parts = ("a34004-Rtd=35.2,a34004-Flag=N", "a34002-Rtd=61.0,a34002-Flag=N", "a01001-Rtd=26.4,a01001-Flag=N",
             "a01002-Rtd=58.1,a01002-Flag=N")  # fmt: skip
    assert frames(message(*parts), "123456") == [OWN]


@settings(max_examples=40)
@given(data=st.binary(max_size=SEGMENT_MAX))
def test_two_ways_to_the_crc_agree(data: bytes) -> None:
    assert f"{crc(data):04X}" == checksum(data)


@settings(max_examples=30)
@given(parts=PARTS, wants_ack=st.booleans())
def test_packets_are_short_enough_and_put_together_are_the_message(parts: list[str], wants_ack: bool) -> None:
    packets = [unframed(raw) for raw in frames(message(*parts, wants_ack=wants_ack), "123456")]
    joined: list[str] = []
    for number, packet in enumerate(packets, 1):
        assert len(packet.raw) <= SEGMENT_MAX + 12
        lead, *some = packet.content.split(";")
        assert lead == "DataTime=20260901080000"
        joined += some
        split = len(packets) > 1
        assert int(packet.fields["Flag"]) == 4 + wants_ack + 2 * split
        place = (packet.fields.get("PNUM"), packet.fields.get("PNO"))
        assert place == ((str(len(packets)), str(number)) if split else (None, None))
    assert joined == parts


def test_a_part_that_fits_into_no_packet_is_an_error() -> None:
    with pytest.raises(ValueError, match="HJ 212 allows 1024"):
        frames(message("a" * 1100), "123456")


def test_a_segment_of_1024_is_sent_whole_and_one_more_is_split() -> None:
    (alone,) = frames(message("x"), "123456")
    room = SEGMENT_MAX - int(alone[2:6])
    assert len(frames(message("x" + "y" * room), "123456")) == 1
    assert len(frames(message("x" + "y" * (room - 20), "z" * 20), "123456")) == 2


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), noise=st.lists(st.binary(max_size=40), min_size=3, max_size=3))
def test_frames_are_found_in_any_pieces_and_between_noise(seed: int, noise: list[bytes]) -> None:
    quiet = [part.replace(b"#", b"") for part in noise]
    stream = quiet[0] + GOLDEN + quiet[1] + OWN + quiet[2]
    rng, reader, found, place = random.Random(seed), FrameReader(), list[Heard](), 0
    while place < len(stream):
        step = rng.randint(1, 50)
        found += reader.feed(stream[place : place + step])
        place += step
    assert [one["CN"] for one in found] == ["1062", "2011"]
    assert all(one.is_intact for one in found)


@settings(max_examples=40)
@given(data=st.binary(max_size=4000))
def test_no_stream_breaks_the_reader_or_fills_the_memory(data: bytes) -> None:
    reader = FrameReader()
    for place in range(0, len(data), 100):
        reader.feed(data[place : place + 100])
    assert len(reader._buffer) <= SEGMENT_MAX + 12 + 100


@pytest.mark.parametrize(
    "hostile",
    [
        b"##9999",
        b"##01",
        b"####",
        b"##-001",
        b"##0101",
        b"##" * 500,
        b"##0005abcde1C80XX",
        b"##0005abcdeXXXX\r\n",
        b"##0000FFFF\r\n",
    ],
)
def test_after_a_false_start_the_next_frame_is_found(hostile: bytes) -> None:
    found = heard(hostile + b"x" * 1100 + GOLDEN + OWN)
    assert [one["CN"] for one in found][-2:] == ["1062", "2011"]


def test_a_lower_case_crc_is_right_and_a_wrong_one_is_told() -> None:
    (lower,) = heard(GOLDEN[:-6] + b"1c80\r\n")
    assert lower.is_intact
    (wrong,) = heard(GOLDEN[:-6] + b"1C81\r\n")
    assert not wrong.is_intact


@pytest.mark.parametrize(
    "segment",
    [
        "",
        "QN=1",
        "CP=&&&&",
        "QN=1;CP=&&",
        "QN=1;CP=&&&",
        "QN=\x01;CP=&&&&",
        "QN=1;CP=&&\n&&",
        "QN=1;ST=2;CN=3",
    ],
)
def test_a_segment_of_another_shape_is_no_frame(segment: str) -> None:
    assert read_segment(segment.encode(), is_intact=True) is None


def test_what_the_simulated_centre_writes_is_read() -> None:
    (found,) = heard(framed("QN=20160801085857223;ST=91;CN=9014;PW=1;MN=M;Flag=4;CP=&&&&"))
    assert (found["CN"], found["QN"], found.cp, found.is_intact) == ("9014", "20160801085857223", {}, True)
