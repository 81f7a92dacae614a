"""What one transaction does with a batch of readings: rows, intervals, events and their changes, all or nothing.

Runs on the writer's thread inside BEGIN IMMEDIATE … COMMIT. Its state (open slots, rules, newest times) is rebuilt from
the buffer by ``Accounts.restore``, so after a commit whose outcome is unknown the same batch may simply come again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from zoneinfo import ZoneInfo

from devices.quantities import Kind
from edge_config.site import LoadedSite
from gateway.errors import ConfigError
from gateway.intervals import CounterSpec, GaugeSpec, Sample, roll_up
from gateway.model import QUARTER_MS, Event, Interval, Level, Period, Point, Quality, Reading
from gateway.open_slots import Mark, OpenSlots
from gateway.points import parts
from gateway.recompute import samples_around, slots_again
from gateway.rules import devices as device_rules
from gateway.rules.watches import Watch, watches
from gateway.slots import day_slot, hour_slot
from gateway.store import bodies, changes, events, intervals, notes, points, readings
from gateway.store.changes import ChangeLog

REVISE_AFTER_MS = 60_000


@dataclass(slots=True)
class Account:
    """One point's running state. ``num``/``den`` is its step; ``newest_at`` the time of its newest good reading, None before the
    first: what is newer is surely a new row, everything else is looked up."""

    point: Point
    point_id: int
    num: int
    den: int
    spec: CounterSpec | GaugeSpec
    tolerance_ms: int
    newest_at: int | None
    watches: list[Watch] = field(default_factory=list)
    slots: OpenSlots | None = None

    def value(self, steps: int) -> float:
        return steps * self.num / self.den


@dataclass(slots=True)
class Outcome:
    """What a batch came to; the door turns it into metrics and urgency."""

    stored: int = 0
    repeated: int = 0
    corrected: int = 0
    urgent: bool = False


class Accounts:
    """The state of all points of a site, and how a batch changes it. Not thread-safe: the writer's thread only."""

    def __init__(self, site: LoadedSite, all_points: Sequence[Point]) -> None:
        self._site, self._points = site, {point.name: point for point in all_points}
        self._zone: ZoneInfo = site.zone
        self._by_name: dict[str, Account] = {}
        self._touched: set[str] = set()
        self._log = ChangeLog(0)
        self._spans: list[tuple[int, int, int]] = []
        self._offline = device_rules.offline(site.file.site.id)
        self._clocks = device_rules.wrong_clock(site.file.site.id)

    @property
    def head(self) -> int:
        return self._log.head

    # -- the state, from the buffer ---------------------------------------------------------------------------------

    def restore(self, connection: sqlite3.Connection, now: int) -> None:
        """Make points known, take up open slots and open events, and read the newest readings once more."""
        self._log = ChangeLog(changes.head(connection))
        site = self._site.file
        points.register_site(connection, self._log, site.site, site.gateway.id, now)
        for point in self._points.values():
            _refuse_other_step(connection, point)
        ids = points.register(connection, self._log, self._points.values(), parts(self._site), now)
        for uplink in site.uplinks:
            connection.execute("INSERT OR IGNORE INTO uplink (uplink, cursor) VALUES (?, 0)", (uplink.id,))
        open_events = events.open_events(connection)
        groups = watches(self._site, self._points.values(), open_events)
        for event in open_events:
            self._offline.resume(event)
            self._clocks.resume(event)
        self._spans = [(a, b, _tolerance(s)) for a, b, s in intervals.replay_spans(connection)]
        self._by_name = {name: _account(self._points[name], ids[name], groups.get(name, [])) for name in ids}
        self._resume_slots(connection)
        self._log.flush(connection)

    def _resume_slots(self, connection: sqlite3.Connection) -> None:
        by_id = {account.point_id: account for account in self._by_name.values()}
        marks = {i: mark for i, mark in intervals.load_marks(connection).items() if i in by_id}
        for point_id, mark in marks.items():
            account = by_id[point_id]
            account.slots = OpenSlots.restore(
                account.spec, round(account.point.expected_interval_s * 1000), mark
            )
            account.newest_at = account.slots.newest.at
        if not marks:
            return
        start = min(_unread_from(mark) for mark in marks.values())
        for row in readings.since(connection, start):
            found = by_id.get(row.point_id)
            if (
                found is not None
                and row.value is not None
                and found.slots is not None
                and row.measured_at > found.slots.newest.at
            ):
                found.newest_at = row.measured_at
                found.slots.add(Sample(row.measured_at, row.value, self._tolerance(found, row.measured_at)))
                self._touched.add(found.point.name)

    # -- one batch --------------------------------------------------------------------------------------------------

    def book(self, connection: sqlite3.Connection, batch: Iterable[Reading], now: int) -> Outcome:
        """Store judged readings and everything that follows from them. Raises sqlite3.Error; nothing is kept then."""
        outcome = Outcome()
        rows: list[readings.Row] = []
        by_name, row_of, good = self._by_name, readings.row, Quality.GOOD
        for reading in batch:
            name, at, received_at, value, quality, reason = reading
            account = by_name[name]
            steps = None if value is None else round(value * account.den / account.num)
            is_good = quality is good
            # A plain 0: an enum takes the slow way into SQLite.
            row = row_of(
                at, account.point_id, received_at - at, steps, 0 if is_good else int(quality), reason
            )
            if is_good and account.newest_at is not None and at > account.newest_at:
                rows.append(row)
            elif not self._is_new(connection, account, row, rows, outcome, now):
                continue
            outcome.stored += 1
            if is_good and steps is not None:
                if account.newest_at is None or at > account.newest_at:
                    account.newest_at = at
                self._count(connection, account, reading, steps, outcome, now)
            elif reason == "device_clock":
                self._raise(connection, self._clocks.bad(account.point.device, now, reason), outcome, now)
        readings.insert(connection, rows)
        self._finish(connection)
        return outcome

    def tick(self, connection: sqlite3.Connection, now: int, *, expire: bool = True) -> None:
        """Close slots that are past their grace, and compute again what late readings touched."""
        for account in self._by_name.values() if expire else ():
            closed = account.slots.expire(now) if account.slots is not None else []
            if closed:
                self._close(connection, account, closed, now)
                self._touched.add(account.point.name)
        self._recompute(connection, now)
        self._finish(connection)

    def device_state(
        self, connection: sqlite3.Connection, device: str, state: str, detail: str, now: int
    ) -> None:
        """Keep a device's state; offline opens an event and online closes it."""
        if notes.device_state(connection, device, state, detail, now):
            event = None
            if state == "offline":
                event = self._offline.bad(device, now, detail)
            elif state == "online":
                event = self._offline.well(device, now)
            self._raise(connection, event, Outcome(), now)
            self._log.flush(connection)

    def statement(self, connection: sqlite3.Connection, fields: dict[str, object], now: int) -> int:
        revision = notes.statement(connection, self._log, fields, now)
        self._log.flush(connection)
        return revision

    def add_replay_span(
        self, connection: sqlite3.Connection, start: int, end: int, expected_interval_s: float
    ) -> None:
        """Readings measured in [start, end] were taken every ``expected_interval_s``; their slots are judged by that."""
        intervals.add_replay_span(connection, start, end, expected_interval_s)
        self._spans.append((start, end, _tolerance(expected_interval_s)))

    # -- parts of a batch -------------------------------------------------------------------------------------------

    def _is_new(
        self, connection: sqlite3.Connection, account: Account, row: readings.Row, rows: list[readings.Row],
        outcome: Outcome, now: int,
    ) -> bool:  # fmt: skip
        """Whether a reading that is not the point's newest is a new row; a repeat or a correction is not."""
        readings.insert(connection, rows)
        rows.clear()
        known = readings.find(connection, account.point_id, row[0])
        if known is None:
            rows.append(row)
            return True
        if (known.value, known.quality) == (row[3], row[4]):
            outcome.repeated += 1
            return False
        readings.correct(connection, known, row)
        outcome.corrected += 1
        self._late(connection, account, Sample(row[0], row[3] or 0, self._tolerance(account, row[0])), now)
        return False

    def _count(
        self,
        connection: sqlite3.Connection,
        account: Account,
        reading: Reading,
        steps: int,
        outcome: Outcome,
        now: int,
    ) -> None:
        at, slots = reading.measured_at, account.slots
        sample = Sample(at, steps, self._tolerance(account, at) if self._spans else account.tolerance_ms)
        if slots is None:
            account.slots = OpenSlots(account.spec, round(account.point.expected_interval_s * 1000), sample)
            self._touched.add(account.point.name)
        elif at > slots.newest.at:
            closed = slots.add(sample)
            if closed or slots.is_waiting:  # else the mark is what it was
                self._touched.add(account.point.name)
                self._close(connection, account, closed, now)
            if slots.resets or slots.dips:
                self._falls(connection, account, outcome, now)
        else:
            self._late(connection, account, sample, now)
            return
        for watch in account.watches:
            event = watch.step(at, account.value(steps))
            if event is not None:
                self._raise(connection, event, outcome, now)

    def _late(self, connection: sqlite3.Connection, account: Account, sample: Sample, now: int) -> None:
        slots = account.slots
        if slots is None or slots.insert(sample):
            return
        slots.first_at = min(slots.first_at, sample.at)
        self._touched.add(account.point.name)
        intervals.mark_dirty(connection, account.point_id, sample.at, now)

    def _falls(self, connection: sqlite3.Connection, account: Account, outcome: Outcome, now: int) -> None:
        slots = account.slots
        if slots is None:
            return
        for before, after in slots.resets:
            event = device_rules.register_fell(
                self._site.file.site.id, account.point.name, after.at, account.value(before.steps),
                account.value(after.steps), account.point.unit,
            )  # fmt: skip
            self._raise(connection, event, outcome, now)
        dips = [(account.point.name, "dip", 1, f"{account.value(dip.steps):g}") for dip in slots.dips]
        notes.reject(connection, dips, now)
        slots.resets.clear()
        slots.dips.clear()

    def _raise(self, connection: sqlite3.Connection, event: Event | None, outcome: Outcome, now: int) -> None:
        if event is None:
            return
        events.put(connection, self._log, event, now)
        outcome.urgent = outcome.urgent or event.level <= Level.MAJOR

    # -- intervals --------------------------------------------------------------------------------------------------

    def _close(
        self, connection: sqlite3.Connection, account: Account, closed: Sequence[Interval], now: int
    ) -> None:
        """Write closed quarter-hours, then the hours and days that they complete or change."""
        if not closed:
            return
        for interval in closed:
            self._put(connection, account, interval, now)
        slots = account.slots
        limit = closed[-1].end if slots is None else slots.closed_to
        for period, cut in ((Period.HOUR, hour_slot), (Period.DAY, day_slot)):
            for start, end in sorted({cut(interval.start, self._zone) for interval in closed}):
                if end <= limit:
                    quarters = intervals.quarters(
                        connection, account.point_id, account.point.name, start, end
                    )
                    total = roll_up(period, start, end, quarters, account.point.kind is Kind.COUNTER)
                    self._put(connection, account, total, now)

    def _put(self, connection: sqlite3.Connection, account: Account, interval: Interval, now: int) -> None:
        """Write an interval and its change; one that says nothing new is left alone, another gets the next revision."""
        known = intervals.find(connection, account.point_id, interval.point, interval.period, interval.start)
        first_seq = 0
        if known is not None:
            if replace(interval, revision=known[0].revision) == known[0]:
                return
            interval, first_seq = replace(interval, revision=known[0].revision + 1), known[1]
        key = f"{interval.period.value}/{interval.point}/{interval.start}"
        seq = self._log.append("interval", key, interval.revision, now, self._body(account, interval))
        intervals.put(connection, account.point_id, interval, seq, first_seq or seq)

    def _body(self, account: Account, interval: Interval) -> bytes:
        if account.point.kind is Kind.COUNTER:
            return bodies.counter(interval, account.num, account.den)
        return bodies.gauge(interval)

    def _recompute(self, connection: sqlite3.Connection, now: int) -> None:
        """Slots that late or corrected readings fell into a minute ago, computed again from the buffer: at most one
        revision per slot and minute (ARCHITECTURE 5)."""
        by_id = {account.point_id: account for account in self._by_name.values()}
        for point_id, start in intervals.dirty(connection, now - REVISE_AFTER_MS, limit=200):
            account = by_id.get(point_id)
            if account is not None and account.slots is not None:
                samples = samples_around(connection, point_id, start, partial(self._tolerance, account))
                expected_ms = round(account.point.expected_interval_s * 1000)
                again = slots_again(account.spec, expected_ms, samples, start, account.slots)
                self._close(connection, account, again, now)
            intervals.clear_dirty(connection, point_id, start, start + QUARTER_MS)

    def _tolerance(self, account: Account, at: int) -> int:
        for start, end, tolerance in self._spans:
            if start <= at <= end:
                return max(tolerance, account.tolerance_ms)
        return account.tolerance_ms

    def _finish(self, connection: sqlite3.Connection) -> None:
        marks = []
        for name in self._touched:
            account = self._by_name[name]
            if account.slots is not None:
                marks.append((account.point_id, account.slots.mark()))
        intervals.save_marks(connection, marks)
        self._touched.clear()
        self._log.flush(connection)


