"""F13: a program that is none of ours reads the buffer and does not end its transaction."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.door.ingest import Door
from gateway.metrics import health_of
from gateway.model import Readings
from gateway.points import build_points
from gateway.store.space import MIB, wal_bytes
from gateway.store.wal import MAX_BYTES
from runtime.clock import ClockSetting, SystemClock
from tests.gateway.conftest import small_site

pytestmark = [pytest.mark.real("util-linux"), pytest.mark.timeout(300)]

RATE = 40
PATIENCE_S = 120
READER = """
import sqlite3, sys
reader = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True, isolation_level=None)
reader.execute("BEGIN")
print(reader.execute("SELECT count(*) FROM reading").fetchone()[0], flush=True)
sys.stdin.read()
"""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """A process that holds what it has begun to read until it is let go."""
    words = [sys.executable, "-c", READER, str(path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():
            await asyncio.sleep(0.01)


def waste(connection: sqlite3.Connection, _: object) -> None:
    """As much written as an hour of a large campus."""
    connection.execute("CREATE TABLE IF NOT EXISTS waste (bytes BLOB)")
    connection.execute("INSERT INTO waste VALUES (zeroblob(?))", (MIB,))


async def test_p9_a_foreign_reader_that_never_ends_is_told_and_holds_up_nobody_and_then_the_log_is_cut_back(
    tmp_path: Path,
) -> None:
    """No writer can shorten a log that somebody reads; ours goes on and says what is wrong."""
    clock = SystemClock(ClockSetting(rate=RATE))
    site = small_site(tmp_path)
    accepted: list[int] = []

    async def offer(door: Door) -> None:
        at = clock.now_ms() - 1000
        await door.offer([Readings(("air.co2",), at, at, (500.0,))], lambda: accepted.append(at))
        await until(lambda: at in accepted)

    async with Door(site, build_points(site), clock) as door:
        writer = asyncio.create_task(door.run())

        def is_told() -> bool:
            return "a program outside the gateway" in " ".join(health_of(door, clock).problems)

        await offer(door)
        with reading(site.buffer_path):
            while wal_bytes(site.buffer_path) <= MAX_BYTES:
                await door.execute(waste)
            await until(is_told)
            await offer(door)
        await until(lambda: not is_told())
        assert wal_bytes(site.buffer_path) <= MAX_BYTES
        await offer(door)
        door.close()
        await writer
    assert (door.figures.accepted, door.figures.failures) == (3, 0)
