"""Readings that are not their point's newest: repeats, corrections, and late ones, which re-open exactly their slots.

Runs inside the writer's transaction (ARCHITECTURE 3 and 5). A slot that is closed gets a mark, and a minute later is computed
again from the buffer: at most one revision per slot and minute.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from functools import partial

from gateway.account import Account
from gateway.closed_slots import ClosedSlots
from gateway.intervals import Sample
from gateway.model import QUARTER_MS
from gateway.open_slots import OpenSlots
from gateway.outcome import Outcome
from gateway.recompute import samples_around, slots_again
from gateway.store import intervals, left_out, readings
from gateway.store.new_rows import NewRows
from gateway.store.tally import Tally

REVISE_AFTER_MS = 60_000
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
    ) -> None:
        self._closed, self._tally, self._touched, self._tolerance = closed, tally, touched, tolerance

    def is_new(
        self, connection: sqlite3.Connection, account: Account, row: readings.Row, rows: NewRows,
        outcome: Outcome, now: int,
    ) -> bool:  # fmt: skip
        """Whether a reading that is not the point's newest is a new row; a repeat or a correction is not."""
        rows.insert(connection)
        known = readings.find(connection, account.point_id, row[0])
        if known is None:
            rows.add(row)
            self._tally.book(row[0], (row[1],), is_good=row[4] == 0)
            return True
        if (known.value, known.quality) == (row[3], row[4]):
            outcome.repeated += 1
            return False
        readings.correct(connection, known, row)
        outcome.corrected += 1
        if known.quality and not row[4] and row[0] > account.newest_at:
            return True  # the clock is here for the second time, and now it is right
        self.take(connection, account, Sample(row[0], row[3] or 0, self._tolerance(account, row[0])), now)
        return False

    def take(self, connection: sqlite3.Connection, account: Account, sample: Sample, now: int) -> None:
        """A good sample older than the newest: into the open slot, or a mark on its closed one."""
        slots = account.slots
        if slots is None:
            return
        self._touched.add(account.point.name)
        if slots.insert(sample):
            return
        slots.first_at = min(slots.first_at, sample.at)
        intervals.mark_dirty(connection, account.point_id, sample.at, now)

    def recompute(self, connection: sqlite3.Connection, accounts: Iterable[Account], now: int) -> None:
        """Compute the slots again that were marked a minute ago or earlier."""
        by_id = {account.point_id: account for account in accounts}
        for point_id, start in intervals.dirty(connection, now - REVISE_AFTER_MS, limit=SLOTS_MAX):
            account = by_id.get(point_id)
            if account is not None and account.slots is not None:
                self._again(connection, account, account.slots, start, now)
            intervals.clear_dirty(connection, point_id, start, start + QUARTER_MS)

    def _again(
        self, connection: sqlite3.Connection, account: Account, known: OpenSlots, start: int, now: int
    ) -> None:
        samples = samples_around(connection, account.point_id, start, partial(self._tolerance, account))
        expected_ms = round(account.point.expected_interval_s * 1000)
        again = slots_again(account.spec, expected_ms, samples, start, known)
        self._closed.put(connection, account, again, now)
        if start < self._closed.thin_to and all(interval.start != start for interval in again):
            left_out.keep(connection, account.point_id, start)
