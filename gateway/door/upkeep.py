"""What the door does for its buffer at every tick: retention, the byte budget, the ballast, and the count of P2.

Runs on the writer's thread inside the door's transactions, a few milliseconds at a time. It decides whether the door takes
readings; the door makes the sources wait. Its figures may be read from any thread: each tick replaces them whole.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from edge_config.plan import GIB
from edge_config.site import LoadedSite
from gateway.book.accounts import Accounts
from gateway.rules import buffer as buffer_rules
from gateway.slots import quarter_start
from gateway.store import events, gaps, points, raw_sweep, retention, shedding, space, tally
from gateway.store.audit import Audit, Difference
from gateway.store.forecast import HOUR_MS, Trend, hours_left
from gateway.store.raw_sweep import RawSweep
from gateway.store.retention import IntervalSweep
from gateway.store.space import MIB, Space
from gateway.store.wal import MAX_BYTES, LogLimit
from runtime import logs

DUE_AT = "retention_due_at"
UNACCOUNTED = "unaccounted"
"""Reason of a gap record for readings that a count did not find."""

log = logs.get("buffer")


@dataclass(frozen=True, slots=True)
class BufferFigures:
    """``hours_left`` until raw readings must go early, infinite where retention holds the buffer as it is, None while not
    known. Since ever ``accepted`` = ``held`` + ``shed`` + ``quarantined`` readings; ``told`` are those of the shed in a gap
    record, ``gaps`` the records made. ``unaccounted`` is what the last count found wrong, None while it is under way."""

    space: Space | None = None
    is_full: bool = False
    hours_left: float | None = None
    accepted: int = 0
    held: int = 0
    shed: int = 0
    told: int = 0
    quarantined: int = 0
    gaps: int = 0
    unaccounted: int | None = None
    wal: int = 0

    @property
    def problems(self) -> list[str]:
        """For /healthz, in words that say what to do."""
        found = []
        if self.is_full and self.space is not None:
            found.append(full_words(self.space))
        if self.wal > MAX_BYTES:
            found.append(
                f"the buffer's log has grown to {self.wal / MIB:.0f} MiB: a program outside the gateway keeps the buffer open "
                "for reading; end it"
            )
        return found


class Upkeep:
    """One for the life of a door; ``opened`` at every opening of the buffer."""

    def __init__(self, site: LoadedSite, catch_up_ms: int = shedding.CATCH_UP_MS) -> None:
        self._site, self._path = site, site.buffer_path
        self._budget = round(site.file.buffer.budget_gib * GIB)
        self._ballast = space.Ballast(site.buffer_path)
        self._log_limit = LogLimit(site.buffer_path)
        self._trend = Trend()
        self._raw, self._audit = RawSweep(), Audit()
        self._quarters, self._hours = IntervalSweep("15min"), IntervalSweep("hour")
        self._full = buffer_rules.buffer_full(site.file.site.id)
        self._unaccounted: int | None = None
        self._due_at: int | None = None
        self._catch_up_ms = catch_up_ms
        self.figures = BufferFigures()

    @property
    def is_full(self) -> bool:
        return self.figures.is_full

    def opened(self, connection: sqlite3.Connection, accounts: Accounts) -> None:
        """Take up the state from the buffer, which the accounts have just done."""
        self._raw = RawSweep.restored(connection)
        due_at = points.meta(connection, DUE_AT)
        self._due_at = None if due_at is None else int(due_at)
        self._audit, self._unaccounted = Audit(), None
        self._full = buffer_rules.buffer_full(self._site.file.site.id)
        for event in events.open_events(connection):
            self._full.resume(event)
        accounts.shed_to(self._raw.shed_to)
        accounts.tally.watch = self._audit.came
        self._ballast.make()

    def failed(self) -> None:
        """A commit failed: where the disk is full, give up the ballast, so that the next one can be made."""
        disk_free, disk = space.disk_of(self._path)
        if disk_free < space.reserve_of(disk) and self._ballast.is_there:
            log.warning("disk full, ballast released", path=str(self._path), disk_free=disk_free)
            self._ballast.release()

    def step(self, connection: sqlite3.Connection, accounts: Accounts, now: int) -> None:
        """One tick's work, inside the transaction."""
        found = space.measure(connection, self._path, self._budget)
        is_full = shedding.refuses(found.fill, self.is_full)
        self._say_full(connection, accounts, found, is_full, now)
        accounts.tally.settle(connection, now)
        self._shed(connection, accounts, self._due(connection, now), found.fill)
        raw_sweep.tell(connection, accounts.log, now)
        self._reconcile(connection, accounts, now)
        accounts.log.flush(connection)
        self._ballast.make()
        self._trend.note(now, found.pages)
        self.figures = self._figures(connection, accounts, found, is_full, now)

    def after_commit(self, connection: sqlite3.Connection) -> None:
        """Between two transactions: keep the log short."""
        self._log_limit.hold(connection)

    def _due(self, connection: sqlite3.Connection, now: int) -> int:
        """By which time retention goes; kept, so that a restart with a wrong clock is no way around it."""
        before, due_at = self._due_at, shedding.due_time(now, self._due_at, self._catch_up_ms)
        if before is None or quarter_start(before) != quarter_start(due_at):
            points.put_meta(connection, {DUE_AT: str(due_at)})
        self._due_at = due_at
        return due_at

    def _shed(self, connection: sqlite3.Connection, accounts: Accounts, now: int, fill: float) -> None:
        """In the order of ARCHITECTURE 13: what comes later goes early only where nothing before it is left."""
        calm, horizons = shedding.horizons(now, 0.0), shedding.horizons(now, fill)
        uplinks = [one.id for one in self._site.file.uplinks if one.enabled or fill < shedding.TIGHT]
        changes = retention.delivered_changes(connection, uplinks, horizons.changes)
        gone = self._raw.step(connection, calm if changes else horizons, now)
        accounts.tally.shed(connection, gone)
        self._audit.went(gone.rows)
        accounts.shed_to(self._raw.shed_to)
        quarters = horizons.quarters if self._raw.is_idle and not changes else calm.quarters
        self._quarters.step(connection, quarters)
        self._hours.step(connection, horizons.hours)
        retention.old_records(connection, horizons)

    def _say_full(
        self, connection: sqlite3.Connection, accounts: Accounts, found: Space, is_full: bool, now: int
    ) -> None:
        gateway = self._site.file.gateway.id
        if is_full and not self.is_full:
            log.error("buffer full, sources wait", path=str(self._path), used=found.used, limit=found.limit)
        elif self.is_full and not is_full:
            log.info("buffer has room again", path=str(self._path), used=found.used, limit=found.limit)
        event = self._full.bad(gateway, now, full_words(found)) if is_full else self._full.well(gateway, now)
        accounts.say(connection, event, now)

    def _reconcile(self, connection: sqlite3.Connection, accounts: Accounts, now: int) -> None:
        """The count of P2, once after each opening."""
        if self._unaccounted is not None:
            return
        found = self._audit.step(connection, accounts.tally.settled_to)
        if found is None:
            return
        accounts.tally.watch = None
        if not tally.is_adopted(connection):
            tally.adopt(connection, now)
            tally.correct(connection, {one.point_id: -one.missing for one in found if one.missing < 0}, {})
            found = [one for one in found if one.missing > 0]
        self._unaccounted = sum(abs(one.missing) for one in found)
        self._say_unaccounted(connection, accounts, found, now)

    def _say_unaccounted(
        self, connection: sqlite3.Connection, accounts: Accounts, found: Sequence[Difference], now: int
    ) -> None:
        """Tell it once, by a gap record where readings are missing, and go on from what is there."""
        names = dict(connection.execute("SELECT point_id, name FROM point"))
        for one in found:
            name = names.get(one.point_id, gaps.ALL_POINTS)
            log.error("readings unaccounted for", point=name, missing=one.missing)
            accounts.say(
                connection, buffer_rules.unaccounted(self._site.file.site.id, name, now, one.missing), now
            )
            if one.missing > 0:
                gap = gaps.Gap(name, 0, accounts.tally.settled_to, one.missing, UNACCOUNTED)
                gaps.record(connection, accounts.log, gap, now)
        tally.correct(
            connection,
            accepted={one.point_id: -one.missing for one in found if one.missing < 0},
            shed={one.point_id: one.missing for one in found if one.missing > 0},
        )

    def _figures(
        self, connection: sqlite3.Connection, accounts: Accounts, found: Space, is_full: bool, now: int
    ) -> BufferFigures:
        kept, waiting = tally.kept(connection, tally.EVER).values(), accounts.tally.open_count()
        oldest = connection.execute("SELECT min(measured_at) FROM reading").fetchone()[0]
        held_in_h = ((now if oldest is None else oldest) - shedding.horizons(now, 0.0).raw) / HOUR_MS
        room = math.floor(shedding.TIGHT * found.limit) - found.used
        return BufferFigures(
            space=found, is_full=is_full, hours_left=hours_left(self._trend.bytes_per_h(), room, held_in_h),
            accepted=waiting + sum(one.accepted for one in kept), held=waiting + sum(one.due for one in kept),
            shed=sum(one.shed for one in kept), told=sum(one.told for one in kept),
            quarantined=sum(one.quarantined for one in kept), gaps=gaps.made(connection), unaccounted=self._unaccounted,
            wal=found.wal,
        )  # fmt: skip


def full_words(found: Space) -> str:
    """Why nothing is taken in, and what to do."""
    return (
        f"the buffer is full ({found.used / MIB:.0f} of {found.limit / MIB:.0f} MiB, {found.disk_free / MIB:.0f} MiB free on the "
        "disk): readings wait at their sources; make room on the disk, or raise budget_gib in the site file"
    )
