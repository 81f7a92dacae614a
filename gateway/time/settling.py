"""Between the door and the book: readings whose time is not settled wait in the buffer, and enter the book when it is.

While the clock is in doubt what it would stamp is kept as it came: accepted still means committed. When the doubt is over,
first what a clock that went back made wrong is taken back, then those that wait are booked, oldest first; meanwhile new
ones queue up behind them, so that the book sees every point in the order of time. Runs on the writer's thread.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from edge_config.schema import SiteFile
from gateway.book.accounts import Accounts
from gateway.book.outcome import Outcome
from gateway.model import Quality, Reading, Readings, groups_of
from gateway.rules import clock as clock_rules
from gateway.store import events, gaps, notes, unsynced
from gateway.store.gaps import Gap
from gateway.store.unsynced import Waiting
from gateway.time.going_back import GoingBack
from gateway.time.own_clock import Moment
from gateway.timekeeping import UNSYNCED_MS, Step, is_unsynced
from gateway.validate import CLOCK_AHEAD_MS_MAX, CLOCK_BEHIND_MS_MAX, DEVICE_CLOCK
from runtime import logs
from runtime.clock import format_utc

ROWS_MAX = 5_000
"""Readings that enter the book, or get their gap record, in one transaction beside what is new."""

NO_CLOCK, NO_POINT = "no_clock", "no_point"
"""Reasons of a gap record: nobody can say when they were measured; the site has no such point any more."""

log = logs.get("clock")


class Settling:
    """One for the life of a door; ``opened`` at every opening of the buffer. ``boot`` names the monotonic clock's timeline."""

    def __init__(self, site: SiteFile, boot: str) -> None:
        self._site, self._boot = site, boot
        self._back: GoingBack | None = None
        self._has_waiting = False
        self._offset: float | None = None
        self._doubt = clock_rules.in_doubt(site.site.id)
        self.waits_since: int | None = None
        """When, in monotonic ms, the first of those came that waited at the opening and can be dated."""
        self.known_to: int | None = None
        """When the newest reading whose time can be right was received, at the opening."""
        self.has_begun_again = False
        """Whether the last ``book`` restored the accounts; who holds on to their state takes it up anew."""

    @property
    def is_busy(self) -> bool:
        """Whether anything waits: the time for it is now, unless the clock is in doubt."""
        return self._has_waiting or self._back is not None

    def opened(self, connection: sqlite3.Connection, received_to: int | None) -> None:
        """``received_to`` is when the newest of the good readings was received."""
        self.waits_since = unsynced.oldest_mono_ms(connection, self._boot)
        self._back = GoingBack.resumed(connection)
        self._has_waiting = unsynced.is_any(connection)
        self.known_to = received_to
        if received_to is not None and self._back is not None:
            self.known_to = min(received_to, self._back.back_to)
        self._doubt = clock_rules.in_doubt(self._site.site.id)
        for event in events.open_events(connection):
            self._doubt.resume(event)

    def book(
        self, connection: sqlite3.Connection, accounts: Accounts, groups: Sequence[Readings], moment: Moment
    ) -> Outcome:
        """Into the book, or among those that wait. Raises sqlite3.Error; nothing is kept then."""
        self.has_begun_again = False
        is_urgent = self._say(connection, accounts, moment)
        for step in moment.steps:
            self._stepped(connection, accounts, step, moment)
        dated, late = ([], groups) if self.is_busy else _parted(groups)
        outcome = accounts.book(connection, dated, moment.now)
        if late:
            rows = self._rows(accounts, late, moment)
            outcome.stored += unsynced.put(connection, self._boot, rows)
            self._has_waiting = True
        if self.is_busy and moment.is_trusted:
            is_urgent = self._settle(connection, accounts, moment) or is_urgent
        outcome.urgent = outcome.urgent or is_urgent
        return outcome

    def _say(self, connection: sqlite3.Connection, accounts: Accounts, moment: Moment) -> bool:
        """Tell a doubt that begins or ends; whether one begins."""
        gateway = self._site.gateway.id
        if moment.is_trusted:
            accounts.say(connection, self._doubt.well(gateway, moment.now), moment.now)
            return False
        event = self._doubt.bad(gateway, moment.now, format_utc(moment.now))
        if event is not None:
            log.warning("clock in doubt, readings wait for their time", about=format_utc(moment.now))
        accounts.say(connection, event, moment.now)
        return event is not None

    def _stepped(
        self, connection: sqlite3.Connection, accounts: Accounts, step: Step, moment: Moment
    ) -> None:
        site, is_back = self._site, step.back_to is not None
        log.warning(
            "clock moved",
            was=format_utc(step.before),
            now=format_utc(step.after),
            size_s=(step.after - step.before) / 1000,
            back_to=None if step.back_to is None else format_utc(step.back_to),
        )
        event = clock_rules.stepped(site.site.id, site.gateway.id, step.before, step.after, is_back=is_back)
        accounts.say(connection, event, moment.now)
        self._offset = None
        if step.back_to is not None:
            back_to = step.back_to if self._back is None else min(step.back_to, self._back.back_to)
            self._back = GoingBack.begun(connection, back_to)

    def _rows(self, accounts: Accounts, groups: Iterable[Readings], moment: Moment) -> Iterator[Waiting]:
        """As they are kept. One that was stamped before the clock went back says so by being ahead of it."""
        moved = sum(step.after - step.before for step in moment.steps)
        for points, measured_at, received_at, values, quality, reason in groups:
            if is_unsynced(received_at):
                received = received_at - UNSYNCED_MS
            else:
                received = round(received_at + (moved if received_at > moment.now else 0) - moment.offset)
            if measured_at == received_at:
                measured_at = UNSYNCED_MS + received
            for name, value in zip(points, values, strict=True):
                account = accounts.every[name]
                steps = None if value is None else round(value * account.den / account.num)
                yield Waiting(received, account.point_id, measured_at, steps, int(quality), reason)

    # -- the time is known -------------------------------------------------------------------------------------------

    def _settle(self, connection: sqlite3.Connection, accounts: Accounts, moment: Moment) -> bool:
        """A little of what is to be done; whether an Event of the two highest levels came of it."""
        if self._back is not None:
            if self._back.step(connection, accounts, moment.now):
                self._back, self.has_begun_again = None, True
            return False
        if self._offset is None:
            self._offset = moment.offset
        self._tell_gaps(
            connection, accounts, unsynced.take_timeless(connection, self._boot, ROWS_MAX), NO_CLOCK, moment
        )
        names = {account.point_id: name for name, account in accounts.every.items()}
        rows = unsynced.take(connection, self._boot, ROWS_MAX)
        strangers = Counter(row.point_id for row in rows if row.point_id not in names)
        self._tell_gaps(connection, accounts, strangers, NO_POINT, moment)
        dated = [
            _dated(accounts, names[row.point_id], row, self._offset) for row in rows if row.point_id in names
        ]
        wrong = Counter(reading.point for was, reading in dated if was != reading.quality)
        notes.reject(connection, [(name, DEVICE_CLOCK, n, "") for name, n in wrong.items()], moment.now)
        outcome = accounts.book(connection, groups_of(reading for _, reading in dated), moment.now)
        self._has_waiting = unsynced.is_any(connection)
        if not self._has_waiting:
            self._offset = None
        return outcome.urgent

    def _tell_gaps(
        self,
        connection: sqlite3.Connection,
        accounts: Accounts,
        counts: Counter[int],
        reason: str,
        moment: Moment,
    ) -> None:
        """What can never be dated lies between the newest of the book and now."""
        names = dict(connection.execute("SELECT point_id, name FROM point")) if counts else {}
        for point_id, count in counts.items():
            start = min(accounts.received_to or 0, moment.now)
            gap = Gap(names.get(point_id, gaps.ALL_POINTS), start, moment.now, count, reason)
            log.warning("readings without a time", point=gap.point, count=count, reason=reason)
            gaps.record(connection, accounts.log, gap, moment.now)


def _parted(groups: Sequence[Readings]) -> tuple[list[Readings], list[Readings]]:
    """Those that have their time, and those that wait for it."""
    waiting = [group for group in groups if is_unsynced(group.received_at)]
    return (
        [group for group in groups if not is_unsynced(group.received_at)] if waiting else list(groups)
    ), waiting


def _dated(accounts: Accounts, name: str, row: Waiting, offset: float) -> tuple[int, Reading]:
    """A reading with its time, and the quality it had: a device's own time is judged only now."""
    mono_ms, _, measured_at, steps, quality, reason = row
    received_at, account = round(mono_ms + offset), accounts.every[name]
    value = None if steps is None else account.value(steps)
    if is_unsynced(measured_at):
        measured_at = round(measured_at - UNSYNCED_MS + offset)
    elif (
        quality < Quality.BAD and not -CLOCK_AHEAD_MS_MAX <= received_at - measured_at <= CLOCK_BEHIND_MS_MAX
    ):
        return quality, Reading(name, measured_at, received_at, None, Quality.BAD, DEVICE_CLOCK)
    return quality, Reading(name, measured_at, received_at, value, Quality(quality), reason)
