"""Rows of ``reading`` on their way in: gathered over a batch, inserted together.

Knows the table's columns; does not know which readings are new. Good rows lie flat, five numbers each, and go in by
statements of many: 0.7 µs a row, where a tuple for each takes 1.1 and ``executemany`` 2.8, which gives the interpreter up
and takes it again at each row (docs/decisions/0004).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from gateway.store.readings import Row, good_crcs

ROWS_A_STATEMENT = (250, 50, 10, 1)
"""Between two of them the event loop's thread gets its turn, and either has to wait for the other."""
NUMBERS = 5
"""Of a good row: time, point, lag, value, CRC. Its quality is 0 and it has no reason."""


def _statement(row: str, rows: int) -> str:
    # The conflict clause is only reached when a good reading meets a bad one of the very same millisecond.
    return (
        "INSERT INTO reading (measured_at, point_id, lag, value, quality, reason, crc) VALUES "
        + ", ".join([row] * rows)
        + " ON CONFLICT DO UPDATE SET lag = excluded.lag, value = excluded.value, quality = excluded.quality,"
        " reason = excluded.reason, crc = excluded.crc"
    )


_GOOD, _ANY = "(?, ?, ?, ?, 0, NULL, ?)", "(?, ?, ?, ?, ?, ?, ?)"
_INSERT_GOOD = [(NUMBERS * rows, _statement(_GOOD, rows)) for rows in ROWS_A_STATEMENT]
_INSERT_ANY = _statement(_ANY, 1)


class NewRows:
    """Rows that are known to be new, or better than a bad one."""

    __slots__ = ("_any", "_good")

    def __init__(self) -> None:
        self._good: list[int] = []
        self._any: list[Row] = []

    def add(self, row: Row) -> None:
        """A row of any quality, after ``insert`` has put in what was added before it."""
        self._any.append(row)

    def add_good(self, measured_at: int, lag: int, point_ids: Sequence[int], values: Sequence[int]) -> None:
        """A good row for each point; ``values`` in steps, ``lag`` = received_at − measured_at in ms."""
        flat = [measured_at, 0, lag, 0, 0] * len(values)
        flat[1::NUMBERS], flat[3::NUMBERS] = point_ids, values
        flat[4::NUMBERS] = good_crcs(measured_at, lag, point_ids, values)
        self._good += flat

    def insert(self, connection: sqlite3.Connection) -> None:
        """Into the table, and none is left. Raises sqlite3.Error."""
        if self._any:
            connection.executemany(_INSERT_ANY, self._any)
            self._any.clear()
        good, first = self._good, 0
        for numbers, statement in _INSERT_GOOD:
            while first + numbers <= len(good):
                connection.execute(statement, good[first : first + numbers])
                first += numbers
        good.clear()
