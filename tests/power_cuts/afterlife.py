"""What a buffer that was cut off comes to when the collector goes on with it: everything is read, counted and salvaged.

The life after a power cut is one of another start of the machine. ``python -m tests.power_cuts.afterlife FOLDER MS`` prints an
``After`` as JSON, for a process of its own.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from gateway.door import ingest
from gateway.door.ingest import TICK_S, Door
from gateway.errors import DamagedBufferError
from gateway.points import build_points
from gateway.recovery.damage import UNCLEAN_END
from gateway.recovery.salvaging import salvage
from gateway.store.aside import finish, is_malformed, is_unreadable, waiting
from gateway.store.database import open_reader
from gateway.store.scrub import Scrub, mend
from runtime import clock
from tests.power_cuts.script import site_in
from tests.store.damaged import SteppingClock

TICKS_MAX = 100

Row = tuple[int, int, int, int | None, int]
"""(measured_at, point_id, lag, value, quality): a reading as it is stored."""


@contextmanager
def started_anew(folder: Path) -> Iterator[None]:
    """As after the machine was started again; ``folder`` keeps the name of that start."""
    before, clock.BOOT_ID = clock.BOOT_ID, folder / "boot_id"
    clock.BOOT_ID.write_text(f"{uuid4()}\n", encoding="ascii")
    try:
        yield
    finally:
        clock.BOOT_ID = before


@dataclass(frozen=True, slots=True)
class After:
    """The rows of ``reading``, with point's name; of ``gap`` (point, start, end, reason); and the kinds of events."""

    readings: list[tuple[str, int, int, int | None, int]]
    gaps: list[tuple[str, int, int, str]]
    events: list[str]

    def untold(self, names: dict[int, str], accepted: Iterable[Row], next_step: Iterable[Row]) -> list[Row]:
        """Accepted readings that are gone or changed, and of which no gap record says that they may be. One that the step under
        way made another of is neither."""
        held = {(name, at): rest for name, at, *rest in self.readings}
        under_way = {row[:2]: list(row[2:5]) for row in next_step}
        gone = [
            row
            for row in accepted
            if held.get((names[row[1]], row[0])) not in (list(row[2:5]), under_way.get(row[:2], row))
        ]
        return [row for row in gone if not self._is_told(names[row[1]], row[0], row[0] + row[2])]

    def _is_told(self, point: str, measured_at: int, received_at: int) -> bool:
        """A span that begins at 0 is one of which nobody knows when."""
        return any(
            name in (point, "*")
            and (not start or start <= (received_at if reason == UNCLEAN_END else measured_at) < end)
            for name, start, end, reason in self.gaps
        )


async def live_on(folder: Path, at: int) -> After:
    """Start on the buffer in ``folder`` with our clock at ``at``, read it through, count it, salvage what was set aside."""
    site, ours = site_in(folder), SteppingClock(at)
    async with Door(site, build_points(site), ours) as door:
        writer = asyncio.create_task(door.run())
        await _read_through(door, site.buffer_path)
        for _ in range(TICKS_MAX):
            ours.ms += round(TICK_S * 1000)
            await door.execute(lambda connection, accounts: None)
            if door.buffer.unaccounted is not None:
                break
        for aside in waiting(site.buffer_path):
            await salvage(site, door, ours, aside)
            finish(site.buffer_path, aside)
        door.close()
        await writer
    with closing(open_reader(site.buffer_path)) as reader:
        return _after(reader)


async def _read_through(door: Door, path: Path) -> None:
    walk = Scrub()
    while not walk.passes:
        try:
            for table, key in walk.step(path):
                await door.execute(partial(_mended, table, key))
        except sqlite3.DatabaseError as error:
            if not (is_malformed(error) or is_unreadable(error)):
                raise
            await door.suspect(DamagedBufferError(str(error)))
            walk = Scrub()


def _mended(table: str, key: tuple[Any, ...], connection: sqlite3.Connection, _: object) -> None:
    mend(connection, table, key)


def _after(reader: sqlite3.Connection) -> After:
    readings = reader.execute(
        "SELECT name, measured_at, lag, value, quality FROM reading JOIN point USING (point_id)"
    ).fetchall()
    gaps = reader.execute('SELECT point, start, "end", reason FROM gap').fetchall()
    return After(readings, gaps, [row[0] for row in reader.execute("SELECT kind FROM event")])


if __name__ == "__main__":
    ingest.RETRY_S = 0.0
    print(json.dumps(asdict(asyncio.run(live_on(Path(sys.argv[1]), int(sys.argv[2]))))))
