"""Following a SunSpec device's chain of blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources

import pytest
from pydantic import ValidationError

from devices import profile, sunspec
from devices.sunspec import NotFoundError, search

NEEDED = 28


def chain(base: int, *blocks: tuple[int, int], marker: Sequence[int] = sunspec.MARKER) -> dict[int, int]:
    """Marker and heads of blocks of (model, length), each behind the last."""
    words = {base: marker[0], base + 1: marker[1]}
    at = base + 2
    for model, length in blocks:
        words |= {at: model, at + 1: length}
        at += 2 + length
    return words


def walk(words: Mapping[int, int], asked: list[int] | None = None) -> tuple[int, list[int]]:
    """Where the block is found, and the addresses read on the way; what is not in ``words`` is refused."""
    asked = [] if asked is None else asked
    steps = search((101, 103), NEEDED)
    try:
        at = next(steps)
        while True:
            asked.append(at)
            found = [words[at], words[at + 1]] if at in words and at + 1 in words else None
            at = steps.send(found)
    except StopIteration as end:
        return end.value, asked


def failure(words: Mapping[int, int]) -> NotFoundError:
    with pytest.raises(NotFoundError) as caught:
        walk(words)
    return caught.value


@pytest.mark.parametrize("base", [40000, 0, 50000])
def test_a_block_is_found_behind_the_marker_at_any_of_the_three_bases(base: int) -> None:
    found, asked = walk(chain(base, (1, 66), (103, 50), (0xFFFF, 0)))
    assert found == base + 2 + 2 + 66
    assert asked == [*sunspec.BASES[: sunspec.BASES.index(base) + 1], base + 2, base + 70]


def test_blocks_in_between_are_stepped_over_by_their_lengths() -> None:
    found, _ = walk(chain(40000, (1, 65), (120, 26), (121, 30), (103, 50)))
    assert found == 40000 + 2 + 67 + 28 + 32


def test_the_first_of_two_blocks_is_taken() -> None:
    found, _ = walk(chain(40000, (1, 65), (101, 50), (103, 50)))
    assert found == 40069


def test_a_device_without_a_marker_is_not_read_however_much_it_looks_like_one() -> None:
    words = chain(40000, (1, 65), (103, 50), marker=(0x5375, 0x6E54))
    error = failure(words)
    assert (error.reason, error.models) == ("no_marker", ())


def test_a_chain_that_ends_without_the_model_names_those_it_has() -> None:
    error = failure(chain(40000, (1, 65), (203, 105), (0xFFFF, 0)))
    assert (error.reason, error.models) == ("no_model", (1, 203))


def test_a_block_too_short_for_the_points_is_not_read() -> None:
    assert failure(chain(40000, (1, 65), (103, NEEDED - 3))).reason == "too_short"
    assert walk(chain(40000, (1, 65), (103, NEEDED - 2)))[0] == 40069


@pytest.mark.parametrize(
    "blocks",
    [
        pytest.param([(1, 65)], id="the next head is refused"),
        pytest.param([(1, 65), (0, 0)], id="zeros where a head should be"),
        pytest.param([(1, 65), (103, 30000)], id="a block that ends after the last register"),
        pytest.param([(1, 65), (120, 30000)], id="a length that leads past the last register"),
        pytest.param([(120, 0)] * 100, id="more blocks than any device has"),
    ],
)
def test_a_chain_that_leads_nowhere_ends(blocks: list[tuple[int, int]]) -> None:
    assert failure(chain(40000, *blocks)).reason == "broken_chain"


def test_no_chain_costs_more_than_a_bounded_number_of_reads() -> None:
    asked: list[int] = []
    with pytest.raises(NotFoundError):
        walk(chain(40000, *[(120, 0)] * 1000), asked=asked)
    assert len(asked) <= sunspec.BLOCKS_MAX + len(sunspec.BASES)


@pytest.mark.parametrize(
    ("key", "value"), [("models", "[101, 102]"), ("address", "40070"), ("address", "40068")]
)
def test_points_that_do_not_look_at_the_model_number_of_their_block_are_refused(key: str, value: str) -> None:
    text = (resources.files("devices") / "profiles" / "sunspec-inverter.yaml").read_text("utf-8")
    sound = {"models": "[101, 102, 103]", "address": "40069"}
    wrong = ", ".join(f"{name}: {one}" for name, one in (sound | {key: value}).items())
    changed = text.replace("sunspec: {models: [101, 102, 103], address: 40069}", f"sunspec: {{{wrong}}}")
    assert changed != text
    with pytest.raises(ValidationError, match="not bound to its SunSpec block"):
        profile.parse(changed)
