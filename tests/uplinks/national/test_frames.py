"""The stream codec: cut anywhere, anything in between, and nothing that does not add up passes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_config import dialect
from gateway.uplinks.national.frames import GARBAGE_BYTES_MAX, Deframer, Frame, written
from gateway.uplinks.national.trouble import NonsenseFromCentreError

LAYOUTS = {name: dialect.load(name).frame for name in dialect.names()}
FRAMES = st.lists(
    st.builds(Frame, st.binary(max_size=200), st.integers(0, 2**32 - 1), st.integers(0, 255)), max_size=5
)
CUTS = st.lists(st.integers(0, 1500), max_size=8)


def fitting(name: str, frames: list[Frame]) -> list[Frame]:
    """Without what the layout has no place for."""
    layout = LAYOUTS[name]
    return [
        Frame(
            frame.data,
            frame.sequence if layout.sequence_order else 0,
            frame.type if layout.has_type else 0,
        )
        for frame in frames
    ]


def fed(deframer: Deframer, stream: bytes, cuts: list[int]) -> list[Frame]:
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[low:high] for low, high in pairwise(places)]
    return [frame for piece in pieces for frame in deframer.feed(piece)]


@pytest.mark.parametrize("name", LAYOUTS)
@settings(max_examples=30)
@given(frames=FRAMES, cuts=CUTS)
def test_a_stream_cut_anywhere_gives_the_frames_that_were_written(
    name: str, frames: list[Frame], cuts: list[int]
) -> None:
    wanted = fitting(name, frames)
    stream = b"".join(written(LAYOUTS[name], frame) for frame in wanted)
    deframer = Deframer(LAYOUTS[name])
    assert fed(deframer, stream, cuts) == wanted
    assert (deframer.garbage, deframer.damaged) == (0, 0)


@pytest.mark.parametrize("name", ["mohurd", "mohurd-swapped"])
@settings(max_examples=30)
@given(
    frames=FRAMES,
    junk=st.lists(st.binary(max_size=40), min_size=6, max_size=6),
    cuts=CUTS,
)
def test_garbage_between_frames_is_dropped_and_counted(
    name: str, frames: list[Frame], junk: list[bytes], cuts: list[int]
) -> None:
    layout = LAYOUTS[name]
    wanted = fitting(name, frames)
    clean = [piece.replace(bytes.fromhex(layout.head)[:1], b"") for piece in junk]
    parts = [
        part for piece, frame in zip(clean, wanted, strict=False) for part in (piece, written(layout, frame))
    ]
    deframer = Deframer(layout)
    assert fed(deframer, b"".join(parts), cuts) == wanted
    assert deframer.garbage == sum(len(piece) for piece, _ in zip(clean, wanted, strict=False))


@pytest.mark.parametrize("name", ["mohurd", "mohurd-swapped"])
@settings(max_examples=30)
@given(junk=st.binary(max_size=300), frame=FRAMES.filter(bool), cuts=CUTS)
def test_whatever_stands_before_it_a_frame_is_found_again_once_enough_has_come(
    name: str, junk: bytes, frame: list[Frame], cuts: list[int]
) -> None:
    """Junk may look like a head and claim what follows; what it claimed is read again when it does not add up."""
    layout = LAYOUTS[name]
    wanted = fitting(name, frame)[-1]
    deframer = Deframer(layout, data_bytes_max=1000)
    found = fed(deframer, junk + written(layout, wanted) + bytes(1100), cuts)
    assert found[-1] == wanted


@pytest.mark.parametrize("name", ["mohurd", "mohurd-swapped"])
@settings(max_examples=30)
@given(data=st.binary(min_size=1, max_size=60), place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_one_wrong_bit_and_it_is_no_frame(name: str, data: bytes, place: int, bit: int) -> None:
    raw = bytearray(written(LAYOUTS[name], Frame(data, 5)))
    raw[place % len(raw)] ^= 1 << bit
    assert Deframer(LAYOUTS[name]).feed(bytes(raw) + bytes(100)) == []


def test_a_frame_that_claims_too_much_is_not_waited_for() -> None:
    layout = LAYOUTS["mohurd"]
    huge = bytes.fromhex(layout.head) + (10_000_000).to_bytes(4, "little")
    good = Frame(b"x" * 32, 9)
    deframer = Deframer(layout)
    assert deframer.feed(huge + written(layout, good)) == [good]
    assert deframer.damaged == 1


@pytest.mark.parametrize("claim", [2**32 - 1, 65_537])
def test_without_a_head_a_wrong_length_ends_the_stream(claim: int) -> None:
    with pytest.raises(NonsenseFromCentreError):
        Deframer(LAYOUTS["mohurd-bare"]).feed(claim.to_bytes(4, "big"))


def test_a_stream_that_never_has_a_frame_ends_and_holds_little() -> None:
    deframer = Deframer(LAYOUTS["mohurd"])
    page = b"HTTP/1.1 400 Bad Request\r\n" * 40
    for _ in range(GARBAGE_BYTES_MAX // len(page)):
        assert deframer.feed(page) == []
    assert len(deframer._held) < 2000
    with pytest.raises(NonsenseFromCentreError, match="without a frame"):
        deframer.feed(page * 2)


def test_the_shortest_frame_has_eighteen_bytes() -> None:
    assert len(written(LAYOUTS["mohurd"], Frame(b""))) == 18


def test_numbers_beyond_32_bits_wrap() -> None:
    assert written(LAYOUTS["mohurd"], Frame(b"", 2**32 + 3)) == written(LAYOUTS["mohurd"], Frame(b"", 3))
