from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from district.store.ranges import Range, joined, overlaps, without


def test_a_range_beside_what_was_received_is_new() -> None:
    assert overlaps([(0, 5), (9, 12)], (5, 9)) == []


def test_overlaps_name_exactly_the_covered_parts() -> None:
    assert overlaps([(0, 5), (9, 12)], (3, 10)) == [(3, 5), (9, 10)]


def test_a_range_that_closes_a_gap_joins_both_neighbours() -> None:
    assert joined([(0, 5), (9, 12)], (5, 9)) == (0, 12)


@given(st.lists(st.integers(0, 60), min_size=2, max_size=16, unique=True).map(sorted), st.data())
def test_overlaps_agree_with_counting_the_numbers(edges: list[int], data: st.DataObject) -> None:
    received: list[Range] = list(zip(edges[::2], edges[1::2], strict=False))
    low = data.draw(st.integers(0, 59))
    wanted = (low, data.draw(st.integers(low + 1, 60)))
    seen = {seq for a, b in received for seq in range(a + 1, b + 1)}
    expected = seen & set(range(wanted[0] + 1, wanted[1] + 1))
    assert {seq for a, b in overlaps(received, wanted) for seq in range(a + 1, b + 1)} == expected


_LISTS = st.lists(st.integers(0, 60), max_size=16, unique=True).map(
    lambda edges: list(zip(sorted(edges)[::2], sorted(edges)[1::2], strict=False))
)


@given(_LISTS, _LISTS)
def test_what_is_left_agrees_with_counting_the_numbers(held: list[Range], others: list[Range]) -> None:
    def numbers(ranges: list[Range]) -> set[int]:
        return {seq for a, b in ranges for seq in range(a + 1, b + 1)}

    assert numbers(without(held, others)) == numbers(held) - numbers(others)
