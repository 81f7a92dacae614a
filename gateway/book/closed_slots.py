"""Closed slots on their way into the buffer: the interval, the hours, days and months it completes, and a change for each.

Runs inside the writer's transaction. Knows intervals, revisions and bodies; does not know samples or when a slot closes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

from devices.quantities import Kind
from gateway.book.account import Account
from gateway.intervals import Sample, roll_up
from gateway.model import QUARTER_MS, Content, Interval, Period
from gateway.open_slots import OpenSlots
from gateway.slots import day_slot, hour_slot, month_slot, quarter_start
from gateway.store import bodies, gaps, intervals, left_out
from gateway.store.changes import ChangeLog
from gateway.store.gaps import Gap

SILENT_MS_MAX = 400 * 86_400_000
"""Over a longer silence nothing is estimated: quarter-hours are not kept for longer either."""

TOO_LONG = "too_long"
"""Reason of a gap record for such a silence."""


class ClosedSlots:
    """Writes the closed slots of all points; ``log`` takes their changes."""

    def __init__(self, log: ChangeLog, zone: ZoneInfo) -> None:
        self._log, self._zone = log, zone
        self.thin_to = 0
        """Before this instant raw readings and the quarter-hours of an hour may have been shed: see ``store.left_out``."""

    def put(
        self, connection: sqlite3.Connection, account: Account, closed: Sequence[Interval], now: int
    ) -> None:
        """Write closed quarter-hours, then the hours and days that they complete or change."""
        if not closed:
            return
        for interval in closed:
            self._put(connection, account, interval, now)
        slots = account.slots
        limit = closed[-1].end if slots is None else slots.closed_to
        begun = quarter_start(closed[0].start if slots is None else slots.first_at)
        for period, cut in ((Period.HOUR, hour_slot), (Period.DAY, day_slot), (Period.MONTH, month_slot)):
            for start, end in sorted({cut(interval.start, self._zone) for interval in closed}):
                if end <= limit:
                    quarters = intervals.quarters(
                        connection, account.point_id, account.point.name, start, end
                    )
                    due = _completed(account.point.name, quarters, max(start, begun), end)
                    total = roll_up(period, start, end, due, account.point.kind is Kind.COUNTER)
                    self._put(connection, account, total, now)

    def _put(self, connection: sqlite3.Connection, account: Account, interval: Interval, now: int) -> None:
        """Write an interval and its change; one that says nothing new is left alone, another gets the next revision."""
        known = intervals.find(connection, account.point_id, interval.point, interval.period, interval.start)
        first_seq = 0
        if known is not None:
            if replace(interval, revision=known[0].revision) == known[0]:
                return
            if interval.start < self.thin_to and _knows_more(known[0], interval):
                if interval.period is Period.QUARTER:
                    left_out.keep(connection, account.point_id, interval.start)
                return
            interval, first_seq = replace(interval, revision=known[0].revision + 1), known[1]
        key = f"{interval.period.value}/{interval.point}/{interval.start}"
        seq = self._log.append("interval", key, interval.revision, now, self._body(account, interval))
        intervals.put(connection, account.point_id, interval, seq, first_seq or seq)

    def begin_anew(
        self, connection: sqlite3.Connection, account: Account, slots: OpenSlots, sample: Sample, now: int
    ) -> None:
        """The account goes on with the first sample after a silence too long to be estimated."""
        while more := slots.catch_up():
            self.put(connection, account, more, now)
        self.put(connection, account, slots.expire(sample.at), now)
        gaps.record(
            connection, self._log, Gap(account.point.name, slots.newest.at, sample.at, 0, TOO_LONG), now
        )
        anew = OpenSlots(account.spec, round(account.point.expected_interval_s * 1000), sample)
        anew.first_at = slots.first_at
        account.slots = anew

    def take_back(
        self, connection: sqlite3.Connection, account: Account, period: Period, start: int, now: int
    ) -> None:
        """Tell an interval again as missing, with the next revision: its time has not come."""
        found = intervals.find(connection, account.point_id, account.point.name, period, start)
        if found is None:
            return
        known, first_seq = found
        missing = Interval(
            known.point, period, start, known.end, Content.MISSING, 0.0, revision=known.revision + 1
        )
        key = f"{period.value}/{missing.point}/{start}"
        seq = self._log.append("interval", key, missing.revision, now, self._body(account, missing))
        intervals.put(connection, account.point_id, missing, seq, first_seq or seq)

    def _body(self, account: Account, interval: Interval) -> bytes:
        if account.point.kind is Kind.COUNTER:
            return bodies.counter(interval, account.num, account.den)
        return bodies.state(interval) if account.point.kind is Kind.STATE else bodies.gauge(interval)


def _completed(point: str, quarters: Sequence[Interval], start: int, end: int) -> list[Interval]:
    """All quarter-hours that a point in service since ``start`` owes: one that was damaged, or never told over a long silence, is
    missing, and no sum of the others passes for the whole."""
    found = {one.start: one for one in quarters}
    absent = [
        Interval(point, Period.QUARTER, at, at + QUARTER_MS, Content.MISSING, 0.0)
        for at in range(start, end, QUARTER_MS)
        if at not in found
    ]
    return sorted([*quarters, *absent], key=lambda one: one.start) if absent else list(quarters)


def _knows_more(known: Interval, again: Interval) -> bool:
    """Whether an interval computed again from what is left of its readings says no more than the one there is."""
    return known.content is not Content.MISSING and again.share <= known.share
