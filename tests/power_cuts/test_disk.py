"""The model of the disk itself: what is synced stays, what is not may go in any part and order."""

from __future__ import annotations

from random import Random

import pytest

from tests.power_cuts.disk import SECTOR, Disk
from tests.power_cuts.recording import Op

CUTS = 200


def disk(*ops: tuple[str, str, int, bytes], lies: float = 0.0) -> Disk:
    one = Disk(lies, Random(1))
    for op in ops:
        one.apply(Op(*op))
    return one


def left(one: Disk) -> list[dict[str, bytes]]:
    return [one.after_cut(Random(seed)) for seed in range(CUTS)]


CREATED = (("C", "a", 0, b""), ("S", "", 0, b""))


def test_what_was_synced_is_always_there() -> None:
    one = disk(*CREATED, ("W", "a", 0, b"kept"), ("S", "a", 0, b""), ("W", "a", 4, b"more"))
    assert {files["a"][:4] for files in left(one)} == {b"kept"}
    assert {files["a"] for files in left(one)} == {b"kept", b"keptmore"}


def test_a_name_is_there_for_sure_only_after_the_sync_of_its_folder() -> None:
    unsure = disk(("C", "a", 0, b""), ("W", "a", 0, b"x"), ("S", "a", 0, b""))
    assert {tuple(files) for files in left(unsure)} == {(), ("a",)}
    assert {tuple(files) for files in left(disk(*CREATED))} == {("a",)}


def test_names_change_in_order() -> None:
    one = disk(*CREATED, ("C", "b", 0, b""), ("R", "b", 0, b"c"), ("U", "a", 0, b""))
    assert {tuple(sorted(files)) for files in left(one)} == {("a",), ("a", "b"), ("a", "c"), ("c",)}


def test_a_renamed_file_may_be_empty_when_it_was_not_synced_first() -> None:
    one = disk(*CREATED, ("C", "b", 0, b""), ("W", "b", 0, b"new"), ("R", "b", 0, b"a"), ("S", "", 0, b""))
    assert {files["a"] for files in left(one)} == {b"", b"new"}


def test_a_write_tears_at_sectors_and_the_later_may_be_there_without_the_earlier() -> None:
    one = disk(*CREATED, ("W", "a", 500, b"1" * 12 + b"2" * SECTOR))
    hole = bytes(500)
    assert {files["a"] for files in left(one)} == {
        b"",
        hole + b"1" * 12,
        hole + bytes(12) + b"2" * SECTOR,
        hole + b"1" * 12 + b"2" * SECTOR,
    }


def test_a_truncation_may_have_happened_or_not() -> None:
    one = disk(*CREATED, ("W", "a", 0, b"long"), ("S", "a", 0, b""), ("T", "a", 1, b""))
    assert {files["a"] for files in left(one)} == {b"long", b"l"}


@pytest.mark.parametrize("lies", [0.0, 1.0])
def test_a_lying_disk_says_synced_and_keeps_nothing_for_sure(lies: float) -> None:
    one = disk(("C", "a", 0, b""), ("S", "", 0, b""), ("W", "a", 0, b"x"), ("S", "a", 0, b""), lies=lies)
    assert all(files == {"a": b"x"} for files in left(one)) is (lies == 0.0)
