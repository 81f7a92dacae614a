"""Readings that are not their point's newest: repeats, corrections, and late ones, which re-open exactly their slots.

Runs inside the writer's transaction (ARCHITECTURE 3 and 5). A slot that is closed gets a mark, and a minute later is computed
again from the buffer: at most one revision per slot and minute.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from functools import partial

from gateway.book.account import UNKNOWN, Account
from gateway.book.closed_slots import ClosedSlots
from gateway.book.outcome import Outcome
from gateway.book.raised_events import RaisedEvents
from gateway.book.recompute import leaps, samples_around, slots_again
from gateway.intervals import Sample
from gateway.model import QUARTER_MS
from gateway.open_slots import OpenSlots
from gateway.store import corrections, intervals, left_out, notes, readings
from gateway.store.corrections import Span
from gateway.store.new_rows import NewRows
from gateway.store.tally import Tally
from gateway.validate import RATE

REVISE_AFTER_MS = 60_000
NEVER: Span = (2**62, 0)
SLOTS_MAX = 200
"""Computed again by one tick; the others wait for the next."""


class LateReadings:
    """``touched`` takes the names of points whose mark moved; ``tolerance`` says how far a sample of then may stand from a
    boundary and still count as measured."""

    def __init__(
        self,
        closed: ClosedSlots,
        tally: Tally,
        touched: set[str],
        tolerance: Callable[[Account, int], int],
        raised: RaisedEvents,
    ) -> None:
        self._raised = raised
        self._closed, self._tally, self._touched, self._tolerance = closed, tally, touched, tolerance
        self.ahead: dict[int, Span] = {}
        """By point, between when and when rows may lie that are newer than its newest good reading: bad ones, and what a
        salvage brought."""

    def resume(self, connection: sqlite3.Connection, accounts: Iterable[Account], start: int) -> None:
        """Find the bad readings from ``start`` on. Of a point that was silent then, older ones may be anywhere."""
        self.ahead = dict(corrections.bad_since(connection, start))
        for account in accounts:
            if account.is_newest(start):
                first = 0 if account.newest_at == UNKNOWN else account.newest_at
                self.ahead[account.point_id] = first, max(start, self.ahead.get(account.point_id, (0, 0))[1])

    def may_meet(self, point_ids: Iterable[int], at: int) -> bool:
        """Whether a row may be there that has point and time of good readings which are about to be the newest."""
        for point_id in point_ids:
            first, last = self.ahead.get(point_id, NEVER)
            if first <= at <= last:
                return True
            if first <= last < at:
                del self.ahead[point_id]
        return False

    def note(self, account: Account, at: int) -> None:
        """A row was kept that may be newer than the point's newest good reading."""
        if account.is_newest(at):
            first, last = self.ahead.get(account.point_id, NEVER)
            self.ahead[account.point_id] = min(first, at), max(last, at)

    def is_new(
        self, connection: sqlite3.Connection, account: Account, row: readings.Row, rows: NewRows,
        outcome: Outcome, now: int,
    ) -> bool:  # fmt: skip
        """Whether a reading that is not the point's newest is a new row; a repeat or a correction is not."""
        rows.insert(connection)
        known = readings.find(connection, account.point_id, row[0])
        if known is None:
            rows.add(row)
            self._tally.book(row[0], (row[1],))
            if row[4]:
                self.note(account, row[0])
            return True
        if (known.value, known.quality) == (row[3], row[4]):
            outcome.repeated += 1
            return False
        outcome.corrected += 1
        if row[4] > known.quality:  # a bad word puts out no good one, which may be the same word
            corrections.keep_worse(connection, known, row)
            return False
        readings.correct(connection, known, row)
        if row[4] or row[3] is None:
            return False
        if account.is_newest(row[0]):
            return True  # the clock is here for the second time, and now it is right
        self.take(connection, account, Sample(row[0], row[3], self._tolerance(account, row[0])), now)
        return False

    def take(self, connection: sqlite3.Connection, account: Account, sample: Sample, now: int) -> None:
        """A good sample older than the newest: into the open slot, or a mark on its closed one."""
        slots = account.slots
        if slots is None:
            return
        self._touched.add(account.point.name)
        if slots.insert(sample):
            if slots.reaches_back(sample):
                intervals.mark_dirty(connection, account.point_id, slots.open_from - QUARTER_MS, now)
            return
        slots.first_at = min(slots.first_at, sample.at)
        intervals.mark_dirty(connection, account.point_id, sample.at, now)

    def recompute(self, connection: sqlite3.Connection, accounts: Iterable[Account], now: int) -> None:
        """Compute the slots again that were marked a minute ago or earlier. One whose counter still catches up with a long
        silence waits: what it catches up with would be written over it, and the late word lost for ever."""
        by_id = {account.point_id: account for account in accounts}
        for point_id, start in intervals.dirty(connection, now - REVISE_AFTER_MS, limit=SLOTS_MAX):
            account = by_id.get(point_id)
            if account is not None and account.slots is not None:
                if account.slots.is_behind:
                    continue
                self._again(connection, account, account.slots, start, now)
            intervals.clear_dirty(connection, point_id, start, start + QUARTER_MS)

    def _again(
        self, connection: sqlite3.Connection, account: Account, known: OpenSlots, start: int, now: int
    ) -> None:
        first = intervals.first_start(connection, account.point_id)
        _, last = self.ahead.get(account.point_id, NEVER)
        life = min(known.first_at, known.first_at if first is None else first), max(known.seen_to, last)
        samples = samples_around(connection, account.point_id, start, partial(self._tolerance, account), life)
        for leap in leaps(account.spec, samples[:]):
            samples.remove(leap)
            readings.doubt(connection, account.point_id, leap.at, RATE)
            notes.reject(connection, [(account.point.name, RATE, 1, f"{account.value(leap.steps):g}")], now)
        expected_ms = round(account.point.expected_interval_s * 1000)
        again = slots_again(account.spec, expected_ms, samples, start, known)
        self._touched.add(account.point.name)  # what a silent counter holds may be other than it was
        self._closed.put(connection, account, again.slots, now)
        if start >= self._closed.thin_to:
            self._raised.falls_again(connection, account, again.resets, again.settled, now)
        elif all(interval.start != start for interval in again.slots):
            left_out.keep(connection, account.point_id, start)
