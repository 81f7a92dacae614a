"""The change feed as an uplink sees it: reads on a connection of its own, moves its cursor through the ingest door."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Self, TypeVar

from edge_config.site import LoadedSite
from gateway.accounts import Accounts
from gateway.errors import DamagedRowError, RenewedError, StoreError
from gateway.ingest import Door
from gateway.model import Change, Quality
from gateway.store import changes, points, uplinks
from gateway.store.database import epoch_of, open_reader
from gateway.store.scrub import mend
from gateway.uplinks.feed import Latest, UplinkState
from runtime.clock import Clock

if TYPE_CHECKING:
    from gateway.query.reader import Reader
    from gateway.query.views import DayRecords

T = TypeVar("T")


class BufferFeed:
    """Implements ``uplinks.feed.Feed`` over the buffer. Use ``async with``."""

    def __init__(self, site: LoadedSite, door: Door, clock: Clock) -> None:
        self._path, self._door, self._clock = site.buffer_path, door, clock
        self._site = site
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
        """What is damaged is taken out and told before anything behind it is given out."""
        while True:
            try:
                return await self._read(lambda: changes.read(self._reader, after_seq, limit))
            except DamagedRowError as damage:
                await mended(self._door, damage.table, damage.key)

    async def state(self, uplink: str) -> UplinkState:
        cursor, batch_to = await self._read(lambda: uplinks.state(self._reader, uplink))
        return UplinkState(cursor=cursor, batch_to=batch_to)

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

    async def begin(self, uplink: str, to_seq: int) -> None:
        def work(connection: sqlite3.Connection) -> None:
            uplinks.begin(connection, uplink, to_seq)
            self._door.sent(to_seq)

        await self._write(work)

    async def delivered(
        self, uplink: str, to_seq: int, count: int, refused: Sequence[tuple[int, str]]
    ) -> None:
        now = self._clock.now_ms()
        await self._write(
            lambda connection: uplinks.delivered(connection, uplink, to_seq, count, refused, now)
        )

    async def skip(self, uplink: str, to_seq: int) -> None:
        await self._write(lambda connection: uplinks.skip(connection, uplink, to_seq))

    async def failed(self, uplink: str, message: str) -> None:
        now = self._clock.now_ms()
        await self._write(lambda connection: uplinks.failed(connection, uplink, message, now))

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

    async def _write(self, work: Callable[[sqlite3.Connection], None]) -> None:
        def inside(connection: sqlite3.Connection, _: Accounts) -> None:
            if epoch_of(connection) != self.epoch:  # its seqs are not those of the file that was read
                raise RenewedError("the buffer begins another epoch; its feed must be opened again")
            work(connection)

        await self._door.execute(inside)


async def mended(door: Door, table: str, key: tuple[object, ...]) -> bool:
    """A row that a reader found damaged, mended or taken out by the writer; whether it is good now."""
    return await door.execute(lambda connection, _: mend(connection, table, key))
