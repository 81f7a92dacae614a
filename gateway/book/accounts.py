"""What one transaction does with a batch of readings: rows, intervals, events and their changes, all or nothing.

Runs on the writer's thread inside BEGIN IMMEDIATE … COMMIT. Its state (open slots, rules, newest times) is rebuilt from
the buffer by ``Accounts.restore``, so after a commit whose outcome is unknown the same batch may simply come again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from edge_config.site import LoadedSite
from gateway.book.account import Account, Lot, account_of, lot_of, tolerance_ms_of
from gateway.book.closed_slots import SILENT_MS_MAX, ClosedSlots
from gateway.book.late_readings import LateReadings
from gateway.book.outcome import Outcome
from gateway.book.raised_events import RaisedEvents
from gateway.book.steps import kept_step
from gateway.intervals import Sample
from gateway.model import QUARTER_MS, Event, Point, Quality, Reading, Readings
from gateway.open_slots import Mark, OpenSlots
from gateway.points import parts
from gateway.rules.watches import watches
from gateway.store import changes, events, fallen, intervals, notes, points, readings, replacements
from gateway.store.changes import ChangeLog
from gateway.store.new_rows import NewRows
from gateway.store.set_back import Span, spoiled
from gateway.store.tally import Tally
from gateway.validate import LOTS_MAX

CLOSED_MAX = 4_000
"""Slots of all points that a tick closes, 0.1 s: after a clock leapt ahead, or a long silence, the next tick goes on."""


class Accounts:
    """The state of all points of a site, and how a batch changes it. Not thread-safe: the writer's thread only."""

    def __init__(self, site: LoadedSite, all_points: Sequence[Point]) -> None:
        self._site, self._points = site, {point.name: point for point in all_points}
        self._by_name: dict[str, Account] = {}
        self._touched: set[str] = set()
        self._lots: dict[tuple[str, ...], Lot] = {}
        self._spans: list[tuple[int, int, int]] = []
        self._fallen: dict[int, int] = {}
        self.tally = Tally()
        self._take_log(ChangeLog(0))
        self.received_to: int | None = None
        """When the newest of the readings that ``restore`` read was received."""
        self._spoiled: Span = (0, 0)

    @property
    def every(self) -> Mapping[str, Account]:
        """The accounts by point."""
        return self._by_name

    @property
    def closed(self) -> ClosedSlots:
        return self._closed

    @property
    def head(self) -> int:
        return self._log.head

    @property
    def log(self) -> ChangeLog:
        """Where changes of this transaction go; flushed at the end of each step that appends some."""
        return self._log

    @property
    def site(self) -> LoadedSite:
        return self._site

    @property
    def points(self) -> Mapping[str, Point]:
        """By name, each in the step the buffer counts it in."""
        return self._points

    # -- the state, from the buffer ---------------------------------------------------------------------------------

    def restore(self, connection: sqlite3.Connection, now: int) -> None:
        """Make points known, take up open slots and open events, and read the newest readings once more."""
        self._take_log(ChangeLog(changes.head(connection)))
        self._lots.clear()
        site = self._site.file
        points.register_site(connection, self._log, site, now)
        self._points = {
            name: kept_step(connection, self._site.devices[point.device], point)
            for name, point in self._points.items()
        }
        ids = points.register(connection, self._log, self._points.values(), parts(self._site), now)
        for uplink in site.uplinks:
            connection.execute("INSERT OR IGNORE INTO uplink (uplink, cursor) VALUES (?, 0)", (uplink.id,))
        open_events = events.open_events(connection)
        groups = watches(self._site, self._points.values(), open_events)
        for event in open_events:
            self._events.resume(event)
        self._spans = [(a, b, tolerance_ms_of(s)) for a, b, s in intervals.replay_spans(connection)]
        replaced = replacements.times(connection)
        self._by_name = {
            name: account_of(
                self._points[name], ids[name], groups.get(name, []), replaced.get(ids[name], frozenset())
            )
            for name in ids
        }
        self._spoiled = spoiled(connection)
        self._resume_slots(connection, now)
        self.tally.restore(connection, now)
        self._log.flush(connection)

    def _take_log(self, log: ChangeLog) -> None:
        self._log, self._closed = log, ClosedSlots(log, self._site.zone)
        self._events = RaisedEvents(log, self._site.file.site.id)
        self._late = LateReadings(self._closed, self.tally, self._touched, self._tolerance, self._events)

    def _resume_slots(self, connection: sqlite3.Connection, now: int) -> None:
        by_id = {account.point_id: account for account in self._by_name.values()}
        marks = {i: mark for i, mark in intervals.load_marks(connection).items() if i in by_id}
        for point_id, mark in marks.items():
            account = by_id[point_id]
            slots = OpenSlots.restore(account.spec, round(account.point.expected_interval_s * 1000), mark)
            account.slots, account.newest_at = slots, slots.newest.at
        if not marks:
            return
        self._fallen = fallen.load(connection)
        for point_id, at in self._fallen.items():
            for row in readings.of_point(connection, point_id, at, at + 1) if point_id in marks else ():
                self._take_up(connection, by_id[point_id], row, now)
        start = min(_unread_from(mark) for mark in marks.values())
        self._late.resume(connection, self._by_name.values(), start)
        for row in readings.since(connection, start):
            found = by_id.get(row.point_id)
            received_at = row.measured_at + row.lag
            if (
                not row.measured_at <= self._spoiled[0] < received_at
            ):  # else by a clock that was set back since
                self.received_to = max(self.received_to or 0, received_at)
            if found is not None:
                self._take_up(connection, found, row, now)

    def _take_up(
        self, connection: sqlite3.Connection, account: Account, row: readings.StoredReading, now: int
    ) -> None:
        """Count a stored good reading that is newer than what the account has seen."""
        at, slots = row.measured_at, account.slots
        if row.value is None or slots is None or at <= account.newest_at:
            return
        account.newest_at = at
        sample = Sample(at, row.value, self._tolerance(account, at))
        self._closed.put(connection, account, slots.add(sample), now)
        self._touched.add(account.point.name)

    # -- one batch --------------------------------------------------------------------------------------------------

    def book(self, connection: sqlite3.Connection, batch: Iterable[Readings], now: int) -> Outcome:
        """Store judged readings and everything that follows from them. Raises sqlite3.Error; nothing is kept then."""
        outcome, rows, lots, late = Outcome(), NewRows(), self._lots.get, self._late
        for group in batch:
            lot, at = lots(group.points) or self._lot(group.points), group.measured_at
            is_newest = lot.stride.newest_at < at or at > max([account.newest_at for account in lot.accounts])
            is_first = not self._spoiled[0] <= at <= self._spoiled[1]
            if (
                is_newest
                and is_first
                and group.quality is Quality.GOOD
                and not lot.has_twins
                and not (late.ahead and late.may_meet(lot.point_ids, at))
            ):
                self._book(connection, lot, group, rows, outcome, now)
                continue
            for account, reading in zip(lot.accounts, group.each(), strict=True):
                self._look_up(connection, account, reading, rows, outcome, now)
        rows.insert(connection)
        self._finish(connection)
        return outcome

    def _book(
        self, connection: sqlite3.Connection, lot: Lot, group: Readings, rows: NewRows, outcome: Outcome, now: int
    ) -> None:  # fmt: skip
        """Good readings, each its point's newest: nearly all do no more than join a slot that stays open."""
        _, at, received_at, values, _, _ = group
        steps = lot.steps(values)
        rows.add_good(at, received_at - at, lot.point_ids, steps)
        self.tally.book(at, lot.point_ids)
        outcome.stored += len(steps)
        for account in lot.accounts:
            account.newest_at = at
        if self._spans or not lot.stride.take(at, steps):
            for account, count in zip(lot.accounts, steps, strict=True):
                sample, slots = Sample(at, count, self._tolerance(account, at)), account.slots
                if slots is None or not slots.take(sample):
                    self._count(connection, account, sample, outcome, now)
            lot.begin_stride()
        for place, account in lot.watched:
            sample = Sample(at, steps[place], account.tolerance_ms)
            self._events.watch(connection, account, sample, outcome, now)

    def _lot(self, points: tuple[str, ...]) -> Lot:
        """The accounts of a group's points, kept for the next such group."""
        if len(self._lots) >= LOTS_MAX:
            self._lots.clear()
        self._lots[points] = lot = lot_of([self._by_name[point] for point in points])
        return lot

    def tick(
        self, connection: sqlite3.Connection, now: int, *, expire: bool = True, aged: int | None = None
    ) -> None:
        """Close slots that are past their grace (by ``aged``, which is ``now`` where the clock did not just leap ahead), and
        compute again what late readings touched."""
        left = CLOSED_MAX
        for account in self._by_name.values() if expire else ():
            closed = account.expire(now if aged is None else aged)
            if closed:
                self._closed.put(connection, account, closed, now)
                self._touched.add(account.point.name)
                left -= len(closed)
                if left <= 0:
                    break
        self._late.recompute(connection, self._by_name.values(), now)
        self._finish(connection)

    def device_state(
        self, connection: sqlite3.Connection, device: str, state: str, detail: str, now: int
    ) -> None:
        """Keep a device's state; offline opens an event and online closes it."""
        if notes.device_state(connection, device, state, detail, now):
            self._events.device_state(connection, device, state, detail, now)
            self._log.flush(connection)

    def tell(self, connection: sqlite3.Connection, found: Iterable[Event], now: int) -> None:
        """Keep events that a command found, and their changes."""
        for event in found:
            events.put(connection, self._log, event, now)
        self._log.flush(connection)

    def say(self, connection: sqlite3.Connection, event: Event | None, now: int) -> None:
        """Keep an event that no reading raised."""
        self._events.put(connection, event, Outcome(), now)
        self._log.flush(connection)

    def shed_to(self, instant: int) -> None:
        """Raw readings before ``instant`` may be gone: slots there change only for the better."""
        self._closed.thin_to = instant

    def brought(self, keys: Iterable[tuple[int, int]]) -> None:
        """Rows of (measured_at, point_id) came into the buffer by another way than ``book``."""
        by_id = {account.point_id: account for account in self._by_name.values()}
        for at, point_id in keys:
            if point_id in by_id:
                self._late.note(by_id[point_id], at)

    def statement(self, connection: sqlite3.Connection, fields: dict[str, object], now: int) -> int:
        revision = notes.statement(connection, self._log, fields, now)
        self._log.flush(connection)
        return revision

    def add_replay_span(
        self, connection: sqlite3.Connection, start: int, end: int, expected_interval_s: float
    ) -> None:
        """Readings measured in [start, end] were taken every ``expected_interval_s``; their slots are judged by that."""
        intervals.add_replay_span(connection, start, end, expected_interval_s)
        self._spans.append((start, end, tolerance_ms_of(expected_interval_s)))

    # -- parts of a batch -------------------------------------------------------------------------------------------

    def _look_up(
        self, connection: sqlite3.Connection, account: Account, reading: Reading, rows: NewRows,
        outcome: Outcome, now: int,
    ) -> None:  # fmt: skip
        """Store a reading that is bad, or not the point's newest: a new row, a repeat or a correction."""
        _, at, received_at, value, quality, reason = reading
        steps = None if value is None else round(value * account.den / account.num)
        # A plain number: an enum takes the slow way into SQLite.
        row = readings.row(at, account.point_id, received_at - at, steps, int(quality), reason)
        if not self._late.is_new(connection, account, row, rows, outcome, now):
            return
        outcome.stored += 1
        if quality is Quality.GOOD and steps is not None:
            sample = Sample(at, steps, self._tolerance(account, at))
            if account.is_newest(at):
                account.newest_at = at
                self._count(connection, account, sample, outcome, now)
                self._events.watch(connection, account, sample, outcome, now)
            else:
                self._late.take(connection, account, sample, now)
        elif reason == "device_clock":
            self._events.wrong_clock(connection, account.point.device, outcome, now)

    def _count(
        self, connection: sqlite3.Connection, account: Account, sample: Sample, outcome: Outcome, now: int
    ) -> None:
        """Add a point's newest sample to its slots, and tell what it closes."""
        slots = account.slots
        if slots is None:
            account.slots = OpenSlots(account.spec, round(account.point.expected_interval_s * 1000), sample)
            self._touched.add(account.point.name)
            return
        if sample.at - slots.newest.at > SILENT_MS_MAX:
            self._closed.begin_anew(connection, account, slots, sample, now)
            self._touched.add(account.point.name)
            return
        if sample.at < slots.open_from:  # its slot, a gauge's, was closed without it
            self._touched.add(account.point.name)
            intervals.mark_dirty(connection, account.point_id, sample.at, now)
        closed = slots.add(sample)
        if closed or slots.is_waiting:  # else the mark is what it was
            self._touched.add(account.point.name)
            self._closed.put(connection, account, closed, now)
        if slots.resets or slots.dips:
            self._events.falls(connection, account, slots, outcome, now)

    def _tolerance(self, account: Account, at: int) -> int:
        for start, end, tolerance in self._spans:
            if start <= at <= end:
                return max(tolerance, account.tolerance_ms)
        return account.tolerance_ms

    def _finish(self, connection: sqlite3.Connection) -> None:
        marks, fell = [], dict(self._fallen)
        for name in self._touched:
            account = self._by_name[name]
            if account.slots is not None and not account.slots.is_behind:
                marks.append((account.point_id, account.slots.mark()))
                fell.pop(account.point_id, None)
                if (fallen_at := account.slots.fallen_at) is not None:
                    fell[account.point_id] = fallen_at
        intervals.save_marks(connection, marks)
        if fell != self._fallen:
            fallen.save(connection, fell)
            self._fallen = fell
        self.tally.flush(connection)
        self._touched.clear()
        self._log.flush(connection)


def _unread_from(mark: Mark) -> int:
    """Where the readings begin that a restart must see again: a silent point has none before its last closed slot."""
    return mark.left.at if mark.left.at + QUARTER_MS > mark.closed_to else mark.closed_to
