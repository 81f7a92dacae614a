"""Reading what is left of a damaged table: ranges of its key are halved until what cannot be read stands alone.

``.recover`` of Debian 12's sqlite3 fails even on healthy files, so this is ours. Knows integers and a fetch function; does
not know tables. Reads are short, so that nothing holds the file or the machine for long.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

Row = Sequence[Any]
ROWS_A_READ = 2000
FAILURES_A_STEP = 2000
OVERLAP = 400
"""Rows: more than fit into a page of the largest size in use."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Keys in [low, high) that cannot be read."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Table:
    """How to read a table. ``fetch(low, high, limit)`` gives rows with low ≤ key < high in key order and may raise
    sqlite3.DatabaseError, also for a tree out of order; rows of one key must fit into one read. A range not wider than
    ``narrow`` that fails is given up."""

    fetch: Callable[[int, int, int], list[Row]]
    key: Callable[[Row], int]
    holds: Callable[[Row], bool]
    narrow: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Proven rows, how many were not, or a stretch that is lost."""

    rows: list[Row]
    damaged: int = 0
    lost: Lost | None = None


def read_halving(table: Table, low: int, high: int) -> Iterator[Piece]:
    """All rows that can be read with keys in [low, high), in order, and what is lost between them. Where much fails, wider
    ranges are given up: the work is bounded also where a whole table is gone."""
    ranges, failures = [(low, high)], 0
    seen = low - 1  # reads overlap by more than a page: a key out of order misleads a search within its page
    while ranges:
        start, end = ranges.pop()
        try:
            rows = table.fetch(start, end, ROWS_A_READ)
        except sqlite3.DatabaseError:
            failures += 1
            if end - start <= table.narrow << (failures // FAILURES_A_STEP):
                yield Piece([], lost=Lost(max(start, seen + 1), end))
            else:
                middle = (start + end) // 2
                ranges += [(middle, end), (start, middle)]
            continue
        proven = [row for row in rows if table.holds(row)]
        fresh = [row for row in proven if table.key(row) > seen]
        if len(rows) >= ROWS_A_READ:
            seen_to, next_start = _boundary(table, proven, start)
            fresh = [row for row in fresh if table.key(row) <= seen_to]
            ranges.append((next_start, end))
        else:
            seen_to = end - 1
        yield Piece(fresh, len(rows) - len(proven))
        seen = max(seen, seen_to)


def _boundary(table: Table, proven: list[Row], start: int) -> tuple[int, int]:
    """(the last key that is whole in a full read, where the next read begins)."""
    if not proven:
        return start, start + 1
    last = table.key(proven[-1])
    back = table.key(proven[-OVERLAP]) if len(proven) > OVERLAP else last
    return (last - 1, back) if back > start else (max(last - 1, start), max(last, start + 1))


def joined(pieces: Iterable[Piece], key: Callable[[Row], int]) -> Iterator[Piece]:
    """The same with neighbouring losses made one, each reaching to the proven rows on both sides: a row whose key is damaged
    lay somewhere between them."""
    waiting: Lost | None = None
    last: int | None = None
    for piece in pieces:
        if piece.lost is not None:
            low = piece.lost.low if last is None else min(last, piece.lost.low)
            waiting = Lost(low if waiting is None else waiting.low, piece.lost.high)
            continue
        if waiting is not None and (piece.rows or piece.damaged):
            first = max(waiting.high, key(piece.rows[0]) + 1) if piece.rows else waiting.high
            yield Piece([], lost=Lost(waiting.low, first))
            waiting = None
        if piece.rows:
            last = key(piece.rows[-1])
        yield piece
    if waiting is not None:
        yield Piece([], lost=waiting)
