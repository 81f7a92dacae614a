"""Bringing what a set-aside buffer still proves into the one in use, beside ingest: small reads, small transactions.

Reads on a thread of its own and writes through the ingest door. A salvage that was interrupted begins again: everything it
brings has an identity, so nothing comes twice. Done, it tells what is lost, and the old file gets another name.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from edge_config.site import LoadedSite
from gateway.book.accounts import Accounts
from gateway.door.ingest import Door
from gateway.door.upkeep import UNACCOUNTED
from gateway.errors import DamagedBufferError
from gateway.recovery import damage
from gateway.recovery.opening import known_points
from gateway.store.aside import finish, waiting
from gateway.store.bisect import Piece
from gateway.store.carry import Carrier
from gateway.store.gaps import ALL_POINTS, Gap
from gateway.store.salvage import Source
from runtime import logs
from runtime.clock import Clock

T = TypeVar("T")
PAUSE_S = 0.05
"""Between two transactions, so that live readings come first."""

log = logs.get("salvage")


@dataclass(slots=True)
class Findings:
    """What a salvage could not bring; ``counts`` is what it brought, by table."""

    lost: list[Gap] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)


async def salvage_waiting(site: LoadedSite, door: Door, clock: Clock) -> None:
    """Salvage every file of this buffer that waits for it, the oldest first; again whenever another is set aside."""
    while True:
        door.set_aside.clear()
        for aside in waiting(site.buffer_path):
            found = await salvage(site, door, clock, aside)
            done = finish(site.buffer_path, aside)
            log.info("salvaged", file=done.name, lost=len(found.lost), **found.counts)
        await door.set_aside.wait()


async def salvage(
    site: LoadedSite, door: Door, clock: Clock, aside: Path, shown: Callable[[int], None] | None = None
) -> Findings:
    """Bring one file's rows. ``shown`` is told how many readings came so far. Raises StoreError when the buffer in use
    cannot be written."""
    found = Findings()
    with ThreadPoolExecutor(1, thread_name_prefix="salvage") as thread:
        try:
            source = await _on(thread, lambda: Source(aside, known_points(site)))
        except (sqlite3.Error, DamagedBufferError) as error:
            log.error("nothing of it can be read", file=aside.name, error=str(error))
            found.lost.append(Gap(ALL_POINTS, 0, clock.now_ms(), 0, damage.CORRUPT))
        else:
            try:
                await _Salvage(source, door, clock, thread, found, shown).run()
            finally:
                await _on(thread, source.close)

    def tell(connection: sqlite3.Connection, accounts: Accounts) -> None:
        damage.tell_salvaged(
            connection, accounts.log, site.file, aside.name, found.lost, found.counts, clock.now_ms()
        )
        accounts.log.flush(connection)

    await door.execute(tell)
    return found


@dataclass(slots=True)
class _Salvage:
    """One file on its way. What is small and decides about the rest comes first."""

    source: Source
    door: Door
    clock: Clock
    thread: ThreadPoolExecutor
    found: Findings
    shown: Callable[[int], None] | None
    held: Counter[int] = field(default_factory=Counter)
    """Readings that the old file still has of times it had counted, by its point_id."""

    async def run(self) -> None:
        source = self.source
        carrier = Carrier(source.points, await _on(self.thread, source.cursor))
        self.found.counts = carrier.counts
        await self.door.execute(lambda connection, _: carrier.begin(connection))
        start, end = await _on(self.thread, source.span)
        await self._each(
            source.changes(carrier.delivered_to),
            lambda c, a, piece: carrier.changes(c, a.log, piece.rows),
            _lost_change,
        )
        await self._each(
            source.events(),
            lambda c, _, piece: carrier.events(c, [row[1:] for row in piece.rows]),
            _lost_event,
        )
        small = await _on(self.thread, lambda: (source.acts(), source.statements(), source.gaps()))
        await self.door.execute(lambda connection, _: carrier.small(connection, *small))
        await self._each(
            source.intervals(start, end),
            lambda c, a, piece: carrier.intervals(c, a.log, piece.rows, self.clock.now_ms()),
            lambda piece, now: _lost_slot(source, piece, now),
        )
        due = await _on(self.thread, source.due)
        await self._each(
            self._counted(source.readings(start, end), due[0] if due else 0),
            lambda c, a, piece: a.brought(
                carrier.readings(c, a.tally, piece.rows, self.clock.now_ms()),
            ),
            _lost_readings,
        )
        self.found.lost += self._missing(due, end)

    def _counted(self, pieces: Iterator[Piece], end: int) -> Iterator[Piece]:
        for piece in pieces:
            # A page that fell back to before it was split has rows that its neighbour has too.
            self.held.update(
                point_id for at, point_id in {(row[0], row[1]) for row in piece.rows} if at < end
            )
            yield piece

    def _missing(self, due: tuple[int, dict[int, int]] | None, end: int) -> list[Gap]:
        """A page that fell back to what it was before reads like any other; the old file's own count misses its rows. Where it
        misses some, what was not counted yet may be gone too; where it knows of too few, it fell back itself."""
        if due is None:
            return [Gap(ALL_POINTS, 0, end, 0, UNACCOUNTED)]
        counts = {one: due[1].get(one, 0) - self.held[one] for one in due[1].keys() | self.held.keys()}
        if min(counts.values(), default=0) < 0:
            return [Gap(ALL_POINTS, 0, end, 0, UNACCOUNTED)]
        points = self.source.points
        found = [
            Gap(str(points[one][1]) if one in points else ALL_POINTS, 0, due[0], missing, UNACCOUNTED)
            for one, missing in counts.items()
            if missing > 0
        ]
        return [*found, Gap(ALL_POINTS, due[0], end, 0, UNACCOUNTED)] if found else []

    async def _each(
        self, pieces: Iterator[Piece], put: Callable[[sqlite3.Connection, Accounts, Piece], None],
        gap_of: Callable[[Piece, int], Gap],
    ) -> None:  # fmt: skip
        """Bring the rows of one table, a piece at a time."""
        while (piece := await _on(self.thread, lambda: next(pieces, None))) is not None:
            if piece.lost is not None or piece.damaged:
                self.found.lost.append(gap_of(piece, self.clock.now_ms()))
            if piece.rows:
                await self.door.execute(partial(_inside, put, piece))
                await self.clock.sleep(PAUSE_S)
            if self.shown is not None:
                self.shown(self.found.counts.get("reading", 0))


def _inside(
    put: Callable[[sqlite3.Connection, Accounts, Piece], None], piece: Piece, connection: sqlite3.Connection,
    accounts: Accounts,
) -> None:  # fmt: skip
    put(connection, accounts, piece)


def _lost_readings(piece: Piece, now: int) -> Gap:
    if piece.lost is not None:
        return Gap(ALL_POINTS, piece.lost.low, piece.lost.high, 0, damage.CORRUPT)
    return Gap(ALL_POINTS, *_span(piece, 0, now), piece.damaged, damage.CORRUPT)


def _lost_slot(source: Source, piece: Piece, now: int) -> Gap:
    """Intervals come point by point, so the rows around a damaged one name its point."""
    point = str(source.points[piece.rows[0][0]][1]) if piece.rows else ALL_POINTS
    start, end = (piece.lost.low, piece.lost.high) if piece.lost is not None else _span(piece, 2, now)
    return Gap(point, start, end, 0, "corrupt_intervals")


def _lost_change(piece: Piece, now: int) -> Gap:
    """Undelivered changes that cannot be read: the intervals behind them are in the buffer, and were never told."""
    seqs = f" {piece.lost.low}-{piece.lost.high - 1}" if piece.lost is not None else ""
    return Gap(ALL_POINTS, *_span(piece, 4, now), 0, f"corrupt_changes{seqs}")


def _lost_event(piece: Piece, now: int) -> Gap:
    return Gap(ALL_POINTS, *_span(piece, 4, now), 0, "corrupt_events")


def _span(piece: Piece, column: int, now: int) -> tuple[int, int]:
    """The times of the rows around a damaged one; nobody knows when where there are none."""
    times = [row[column] for row in piece.rows]
    return (min(times), max(times) + 1) if times else (0, now)


async def _on(thread: ThreadPoolExecutor, function: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(thread, function)
