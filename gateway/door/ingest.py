"""The ingest door: judged readings go in, one transaction after another comes out, and only then is anything acknowledged.

Lives on the event loop; the transactions run on one writer thread. Commits come at the first of: the commit interval since
the oldest waiting reading (a tenth of a second for the first ones after a start), ``ROWS_MAX`` rows, a source that can send no
more until we acknowledge, a command, the end. A commit that failed is "unknown": the buffer is reopened, its state rebuilt, and
the same batch comes again.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Self, TypeVar

from edge_config.site import LoadedSite
from gateway.book.account import newest_readings
from gateway.book.accounts import Accounts
from gateway.book.outcome import Outcome
from gateway.door.answering import answer, give
from gateway.door.nap import Nap
from gateway.door.upkeep import BufferFigures, Upkeep
from gateway.door.waiting import Figures, Waiting
from gateway.errors import StoreError
from gateway.model import Point, Readings
from gateway.recovery import damage
from gateway.recovery.opening import Opening, refuse_epoch
from gateway.store import notes, proof
from gateway.store.aside import UNREADABLE_MAX, is_malformed
from gateway.store.database import BufferLock, epoch_of
from gateway.time.own_clock import OwnClock
from gateway.time.settling import Settling
from gateway.validate import Validator
from runtime import logs
from runtime.clock import Clock, machine_start, timeline_of

T = TypeVar("T")
ROWS_MAX = 1000
WAITING_MAX = 5000
TICK_S = 5.0
RETRY_S = 1.0
FIRST_COMMIT_S = 0.1
EXAMPLE_MAX = 120

log = logs.get("ingest")


class Door:
    """Implements ``sources.seam.Sink``. Use ``async with``; ``run`` is its task.

    In a replay readings carry their own times: no device clock is judged, and no slot closes because our clock says so.
    """

    def __init__(
        self,
        site: LoadedSite,
        points: Sequence[Point],
        clock: Clock,
        *,
        is_replay: bool = False,
        rows_max: int = ROWS_MAX,
    ) -> None:
        self._site, self._clock, self._is_replay, self._rows_max = site, clock, is_replay, rows_max
        self._validator = Validator({point.name: point for point in points})
        self._accounts = Accounts(site, points)
        self._upkeep = Upkeep(site)
        self._all_points = points
        self._waiting = Waiting()
        self._wake, self._room = asyncio.Event(), asyncio.Event()
        self._room.set()
        self._hurry = False
        self._closing = False
        self._nap = Nap(clock, self._wake)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._connection: sqlite3.Connection | None = None
        self._lock: BufferLock | None = None
        self._urgent: list[asyncio.Event] = []
        self._opening = Opening(site, machine_start())
        self._settling = Settling(site.file, timeline_of(clock))
        self.clock = OwnClock(clock)
        """Sources stamp by this."""
        self.renewed, self.set_aside = asyncio.Event(), asyncio.Event()
        """Set when the buffer begins another epoch: who reads it must begin again, and a file may wait to be salvaged."""
        self.figures = Figures()
        self.epoch = ""
        self.head = 0

    # -- the Sink ---------------------------------------------------------------------------------------------------

    async def offer(self, groups: Sequence[Readings], accepted: Callable[[], None] | None = None) -> None:
        """Hand over decoded readings. Waits while the door is full; ``accepted`` is called on the loop after COMMIT."""
        while not self._room.is_set():
            await self._room.wait()
        waiting = self._waiting
        judged = self._validator.judge_all(groups, exempt_clock=self._is_replay)
        for rejection in judged.rejections:
            self.reject(rejection.subject, rejection.reason, rejection.example)
        waiting.groups += judged.groups
        waiting.rows += sum([len(group.values) for group in judged.groups])
        if accepted is not None:
            waiting.accepted.append(accepted)
        if waiting.oldest_s is None:
            waiting.oldest_s = self._clock.monotonic_s()
            self._wake.set()
        if waiting.rows >= self._rows_max:
            self._wake.set()
        if waiting.rows >= max(WAITING_MAX, self._rows_max):
            self._room.clear()

    def reject(self, subject: str, reason: str, example: str) -> None:
        """Count what never became a good reading, with one example of it."""
        count, _ = self._waiting.rejected.get((subject, reason), (0, ""))
        self._waiting.rejected[subject, reason] = (count + 1, example[:EXAMPLE_MAX])
        self.figures.rejected += 1

    def device_state(self, device: str, state: str, detail: str) -> None:
        self._waiting.states[device] = (state, detail)

    def hurry(self) -> None:
        """A source can send no more until we acknowledge: commit now."""
        self._hurry = True
        self._wake.set()

    # -- commands and the uplink ------------------------------------------------------------------------------------

    async def execute(self, work: Callable[[sqlite3.Connection, Accounts], T]) -> T:
        """Run ``work`` inside the next transaction, which comes at once; returns after COMMIT. ``work`` may run again after a
        failed commit, so it must depend on the connection alone."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.works.append((work, future))
        self.hurry()
        return await future

    @property
    def points(self) -> Mapping[str, Point]:
        """By name, as they are now: adopted devices among them, each in the step the buffer counts it in."""
        return self._accounts.points

    async def take_site(self, site: LoadedSite, points: Sequence[Point]) -> None:
        """Go on with a site that has more devices: all state is rebuilt from the buffer, as at a start. Between two
        transactions, so nothing that waits is touched. Raises StoreError; ``run`` then opens the buffer again."""
        self._site, self._all_points = site, points
        self._validator.add({point.name: point for point in points})
        await self._open_again()

    async def begin_epoch(self, work: Callable[[sqlite3.Connection, Callable[[], str]], T]) -> T:
        """Run ``work``, which may begin another epoch by calling its second argument; who reads the feed then begins again."""
        answer = await self.execute(
            lambda connection, accounts: work(
                connection, partial(self._opening.renew, connection, accounts.log.head)
            )
        )
        await self._open_again()
        return answer

    def forget(self, points: Iterable[str]) -> None:
        """Judge the next reading of these points by itself: their meter is another one now."""
        self._validator.forget(points)

    @property
    def buffer(self) -> BufferFigures:
        """How full the buffer is, as of the last tick."""
        return self._upkeep.figures

    async def suspect(self, error: BaseException) -> None:
        """A reader met damage: let the writer see to it, which sets ``renewed`` where the file must go."""
        if is_malformed(error):
            await self.execute(partial(refuse_epoch, self.epoch, str(error)))

    def sent(self, to_seq: int) -> None:
        """For a work: a batch up to ``to_seq`` is about to be sent, and the high-water file knows it first."""
        self._opening.sent(to_seq)

    def urgent(self) -> asyncio.Event:
        """A new event, set after every commit that holds an Event of the two highest levels; its holder clears it."""
        self._urgent.append(asyncio.Event())
        return self._urgent[-1]

    # -- life -------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self._lock = BufferLock(self._site.buffer_path)
        try:
            await self._on_thread(self._open)
        except BaseException:
            await self.__aexit__()
            raise
        if not self._is_replay:
            self.clock.begin(self._settling.known_to, self._settling.waits_since)
        self.figures.committed_at_s = self._clock.monotonic_s()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._on_thread(self._close)
        self._thread.shutdown()
        if self._lock is not None:
            self._lock.release()

    async def run(self) -> None:
        """Commit until ``close`` was called and everything that waits is in."""
        next_tick = self._clock.monotonic_s() + TICK_S
        try:
            while not (self._closing and self._waiting.is_empty):
                await self._until_due(next_tick)
                tick = self._clock.monotonic_s() >= next_tick
                if tick:
                    next_tick = self._clock.monotonic_s() + TICK_S
                if not self._waiting.is_empty or tick:
                    await self._commit(tick)
                else:
                    self._hurry = False  # it was for what the last commit took with it
        finally:
            self._nap.stop()

    def close(self) -> None:
        """No more will be offered; ``run`` ends after the last commit."""
        self._closing = True
        self.hurry()

    def _admit(self) -> None:
        """Let sources go on, or make them wait while the buffer is full."""
        if self._upkeep.is_full:
            self._room.clear()
        else:
            self._room.set()

    async def _until_due(self, next_tick: float) -> None:
        """Return when a commit is due by the rule of ARCHITECTURE 2."""
        while not (self._hurry or self._closing or self._waiting.rows >= self._rows_max):
            due = next_tick
            if self._waiting.oldest_s is not None:
                due = min(due, self._waiting.oldest_s + self._commit_interval_s)
            now = self._clock.monotonic_s()
            if now >= due:
                return
            self._wake.clear()
            self._nap.until(due, now)
            await self._wake.wait()

    @property
    def _commit_interval_s(self) -> float:
        """The first readings after a start do not wait: they show that everything from the wire to the card works."""
        is_first = self.figures.accepted == 0 and not self._is_replay
        return FIRST_COMMIT_S if is_first else self._site.file.buffer.commit_interval_s

    async def _commit(self, tick: bool) -> None:
        batch, self._waiting = self._waiting, Waiting()
        self._hurry = False
        self._admit()
        while True:
            batch.moment = moment = self.clock.moment(batch.moment)
            if moment.steps:
                self.forget(point.name for point in self._all_points)
            try:
                outcome, answers = await self._on_thread(self._transaction, batch, tick)
                break
            except sqlite3.Error as error:
                if self._closing and self.figures.problem is not None:
                    raise StoreError(
                        f"{self._site.buffer_path}: the last readings could not be committed ({error}); none of them was "
                        "acknowledged, so the broker sends its own again"
                    ) from error
                await self._reopen(error)
        self.figures.problem = None
        self._admit()
        self._account_for(outcome)
        if self._settling.is_busy and moment.is_trusted and not (self._closing or self._is_replay):
            self._waiting.settles = True
            self.hurry()
        for accepted in batch.accepted:
            accepted()
        give(batch.works, answers)

    def _account_for(self, outcome: Outcome) -> None:
        figures = self.figures
        figures.accepted += outcome.stored
        figures.repeated += outcome.repeated
        figures.corrected += outcome.corrected
        figures.commits += 1
        figures.committed_at_s = self._clock.monotonic_s()
        if outcome.urgent:
            for urgent in self._urgent:
                urgent.set()

    async def _reopen(self, error: sqlite3.Error) -> None:
        """After a failed commit nothing is known: open the buffer again, rebuild, and let the same batch come again."""
        self.figures.failures += 1
        if self.figures.problem is None:
            log.warning("commit failed, retrying", path=str(self._site.buffer_path), error=str(error))
        self.figures.problem = f"the buffer cannot be written: {error}"
        await asyncio.sleep(RETRY_S)
        self._opening.suspect(error)
        try:
            await self._on_thread(self._upkeep.failed)
            await self._open_again()
        except (sqlite3.Error, StoreError) as again:
            self.figures.problem = str(again)

    async def _open_again(self) -> None:
        epoch = self.epoch
        await self._on_thread(self._open)
        if self.epoch != epoch:
            self.renewed.set()
            self.set_aside.set()

    async def _on_thread(self, function: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    # -- on the writer's thread -------------------------------------------------------------------------------------

    def _open(self) -> None:
        """A file that turns out damaged is set aside, and a new one begun."""
        for _ in range(UNREADABLE_MAX):
            try:
                self._open_file()
            except (sqlite3.Error, StoreError) as error:
                if not self._opening.suspect(error):
                    raise
            else:
                return
        self._open_file()

    def _open_file(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        now = self.clock.best_ms()
        connection = self._opening.open(now, self._clock.monotonic_s() * 1000)
        try:
            accounts = Accounts(self._site, self._all_points)
            connection.execute("BEGIN IMMEDIATE")
            accounts.restore(connection, now)
            self._settling.opened(connection, accounts.received_to)
            proof.seal(connection)
            self._opening.before_commit(connection, accounts.head)
            connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        self._connection, self._accounts = connection, accounts
        self._upkeep.opened(connection, accounts)
        self._validator.recall(newest_readings(accounts.every.values()))
        self.epoch, self.head = epoch_of(connection), accounts.head

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._opening.end(connection, self.clock.best_ms())
        self._opening.close()

    def _transaction(self, batch: Waiting, tick: bool) -> tuple[Outcome, list[tuple[Any, Exception | None]]]:
        connection, accounts, moment = self._connection, self._accounts, batch.moment
        if connection is None or moment is None:
            raise sqlite3.OperationalError("the buffer is not open")
        connection.execute("BEGIN IMMEDIATE")
        try:
            now = moment.now
            if self._is_replay:
                outcome = accounts.book(connection, batch.groups, now)
            else:
                outcome = self._settling.book(connection, accounts, batch.groups, moment)
                if self._settling.has_begun_again:
                    self._upkeep.opened(connection, accounts)
            for device, (state, detail) in batch.states.items():
                accounts.device_state(connection, device, state, detail, now)
            notes.reject(connection, [(s, r, n, e) for (s, r), (n, e) in batch.rejected.items()], now)
            if tick:
                if moment.is_trusted and not self._settling.is_busy:
                    accounts.tick(connection, now, expire=not self._is_replay, aged=moment.aged)
                self._upkeep.step(connection, accounts, moment.aged)
                damage.tell_rows(connection, accounts.log, self._site.file, now)
                if moment.is_trusted and not self._settling.is_busy:
                    self._opening.tell_end(connection, accounts.log, moment)
                accounts.log.flush(connection)
            answers = [answer(connection, accounts, work) for work, _ in batch.works]
            self._opening.before_commit(connection, accounts.head)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        self.head = accounts.head
        self._opening.after_commit(connection, accounts.head, now)
        if tick:
            self._upkeep.after_commit(connection)
        return outcome, answers
