"""The ingest door: judged readings go in, one transaction after another comes out, and only then is anything acknowledged.

Lives on the event loop; the transactions run on one writer thread. Commits come at the first of: the commit interval
since the oldest waiting reading, ``ROWS_MAX`` rows, a source that can send no more until we acknowledge, a command, the
end. A commit that failed is "unknown": the buffer is reopened, its state rebuilt, and the same batch comes again.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

from edge_config.site import LoadedSite
from gateway.accounts import Accounts, Outcome
from gateway.errors import StoreError
from gateway.model import Point, Reading
from gateway.store import notes
from gateway.store.database import BufferLock, epoch_of, open_writer
from gateway.validate import Validator
from runtime import logs
from runtime.clock import Clock

T = TypeVar("T")
ROWS_MAX = 1000
WAITING_MAX = 5000
TICK_S = 5.0
RETRY_S = 1.0
EXAMPLE_MAX = 120

log = logs.get("ingest")


@dataclass(slots=True)
class Figures:
    """Counters since start, for metrics and health."""

    accepted: int = 0
    repeated: int = 0
    corrected: int = 0
    rejected: int = 0
    commits: int = 0
    failures: int = 0
    committed_at_s: float = 0.0
    problem: str | None = None


@dataclass(slots=True)
class _Waiting:
    """What the next transaction will hold."""

    readings: list[Reading] = field(default_factory=list)
    accepted: list[Callable[[], None]] = field(default_factory=list)
    works: list[tuple[Callable[[sqlite3.Connection, Accounts], Any], asyncio.Future[Any]]] = field(
        default_factory=list
    )
    rejected: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    states: dict[str, tuple[str, str]] = field(default_factory=dict)
    oldest_s: float | None = None

    @property
    def is_empty(self) -> bool:
        return not (self.readings or self.accepted or self.works or self.rejected or self.states)


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
        self._all_points = points
        self._waiting = _Waiting()
        self._wake, self._room = asyncio.Event(), asyncio.Event()
        self._room.set()
        self._hurry = False
        self._closing = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._connection: sqlite3.Connection | None = None
        self._lock: BufferLock | None = None
        self._urgent: list[asyncio.Event] = []
        self.figures = Figures()
        self.epoch = ""
        self.head = 0

    # -- the Sink ---------------------------------------------------------------------------------------------------

    async def offer(self, readings: Sequence[Reading], accepted: Callable[[], None] | None = None) -> None:
        """Hand over decoded readings. Waits while the door is full; ``accepted`` is called on the loop after COMMIT."""
        while not self._room.is_set():
            await self._room.wait()
        waiting = self._waiting
        judged = self._validator.judge_all(readings, exempt_clock=self._is_replay)
        for rejection in judged.rejections:
            self.reject(rejection.subject, rejection.reason, rejection.example)
        waiting.readings += judged.readings
        if accepted is not None:
            waiting.accepted.append(accepted)
        if waiting.oldest_s is None:
            waiting.oldest_s = self._clock.monotonic_s()
            self._wake.set()
        if len(waiting.readings) >= self._rows_max:
            self._wake.set()
        if len(waiting.readings) >= max(WAITING_MAX, self._rows_max):
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

    async def take_site(self, site: LoadedSite, points: Sequence[Point]) -> None:
        """Go on with a site that has more devices: all state is rebuilt from the buffer, as at a start. Between two
        transactions, so nothing that waits is touched. Raises StoreError; ``run`` then opens the buffer again."""
        self._site, self._all_points = site, points
        self._validator.add({point.name: point for point in points})
        await self._on_thread(self._open)

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
        self.figures.committed_at_s = self._clock.monotonic_s()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._connection is not None:
            await self._on_thread(self._connection.close)
        self._thread.shutdown()
        if self._lock is not None:
            self._lock.release()

    async def run(self) -> None:
        """Commit until ``close`` was called and everything that waits is in."""
        next_tick = self._clock.monotonic_s() + TICK_S
        while not (self._closing and self._waiting.is_empty):
            await self._until_due(next_tick)
            tick = self._clock.monotonic_s() >= next_tick
            if tick:
                next_tick = self._clock.monotonic_s() + TICK_S
            if not self._waiting.is_empty or tick:
                await self._commit(tick)

    def close(self) -> None:
        """No more will be offered; ``run`` ends after the last commit."""
        self._closing = True
        self.hurry()

    async def _until_due(self, next_tick: float) -> None:
        """Return when a commit is due by the rule of ARCHITECTURE 2."""
        while not (self._hurry or self._closing or len(self._waiting.readings) >= self._rows_max):
            due = next_tick
            if self._waiting.oldest_s is not None:
                due = min(due, self._waiting.oldest_s + self._site.file.buffer.commit_interval_s)
            left = due - self._clock.monotonic_s()
            if left <= 0:
                return
            self._wake.clear()
            nap = asyncio.ensure_future(self._clock.sleep(left))
            woken = asyncio.ensure_future(self._wake.wait())
            _, pending = await asyncio.wait({nap, woken}, return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)

    async def _commit(self, tick: bool) -> None:
        batch, self._waiting = self._waiting, _Waiting()
        self._hurry = False
        self._room.set()
        while True:
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
        self._account_for(outcome)
        for accepted in batch.accepted:
            accepted()
        for (_, future), (answer, refusal) in zip(batch.works, answers, strict=True):
            if future.cancelled():
                continue
            if refusal is not None:
                future.set_exception(refusal)
            else:
                future.set_result(answer)

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
        try:
            await self._on_thread(self._open)
        except (sqlite3.Error, StoreError) as again:
            self.figures.problem = str(again)

    async def _on_thread(self, function: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    # -- on the writer's thread -------------------------------------------------------------------------------------

    def _open(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        connection = open_writer(self._site.buffer_path)
        try:
            accounts = Accounts(self._site, self._all_points)
            connection.execute("BEGIN IMMEDIATE")
            accounts.restore(connection, self._clock.now_ms())
            connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        self._connection, self._accounts = connection, accounts
        self.epoch, self.head = epoch_of(connection), accounts.head

    def _transaction(self, batch: _Waiting, tick: bool) -> tuple[Outcome, list[tuple[Any, Exception | None]]]:
        connection, accounts, now = self._connection, self._accounts, self._clock.now_ms()
        if connection is None:
            raise sqlite3.OperationalError("the buffer is not open")
        connection.execute("BEGIN IMMEDIATE")
        try:
            outcome = accounts.book(connection, batch.readings, now)
            for device, (state, detail) in batch.states.items():
                accounts.device_state(connection, device, state, detail, now)
            notes.reject(connection, [(s, r, n, e) for (s, r), (n, e) in batch.rejected.items()], now)
            if tick:
                accounts.tick(connection, now, expire=not self._is_replay)
            answers = [_answer(connection, accounts, work) for work, _ in batch.works]
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        self.head = accounts.head
        return outcome, answers


def _answer(
    connection: sqlite3.Connection, accounts: Accounts, work: Callable[[sqlite3.Connection, Accounts], Any]
) -> tuple[Any, Exception | None]:
    """A command that is refused must not take the batch with it; a database error must."""
    connection.execute("SAVEPOINT work")
    try:
        answer = work(connection, accounts)
    except sqlite3.Error:
        raise
    except Exception as refusal:  # noqa: BLE001 - handed to the one who asked
        connection.execute("ROLLBACK TO work")
        connection.execute("RELEASE work")
        return None, refusal
    connection.execute("RELEASE work")
    return answer, None
