"""A row's checksum survives the way through SQLite, and no changed column does."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from hypothesis import given
from hypothesis import strategies as st

from gateway.store.proof import checksum, is_proven

INTEGERS = st.none() | st.integers(-(2**53), 2**53)
REALS = st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-1000, 1000)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


@given(INTEGERS, REALS, TEXTS, st.binary())
def test_what_comes_back_from_sqlite_is_proven(
    integer: int | None, real: float | None, text: str, blob: bytes
) -> None:
    row = (integer, real, text, blob)
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE t (a INTEGER, b REAL, c TEXT, d BLOB, crc INTEGER)")
        connection.execute("INSERT INTO t VALUES (?, ?, ?, ?, ?)", (*row, checksum(row)))
        assert is_proven(connection.execute("SELECT * FROM t").fetchone())


@given(st.integers(0, 2**53), st.integers(0, 52))
def test_a_flipped_bit_of_a_number_is_seen(number: int, bit: int) -> None:
    assert checksum((number, "x")) != checksum((number ^ (1 << bit), "x"))


def test_a_row_from_before_the_proof_is_taken_as_it_is() -> None:
    assert is_proven((1, 2, None))


def test_a_row_of_a_page_that_was_never_written_is_none() -> None:
    """All its columns are NULL, its checksum too."""
    assert not is_proven((None, None, None, None))
    assert not is_proven((7, None, None, None))
