"""The clock went back: what the buffer says of a time that has not come is taken back, step by step.

First every reading dated later becomes bad, then every interval that ends later is told again as missing, with the next
revision since a district's revisions only rise; then marks and counts are those of the new present, and the accounts begin
from there as after a restart. A crash begins the walk again and changes nothing twice. Runs on the writer's thread.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from gateway.book.account import Account
from gateway.book.accounts import Accounts
from gateway.book.recompute import REACHES_MS
from gateway.intervals import Sample
from gateway.model import QUARTER_MS
from gateway.open_slots import Mark, OpenSlots
from gateway.slots import quarter_start
from gateway.store import intervals, readings, set_back
from gateway.store.readings import StoredReading
from gateway.store.set_back import Key, Span

ALL_MS = 2**60
"""More than raw readings are ever kept for: of a point that has been silent for long there are few."""

ROWS_MAX, INTERVALS_MAX = 5_000, 1_000
"""Of a transaction: 25 ms and 0.1 s."""


@dataclass(slots=True)
class GoingBack:
    """One walk; ``step`` in a transaction each until it says that all is done."""

    back_to: int
    _after: Key | None = None
    _changed: Span | None = None
    _points: list[str] | None = None

    @classmethod
    def begun(cls, connection: sqlite3.Connection, back_to: int) -> GoingBack:
        """Kept in the buffer until it is done."""
        set_back.begin(connection, back_to)
        return cls(back_to)

    @classmethod
    def resumed(cls, connection: sqlite3.Connection) -> GoingBack | None:
        back_to = set_back.begun(connection)
        return None if back_to is None else cls(back_to)

    def step(self, connection: sqlite3.Connection, accounts: Accounts, now: int) -> bool:
        """A little further; True when all is done and the accounts have begun again."""
        if self._points is None:
            self._after, changed = set_back.spoil(connection, self._after or (self.back_to, 2**62), ROWS_MAX)
            if changed is not None:
                self._changed = self.back_to, changed[1]
            if self._after is None:
                self._points = sorted(accounts.every)
            return False
        if self._points:
            self._tell(connection, accounts, self._points, now)
            return False
        set_back.count_again(connection, self.back_to, now)
        _set_marks(connection, accounts.every, self.back_to)
        set_back.done(connection, self._changed)
        accounts.restore(connection, now)
        return True

    def _tell(self, connection: sqlite3.Connection, accounts: Accounts, left: list[str], now: int) -> None:
        """Tell again, as missing, what ended later; points with nothing more to tell leave ``left``."""
        told = 0
        while left and told < INTERVALS_MAX:
            account = accounts.every[left[-1]]
            found = set_back.told_later(connection, account.point_id, self.back_to, INTERVALS_MAX)
            for period, start in found:
                accounts.closed.take_back(connection, account, period, start, now)
            told += len(found)
            if len(found) < INTERVALS_MAX:
                left.pop()
        accounts.log.flush(connection)


def _set_marks(connection: sqlite3.Connection, every: Mapping[str, Account], back_to: int) -> None:
    """Every open slot is that of ``back_to`` or one before it."""
    slot = quarter_start(back_to)
    marks = intervals.load_marks(connection)
    recent = _recent(connection, slot - 2 * QUARTER_MS, back_to)
    kept: list[tuple[int, Mark]] = []
    for account in every.values():
        mark = marks.get(account.point_id)
        if mark is None:
            continue
        before = recent[account.point_id]
        last_at = before[-1].measured_at if before else mark.left.at
        if mark.left.at <= back_to and mark.open_from <= quarter_start(last_at):
            kept.append((account.point_id, replace(mark, closed_to=min(mark.closed_to, slot))))
            continue
        again = _mark_at(connection, account, mark, back_to, before)
        if again is None:
            set_back.forget_mark(connection, account.point_id)
        else:
            kept.append((account.point_id, again))
    intervals.save_marks(connection, kept)


def _recent(connection: sqlite3.Connection, start: int, back_to: int) -> dict[int, list[StoredReading]]:
    """Good readings of the last quarter-hours by point, in one walk for all."""
    found: dict[int, list[StoredReading]] = defaultdict(list)
    for row in readings.since(connection, start):
        if row.measured_at > back_to:
            break
        found[row.point_id].append(row)
    return found


def _mark_at(
    connection: sqlite3.Connection, account: Account, mark: Mark, back_to: int, recent: list[StoredReading]
) -> Mark | None:
    """The mark as it was when the last reading before ``back_to`` had come: slots that a later one closed are told again. None
    where the point was not in service then."""
    if mark.first_at > back_to:
        return None
    samples = _samples(connection, account, (mark.first_at, back_to), recent)
    if not samples:
        return None
    slots = OpenSlots(account.spec, round(account.point.expected_interval_s * 1000), samples[0])
    for sample in samples[1:]:
        slots.add(sample)
        while slots.catch_up():
            pass
    return replace(slots.mark(), first_at=mark.first_at)


def _samples(
    connection: sqlite3.Connection, account: Account, life: Span, recent: list[StoredReading]
) -> list[Sample]:
    """Good samples of the point's ``life`` from before the slot of the last one on; where raw readings are gone, the register at
    the end of the last interval that was measured: an estimate may come from a reading that is dated wrong."""
    first_at, back_to = life
    rows = recent
    for reach in () if _is_enough(rows) else (*REACHES_MS, ALL_MS):
        start = max(first_at, back_to - reach)
        rows = readings.of_point(connection, account.point_id, start, back_to + 1)
        if start == first_at or _is_enough(rows):
            break
    samples = [Sample(r.measured_at, r.value, account.tolerance_ms) for r in rows if r.value is not None]
    if not samples:
        known = intervals.last_measured(connection, account.point_id, account.point.name, back_to)
        if known is not None and known.end_steps is not None:
            samples = [Sample(known.end, known.end_steps, 0)]
    return samples


def _is_enough(rows: list[StoredReading]) -> bool:
    """Two of them by the beginning of the last one's slot: the first may be a counter's dip, and of a state the one before the
    boundary says whether the one on it is a change."""
    return len(rows) > 1 and rows[1].measured_at <= quarter_start(rows[-1].measured_at)
