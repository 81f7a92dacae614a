"""The change feed as an uplink sees it: reads on a connection of its own, moves its place through the ingest door."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Self, TypeVar

from edge_config.site import LoadedSite
from gateway.book.accounts import Accounts
from gateway.delivery import fencing, shortfall
from gateway.door.ingest import Door
from gateway.errors import DamagedRowError, RenewedError, StoreError
from gateway.model import Change, Quality
from gateway.place import Content, Lane, Leg, Place, Range
from gateway.store import changes, points, uplinks
from gateway.store.database import epoch_of, open_reader
from gateway.store.scrub import mend
from gateway.uplinks.feed import Latest, Outcome
from runtime.clock import Clock

if TYPE_CHECKING:
    from gateway.query.reader import Reader
    from gateway.query.views import DayRecords

T = TypeVar("T")


class FeedReader:
    """Implements ``uplinks.feed.FeedReads`` over the buffer, read-only, also beside a collector. Use ``async with``."""

    def __init__(self, site: LoadedSite, clock: Clock) -> None:
        self._path, self._site, self._clock = site.buffer_path, site, clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="feed")
        self._connection: sqlite3.Connection | None = None
        self.epoch = ""

    async def __aenter__(self) -> Self:
        self._connection = await self._read(lambda: open_reader(self._path))
        self.epoch = await self._read(lambda: epoch_of(self._reader))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._connection is not None:
            await self._read(self._connection.close)
        self._thread.shutdown()

    async def head(self) -> int:
        return await self._read(lambda: changes.head(self._reader))

    async def read(self, after_seq: int, limit: int) -> list[Change]:
        return await self._read(lambda: changes.read(self._reader, after_seq, limit))

    async def state(self, uplink: str) -> Place:
        return await self._read(lambda: uplinks.state(self._reader, uplink))

    async def sent(self, uplink: str, from_seq: int) -> Mapping[int, bytes]:
        return await self._read(lambda: uplinks.sent(self._reader, uplink, from_seq))

    async def made_between(self, start: int, end: int) -> tuple[int, int]:
        """(from_seq, to_seq] of the changes made in [start, end) (UTC ms); reads the whole feed."""
        return await self._read(lambda: changes.made_between(self._reader, start, end))

    async def quantities(self) -> Mapping[str, str]:
        return await self._read(lambda: points.quantities(self._reader))

    async def latest(self) -> Sequence[Latest]:
        rows = await self._read(self._questions.latest)
        return [
            Latest(row.point, row.measured_at, row.value, Quality[row.quality.upper()], row.is_delayed)
            for row in rows
            if row.measured_at is not None
        ]

    async def replaced(self, changes: Sequence[Change]) -> frozenset[int]:
        return await self._read(lambda: self._questions.replaced(changes))

    async def day(self, day: date) -> DayRecords:
        return await self._read(lambda: self._questions.day_records(day))

    async def spaces(self) -> Mapping[str, str]:
        return await self._read(lambda: points.spaces(self._reader))

    @cached_property
    def _questions(self) -> Reader:
        """What the pages ask, too; a collector none of whose uplinks asks does without it."""
        from gateway.query.reader import Reader

        return Reader(self._site, self._clock)

    @property
    def _reader(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StoreError(f"{self._path}: the change feed is not open")
        return self._connection

    async def _read(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)


class BufferFeed(FeedReader):
    """Implements ``uplinks.feed.Feed``."""

    def __init__(self, site: LoadedSite, door: Door, clock: Clock) -> None:
        super().__init__(site, clock)
        self._door = door

    async def read(self, after_seq: int, limit: int) -> list[Change]:
        """What is damaged is taken out and told before anything behind it is given out."""
        while True:
            try:
                return await super().read(after_seq, limit)
            except DamagedRowError as damage:
                await mended(self._door, damage.table, damage.key)

    async def begin(self, uplink: str, leg: Leg, content: Content | None = None) -> bool:
        now = self._clock.now_ms()

        def work(connection: sqlite3.Connection, _: Accounts) -> bool:
            has_begun = uplinks.begin(connection, uplink, leg, content, now)
            if has_begun:
                self._door.sent(leg.to_seq)
            return has_begun

        return await self._write(work)

    async def delivered(self, uplink: str, leg: Leg, outcome: Outcome) -> Sequence[Range]:
        now = self._clock.now_ms()

        def work(connection: sqlite3.Connection, accounts: Accounts) -> Sequence[Range]:
            held, refused = outcome.held, outcome.refused
            missing = [] if held is None else shortfall.missing(connection, uplink, leg, held)
            again = [seq for seq, _ in refused] if shortfall.descriptions(connection, uplink, missing) else []
            uplinks.delivered(
                connection, uplink, leg, outcome.count - len(again), [] if again else refused, now,
                by_receipt=outcome.by_receipt,
            )  # fmt: skip
            if missing:
                shortfall.resend(connection, accounts.log, uplink, missing, again, now)
            return missing

        return await self._write(work)

    async def skip(self, uplink: str, leg: Leg) -> None:
        await self._write(lambda connection, _: uplinks.skip(connection, uplink, leg))

    async def cut(self, uplink: str, lane: Lane, at: int) -> None:
        await self._write(lambda connection, _: uplinks.cut(connection, uplink, lane, at))

    async def split(self, uplink: str, more_than: int) -> bool:
        """Descriptions of points that would stay behind are appended again: the live lane's intervals need them."""
        now, place = self._clock.now_ms(), await self.state(uplink)
        front = place.ranges[-1][1] if place.ranges else place.cursor
        if await self.head() - front <= more_than:
            return False
        told = await self._read(lambda: changes.descriptions_in(self._reader, [(front, 2**62)]))

        def work(connection: sqlite3.Connection, accounts: Accounts) -> bool:
            is_split = uplinks.split(connection, uplink, changes.head(connection), more_than)
            if is_split:
                changes.append_again(connection, accounts.log, told, now)
                accounts.log.flush(connection)
            return is_split

        return await self._write(work)

    async def failed(self, uplink: str, message: str) -> None:
        now = self._clock.now_ms()
        await self._write(lambda connection, _: uplinks.failed(connection, uplink, message, now))

    async def fenced(self, uplink: str, *, is_fenced: bool) -> None:
        now = self._clock.now_ms()
        await self._write(
            lambda connection, accounts: fencing.tell(connection, accounts, uplink, now, is_fenced=is_fenced)
        )

    async def _write(self, work: Callable[[sqlite3.Connection, Accounts], T]) -> T:
        def inside(connection: sqlite3.Connection, accounts: Accounts) -> T:
            if epoch_of(connection) != self.epoch:  # its seqs are not those of the file that was read
                raise RenewedError("the buffer begins another epoch; its feed must be opened again")
            return work(connection, accounts)

        return await self._door.execute(inside)


async def mended(door: Door, table: str, key: tuple[object, ...]) -> bool:
    """A row that a reader found damaged, mended or taken out by the writer; whether it is good now."""
    return await door.execute(lambda connection, _: mend(connection, table, key))
