"""The proof of a change: every bit of it, in rows of this schema and of older ones."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import DamagedRowError
from gateway.store import changes, proof
from gateway.store.changes import ChangeLog
from gateway.store.database import open_writer


def filled(path: Path) -> sqlite3.Connection:
    connection = open_writer(path)
    log = ChangeLog(0)
    log.append("interval", "15min/a.b/0", 1, 5, b'{"share":1.0}')
    log.append("site", "site", 1, 6, '{"name":"示例"}'.encode())
    log.flush(connection)
    return connection


def test_a_change_comes_back_as_it_was_told(tmp_path: Path) -> None:
    with closing(filled(tmp_path / "buffer.db")) as connection:
        assert [(change.seq, change.kind) for change in changes.read(connection, 0, 9)] == [
            (1, "interval"),
            (2, "site"),
        ]


@pytest.mark.parametrize(
    "harm",
    [
        "key = '15min/a.c/0'",
        "revision = 3",
        "at = 4",
        "kind = 'event'",
        "body = x'7b7d'",
        "body = 'text'",
        "body = 7",
    ],
)
def test_a_change_that_is_not_as_it_was_written_is_not_given_out(tmp_path: Path, harm: str) -> None:
    with closing(filled(tmp_path / "buffer.db")) as connection:
        connection.execute(f"UPDATE change SET {harm} WHERE seq = 1")
        with pytest.raises(DamagedRowError):
            changes.read(connection, 0, 9)
        assert len(changes.read(connection, 1, 9)) == 1


@given(st.binary(min_size=1, max_size=80), st.data())
def test_every_bit_of_a_body_counts(body: bytes, data: st.DataObject) -> None:
    row = (1, "interval", "k", 1, 5, body)
    bit = data.draw(st.integers(0, 8 * len(body) - 1))
    other = bytearray(body)
    other[bit // 8] ^= 1 << bit % 8
    assert changes.is_proven((*row, changes.checksum(*row)))
    assert not changes.is_proven((*row[:-1], bytes(other), changes.checksum(*row)))


def test_rows_of_older_schemas_are_proven_by_their_own_sum_or_have_none() -> None:
    row = (1, "interval", "k", 1, 5, b"{}")
    assert changes.is_proven((*row, proof.checksum(row)))
    assert changes.is_proven((*row, None))
    assert not changes.is_proven((*row, proof.checksum(row) ^ 1))
