"""Halving: everything that can be read is given once, and what cannot is named."""

from __future__ import annotations

import sqlite3

from hypothesis import given
from hypothesis import strategies as st

from gateway.store import bisect
from gateway.store.bisect import Row, Table, joined, read_halving


def table_of(keys: list[int], broken: set[int]) -> Table:
    """A table of these keys whose reads fail where they meet a broken one."""

    def fetch(low: int, high: int, limit: int) -> list[Row]:
        found = [(key,) for key in keys if low <= key < high][:limit]
        if any(row[0] in broken for row in found):
            raise sqlite3.DatabaseError("damaged")
        return list(found)

    return Table(fetch, lambda row: int(row[0]), lambda _: True, 1)


@given(st.sets(st.integers(0, 9_000), max_size=400), st.data())
def test_every_readable_row_comes_once_and_every_broken_one_lies_in_a_stretch_that_is_named(
    keys: set[int], data: st.DataObject
) -> None:
    broken = data.draw(st.sets(st.sampled_from(sorted(keys)), max_size=5)) if keys else set()
    pieces = list(joined(read_halving(table_of(sorted(keys), broken), 0, 10_000), lambda row: int(row[0])))
    given_out = [row[0] for piece in pieces for row in piece.rows]
    assert given_out == sorted(keys - broken)
    lost = [piece.lost for piece in pieces if piece.lost is not None]
    assert all(any(one.low <= key < one.high for one in lost) for key in broken)
    assert bool(lost) == bool(broken)


def test_a_table_larger_than_a_read_comes_whole_and_in_order() -> None:
    keys = list(range(0, 30_000, 3))
    pieces = read_halving(table_of(keys, set()), 0, 100_000)
    assert [row[0] for piece in pieces for row in piece.rows] == keys


def test_a_table_that_is_gone_ends_the_search_soon() -> None:
    asked = 0

    def fetch(low: int, high: int, limit: int) -> list[Row]:
        nonlocal asked
        asked += 1
        raise sqlite3.DatabaseError("gone")

    table = Table(fetch, lambda row: int(row[0]), lambda _: True, 1)
    pieces = list(joined(read_halving(table, 0, 2**40), lambda row: int(row[0])))
    assert [piece.lost for piece in pieces] == [bisect.Lost(0, 2**40)]
    assert asked < 200_000
