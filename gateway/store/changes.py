"""The change feed: append-only, one immutable row for each closed or revised interval, event, point or statement.

Rows are written in the transaction of the change they tell. ``seq`` is gap-free among committed rows and never used
twice, also where delivered rows are gone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any
from zlib import crc32

from gateway.errors import DamagedBufferError, DamagedRowError
from gateway.model import Change
from gateway.store import proof, quarantine

PROVEN = "seq, kind, key, revision, at, body, crc"
TYPES = (int, str, str, int, int, bytes)
"""Of ``PROVEN``, the CRC left out."""

ROWS_AT_ONCE = 500
"""They are judged while they are still in the processor's cache, and are too few to set the garbage collector going: a tenth
less than row by row."""


def checksum(seq: int, kind: str, key: str, revision: int, at: int, body: bytes) -> int:
    """CRC-32 of a change, its body as it is: a third of what ``proof.checksum`` costs, and it is half of reading a backlog."""
    return crc32(f"{seq},{revision},{at},{kind},{key},".encode() + body)


def is_proven(row: Sequence[Any]) -> bool:
    """Whether ``PROVEN`` columns are what was written; rows from before schema 8 carry ``proof.checksum``, or nothing.
    A bit flipped in a row's header may shift its columns until none is left for the CRC; without one, types must fit."""
    body, crc = row[-2:]
    if crc is None:
        return tuple(map(type, row[:-1])) == TYPES
    return (isinstance(body, bytes) and crc == checksum(*row[:-1])) or proof.is_proven(row)


class ChangeLog:
    """Numbers and collects the changes of one transaction; ``flush`` writes them before COMMIT."""

    __slots__ = ("_rows", "_seq")

    def __init__(self, head: int) -> None:
        self._seq = head
        self._rows: list[tuple[int, str, str, int, int, bytes, int]] = []

    def append(self, kind: str, key: str, revision: int, at: int, body: bytes) -> int:
        """Add one change and return its seq."""
        self._seq += 1
        row = (self._seq, kind, key, revision, at, body)
        self._rows.append((*row, checksum(*row)))
        return self._seq

    @property
    def head(self) -> int:
        return self._seq

    def flush(self, connection: sqlite3.Connection) -> None:
        connection.executemany(
            "INSERT INTO change (seq, kind, key, revision, at, body, crc) VALUES (?, ?, ?, ?, ?, ?, ?)",
            self._rows,
        )
        self._rows.clear()


def head(connection: sqlite3.Connection) -> int:
    """The highest seq ever given: of the feed, or of a cursor that is past pruned rows."""
    row = connection.execute(
        "SELECT max(coalesce((SELECT max(seq) FROM change), 0), coalesce((SELECT max(cursor) FROM uplink), 0))"
    ).fetchone()
    return int(row[0])


def prove_head(connection: sqlite3.Connection) -> None:
    """Raises DamagedBufferError where the newest change is not as it was written: numbers would be given out again."""
    row = connection.execute(f"SELECT {PROVEN} FROM change ORDER BY seq DESC LIMIT 1").fetchone()
    if row is not None and not is_proven(row):
        raise DamagedBufferError("the end of table change is not as it was written")


def read(connection: sqlite3.Connection, after_seq: int, limit: int) -> list[Change]:
    """At most ``limit`` changes after ``after_seq``, in order. Raises DamagedRowError for one that is not as it was
    written: nothing behind it may pass it by until it has been taken out and told."""
    rows = connection.execute(
        f"SELECT {PROVEN} FROM change WHERE seq > ? ORDER BY seq LIMIT ?",
        (after_seq, limit),
    )
    found: list[Change] = []
    while some := rows.fetchmany(ROWS_AT_ONCE):
        for row in some:
            seq, kind, key, revision, at, body, crc = row
            # ``checksum`` written out: a call for each row is a tenth of what reading costs.
            if (
                type(body) is not bytes
                or crc != crc32(f"{seq},{revision},{at},{kind},{key},".encode() + body)
            ) and not is_proven(row):
                raise DamagedRowError("change", row[:1])
            found.append(Change(seq, kind, key, revision, body))
    return found


def made_between(connection: sqlite3.Connection, start: int, end: int) -> tuple[int, int]:
    """(from_seq, to_seq] of the changes made in [start, end) ms; an empty stretch where there is none."""
    row = connection.execute(
        "SELECT min(seq), max(seq) FROM change WHERE at >= ? AND at < ?", (start, end)
    ).fetchone()
    return (int(row[0]) - 1, int(row[1])) if row[0] is not None else (0, 0)


DESCRIPTIONS = "kind IN ('site', 'point')"
"""What a receiver must know before it can take a point's intervals."""


def descriptions_in(connection: sqlite3.Connection, stretches: Sequence[tuple[int, int]]) -> list[int]:
    """The seqs of those that lie in (from, to] of ``stretches``, the newest of each key. Reads through the stretches."""
    newest: dict[str, int] = {}
    for low, high in stretches:
        rows = connection.execute(
            f"SELECT key, seq FROM change WHERE seq > ? AND seq <= ? AND {DESCRIPTIONS} ORDER BY seq",
            (low, high),
        )
        newest.update(rows)
    return sorted(newest.values())


def append_again(connection: sqlite3.Connection, log: ChangeLog, seqs: Sequence[int], at: int) -> None:
    """Tell changes once more, under their own keys and revisions: a receiver has their effect once. The caller flushes."""
    for seq in seqs:
        row = connection.execute(
            "SELECT kind, key, revision, body FROM change WHERE seq = ?", (seq,)
        ).fetchone()
        if row is not None:
            log.append(row[0], row[1], row[2], at, row[3])


def quarantine_row(connection: sqlite3.Connection, row: Sequence[Any]) -> None:
    """Take a damaged change (``PROVEN``) out of the feed."""
    at = row[4] if isinstance(row[4], int) else 0
    quarantine.put(connection, "change", "seq = ?", row[:1], row, (None, at, at + 1))