def _unread_from(mark: Mark) -> int:
    """Where the readings begin that a restart must see again: a silent point has none before its last closed slot."""
    return mark.left.at if mark.left.at + QUARTER_MS > mark.closed_to else mark.closed_to


def _account(point: Point, point_id: int, group: list[Watch]) -> Account:
    num, den = point.step.as_integer_ratio()
    spec: CounterSpec | GaugeSpec = GaugeSpec(point.name, num, den)
    if point.kind is Kind.COUNTER:
        rate = None if point.rate_max_per_h is None else point.rate_max_per_h * den / num / 3_600_000
        spec = CounterSpec(point.name, point.modulus_steps, rate)
    return Account(point, point_id, num, den, spec, _tolerance(point.expected_interval_s), None, group)


def _tolerance(expected_interval_s: float) -> int:
    """2 × the expected interval, at least 60 s, in ms (ARCHITECTURE 4)."""
    return round(max(60.0, 2 * expected_interval_s) * 1000)


def _refuse_other_step(connection: sqlite3.Connection, point: Point) -> None:
    """Stored integers count in the step they were stored with; another step would change every old figure."""
    known = points.step_of(connection, point.name)
    if known is not None and Decimal(known) != point.step:
        raise ConfigError(
            f"{point.name}: the buffer counts it in steps of {known} {point.unit}, the site file and profile now make it "
            f"{point.step}; give the device a new id, or put ct_ratio, pt_ratio and the profile back as they were"
        )
