"""Raw readings whose time is over, in steps of a few milliseconds along their key.

A reading goes when its slot is closed, computed again if it had to be, and its age allows it. One that an interval holds
goes without a word. Any other, bad and uncertain readings among them since no interval ever holds those, is counted in
``shed`` in the transaction that drops it, and a day's worth becomes one gap record. What a restart must read again stays.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.model import QUARTER_MS, Quality
from gateway.slots import quarter_start
from gateway.store import gaps, left_out
from gateway.store.changes import ChangeLog
from gateway.store.points import meta, put_meta
from gateway.store.shedding import DAY_MS, Horizons
from gateway.store.tally import Shed

ROWS_MAX = 4_000
"""Rows a step looks at: 11 ms, and 800 a second at a step every 5 s, where 30 a second is a busy school."""
SHED_TO = "raw_shed_to"
TELL_AFTER_MS = DAY_MS
FUTURE_MS = DAY_MS
"""Readings dated further ahead of us than this carry a device's wrong clock; they go by when they were received."""
BEGINNING, END = -(2**62), 2**62

IN_NO_INTERVAL, NOT_GOOD = "retention", "retention_not_good"
"""Reasons of a gap record: a good reading whose slot has no known value; a reading that was bad or uncertain."""

Key = tuple[int, int]


@dataclass(slots=True)
class RawSweep:
    """A walk from the oldest reading on, then through those dated in the future; it begins anew when more may go."""

    shed_to: int = 0
    """Before this instant readings that intervals hold may be gone."""
    _bounds: tuple[int, int] = (BEGINNING, BEGINNING)
    _position: Key = (END, 0)
    _end: int = END

    @classmethod
    def restored(cls, connection: sqlite3.Connection) -> RawSweep:
        return cls(int(meta(connection, SHED_TO) or 0))

    def step(self, connection: sqlite3.Connection, horizons: Horizons, now: int) -> Shed:
        """Delete what may go among the next rows of the walk. The caller keeps the tally."""
        past_end = min(horizons.raw_in_interval, _unread_from(connection))
        if (past_end, horizons.raw) != self._bounds:
            self._bounds, self._position, self._end = (past_end, horizons.raw), (BEGINNING, 0), past_end
        if self.is_idle:
            return Shed()
        rows = connection.execute(
            "SELECT measured_at, point_id, CAST(lag AS INTEGER), CAST(quality AS INTEGER) FROM reading"
            " WHERE (measured_at, point_id) > (?, ?) AND measured_at < ? AND typeof(point_id) = 'integer'"
            " ORDER BY measured_at, point_id LIMIT ?",
            (*self._position, self._end, ROWS_MAX),
        ).fetchall()
        shed = _shed(connection, rows, horizons, now)
        if shed.rows and shed.rows[0][0] < past_end > self.shed_to:
            self.shed_to = past_end
            put_meta(connection, {SHED_TO: str(past_end)})
        self._move_on(rows, now)
        return shed

    @property
    def is_idle(self) -> bool:
        """Whether nothing more can go until the horizons move."""
        return self._position[0] == END

    def _move_on(self, rows: Sequence[tuple[int, ...]], now: int) -> None:
        if len(rows) == ROWS_MAX:
            self._position = (rows[-1][0], rows[-1][1])
        elif self._end != END:
            self._position, self._end = (now + FUTURE_MS, 0), END
        else:
            self._position = (END, 0)


def tell(connection: sqlite3.Connection, log: ChangeLog, now: int) -> int:
    """Make gap records of what was shed a day ago or longer; how many."""
    due = connection.execute(
        "SELECT name, shed.point_id, reason, first_at, last_at, count FROM shed JOIN point USING (point_id) WHERE since <= ?",
        (now - TELL_AFTER_MS,),
    ).fetchall()
    for name, point_id, reason, first_at, last_at, count in due:
        gaps.record(connection, log, gaps.Gap(name, first_at, last_at + 1, count, reason), now)
        connection.execute("DELETE FROM shed WHERE point_id = ? AND reason = ?", (point_id, reason))
    return len(due)


@dataclass(slots=True)
class _Untold:
    """Readings of a point in no interval that go for one reason."""

    first_at: int
    last_at: int
    count: int = 0


class _Held(dict[Key, bool]):
    """Whether the readings of (point_id, slot start) are in an interval; each slot is looked up once."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__()
        self._connection = connection

    def __missing__(self, slot: Key) -> bool:
        self[slot] = left_out.is_held(self._connection, *slot)
        return self[slot]


def _shed(
    connection: sqlite3.Connection, rows: Sequence[tuple[int, ...]], horizons: Horizons, now: int
) -> Shed:
    shed, held = Shed(), _Held(connection)
    untold: dict[tuple[int, str], _Untold] = {}
    for at, point_id, lag, quality in rows:
        received = at + lag
        if received >= horizons.raw_in_interval:
            continue
        if quality == Quality.GOOD and held[point_id, at - at % QUARTER_MS]:
            shed.rows.append((at, point_id))
        elif received < horizons.raw:
            shed.rows.append((at, point_id))
            shed.told[point_id] += 1
            reason = IN_NO_INTERVAL if quality == Quality.GOOD else NOT_GOOD
            entry = untold.setdefault((point_id, reason), _Untold(at, at))
            entry.last_at, entry.count = at, entry.count + 1
    _delete(connection, rows, shed.rows)
    _keep_untold(connection, untold, now)
    return shed


def _delete(connection: sqlite3.Connection, rows: Sequence[tuple[int, ...]], keys: Sequence[Key]) -> None:
    """One range where the whole stretch goes, else row by row."""
    if len(keys) < len(rows) or not keys:
        connection.executemany("DELETE FROM reading WHERE measured_at = ? AND point_id = ?", keys)
        return
    connection.execute(
        "DELETE FROM reading WHERE (measured_at, point_id) >= (?, ?) AND (measured_at, point_id) <= (?, ?)"
        " AND typeof(point_id) = 'integer'",
        (*keys[0], *keys[-1]),
    )


def _keep_untold(connection: sqlite3.Connection, untold: dict[tuple[int, str], _Untold], now: int) -> None:
    connection.executemany(
        "INSERT INTO shed (point_id, reason, first_at, last_at, count, since) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (point_id, reason) DO UPDATE SET first_at = min(first_at, excluded.first_at),"
        " last_at = max(last_at, excluded.last_at), count = count + excluded.count",
        [
            (point_id, reason, one.first_at, one.last_at, one.count, now)
            for (point_id, reason), one in untold.items()
        ],
    )


def _unread_from(connection: sqlite3.Connection) -> int:
    """Where the readings begin that a restart or a slot to be computed again still needs, as whole quarter-hours.

    A silent point in service needs none before its last closed slot (see ``Accounts.restore``)."""
    row = connection.execute(
        "SELECT min(CASE WHEN left_at + ? > closed_to THEN left_at ELSE closed_to END) FROM watermark"
        " JOIN point USING (point_id) WHERE in_service = 1",
        (QUARTER_MS,),
    ).fetchone()
    dirty = connection.execute("SELECT min(start) FROM dirty_slot").fetchone()
    needed = [instant for instant in (row[0], dirty[0]) if instant is not None]
    return quarter_start(min(needed, default=END))
