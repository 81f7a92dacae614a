"""A buffer with a known history, copies of it that are damaged on purpose, and what must be true of them afterwards.

Truth is what the tester offered, kept here and never read from a buffer.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_config.site import LoadedSite
from gateway.door.ingest import Door
from gateway.model import QUARTER_MS, Readings
from gateway.points import build_points
from gateway.recovery.salvaging import salvage
from gateway.store.aside import finish, is_malformed, waiting
from gateway.store.database import open_reader
from gateway.store.scrub import Scrub, mend
from tests.gateway.conftest import T0, ManualClock, small_site

MINUTE = 60_000
HALF_A_STEP = 0.0501
POINTS = ("main-e.energy_import", "main-e.power", "air.co2")
UPLINK = {"id": "district", "kind": "district-http", "url": "http://127.0.0.1:9/v1", "enabled": False}


class SteppingClock(ManualClock):
    """A clock that a sleep moves, and that lets others run."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        await asyncio.sleep(0)


@dataclass
class History:
    """``offered`` maps (point, measured_at) to the value the tester gave."""

    site: LoadedSite
    clock: SteppingClock = field(default_factory=SteppingClock)
    offered: dict[tuple[str, int], float] = field(default_factory=dict)

    async def live(self, door: Door, minutes: int, batch: int = 10) -> None:
        """So many minutes of readings, ``batch`` minutes a commit."""
        for first in range(0, minutes, batch):
            groups = [self._minute() for _ in range(min(batch, minutes - first))]
            done = asyncio.Event()
            await door.offer(groups, done.set)
            await asyncio.wait_for(done.wait(), 60)

    def _minute(self) -> Readings:
        self.clock.ms += MINUTE
        at, minutes = self.clock.ms, (self.clock.ms - T0) / MINUTE
        values = (round(100 + minutes / 10, 2), 6.0, 500.0 + minutes // 15)
        self.offered.update({(point, at): value for point, value in zip(POINTS, values, strict=True)})
        return Readings(POINTS, at, at, values)

    def copy(self, folder: Path) -> History:
        """The same buffer in another folder, as a crash would leave it."""
        folder.mkdir(parents=True)
        for file in self.site.folder.iterdir():
            if file.is_file() and not file.name.endswith((".lock", ".ballast")):
                shutil.copy(file, folder / file.name)
        clock = SteppingClock(self.clock.ms)
        return History(small_site(folder, uplinks=[UPLINK]), clock, dict(self.offered))


async def begun(folder: Path, minutes: int) -> History:
    """A buffer with ``minutes`` of history, half of it delivered."""
    folder.mkdir(parents=True, exist_ok=True)
    history = History(small_site(folder, uplinks=[UPLINK]))
    async with Door(history.site, build_points(history.site), history.clock) as door:
        writer = asyncio.create_task(door.run())
        await history.live(door, minutes)
        await door.execute(
            lambda connection, accounts: (
                connection.execute("UPDATE uplink SET cursor = ?", (accounts.head // 2,)) and None
            )
        )
        await history.live(door, 20)
        door.close()
        await writer
    return history


@dataclass
class After:
    """What a damaged buffer came to: rows by what they are about, and what was told."""

    readings: dict[tuple[str, int], float]
    registers: dict[tuple[str, str, int], tuple[str, int | None]]
    keys: set[str]
    gaps: list[tuple[str, int, int, int, str]]
    events: list[str]
    quarantined: int
    renewals: int
    epoch: str

    def told(self, point: str, at: int) -> bool:
        """Whether a gap record says that this reading may be gone."""
        return any(
            name in (point, "*") and (start <= at < end or start == 0) for name, start, end, _, _ in self.gaps
        )


async def lived_through(history: History) -> After:
    """Start on a damaged buffer, take in live readings, read everything through, salvage, go on; then look."""
    renewals: list[Path] = []
    async with Door(history.site, build_points(history.site), history.clock) as door:
        writer = asyncio.create_task(door.run())
        await history.live(door, 5, batch=5)
        await _scrubbed(door, history.site.buffer_path)
        await history.live(door, 30, batch=15)
        renewals += await _salvaged(history, door)
        history.clock.ms += 2 * MINUTE
        await history.live(door, 1)  # a tick later the slots that late readings fell into are computed again
        renewals += await _salvaged(history, door)
        door.close()
        await writer
        epoch = door.epoch
    with closing(open_reader(history.site.buffer_path)) as reader:
        return _after(reader, len(renewals), epoch)


async def _salvaged(history: History, door: Door) -> list[Path]:
    found = waiting(history.site.buffer_path)
    for aside in found:
        await salvage(history.site, door, history.clock, aside)
        finish(history.site.buffer_path, aside)
    return found


async def _scrubbed(door: Door, path: Path) -> None:
    walk = Scrub()
    while not walk.passes:
        try:
            for table, key in walk.step(path):
                await door.execute(lambda connection, _, table=table, key=key: mend(connection, table, key))  # type: ignore[misc]
        except sqlite3.DatabaseError as error:
            if not is_malformed(error):
                raise
            await door.suspect(error)
            walk = Scrub()


def _after(reader: sqlite3.Connection, renewals: int, epoch: str) -> After:
    steps = {
        point_id: (name, float(step))
        for point_id, name, step in reader.execute("SELECT point_id, name, step FROM point")
    }
    return After(
        readings={
            (steps[p][0], at): value * steps[p][1]
            for at, p, value in reader.execute(
                "SELECT measured_at, point_id, value FROM reading WHERE quality = 0"
            )
            if p in steps
        },
        registers={
            (steps[p][0], period, start): (content, register)
            for p, period, start, content, register in reader.execute(
                "SELECT point_id, period, start, content, end_steps FROM interval"
            )
            if p in steps
        },
        keys={row[0] for row in reader.execute("SELECT key FROM change")},
        gaps=reader.execute('SELECT point, start, "end", count, reason FROM gap').fetchall(),
        events=[row[0] for row in reader.execute("SELECT kind FROM event ORDER BY start")],
        quarantined=reader.execute("SELECT count(*) FROM quarantine").fetchone()[0],
        renewals=renewals,
        epoch=epoch,
    )


def wrong_values(history: History, after: After) -> list[tuple[str, int]]:
    """Readings in use that nobody offered, or not with this value."""
    return [
        key for key, value in after.readings.items()
        if key not in history.offered or abs(value - history.offered[key]) > HALF_A_STEP
    ]  # fmt: skip


def silently_lost(history: History, after: After) -> list[tuple[str, int]]:
    """Readings that were accepted, are gone, and of which nothing was told."""
    return [key for key in history.offered if key not in after.readings and not after.told(*key)]


def wrong_intervals(after: After) -> list[tuple[str, str, int]]:
    """Measured slots of the counter whose register is not what the counter, which rises evenly, had at their end."""
    wrong = []
    for (point, period, start), (content, register) in after.registers.items():
        if point != POINTS[0] or period != "15min" or content != "measured" or register is None:
            continue
        expected = round((100 + (start + QUARTER_MS - T0) / MINUTE / 10) * 10)
        if abs(register - expected) > 1:
            wrong.append((point, period, start))
    return wrong


Damage = Callable[[bytearray, random.Random], None]


def flip_bit(data: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(data))
    data[at] ^= 1 << rng.randrange(8)


def zero_page(data: bytearray, rng: random.Random) -> None:
    page = rng.randrange(len(data) // 4096)
    data[page * 4096 : (page + 1) * 4096] = bytes(4096)


def garbage_page(data: bytearray, rng: random.Random) -> None:
    page = rng.randrange(len(data) // 4096)
    data[page * 4096 : (page + 1) * 4096] = rng.randbytes(4096)


def truncate(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(len(data)) :]


def damage_file(path: Path, how: Damage, rng: random.Random) -> None:
    data = bytearray(path.read_bytes())
    how(data, rng)
    path.write_bytes(data)


def rows_of(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(open_reader(path)) as reader:
        return reader.execute(sql).fetchall()
