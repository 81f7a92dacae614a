"""F13: a program that is none of ours reads the buffer and does not end its transaction."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.ingest import Door
from gateway.metrics import health_of
from gateway.model import Readings
from gateway.points import build_points
from gateway.store.space import wal_bytes
from gateway.store.wal import MAX_BYTES
from runtime.clock import ClockSetting, SystemClock
from tests.gateway.conftest import small_site

pytestmark = [pytest.mark.real("util-linux"), pytest.mark.timeout(900)]

RATE = 40
READER = """
import sqlite3, sys
reader = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True, isolation_level=None)
reader.execute("BEGIN")
print(reader.execute("SELECT count(*) FROM reading").fetchone()[0], flush=True)
sys.stdin.read()
"""
ROWS = 1000


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """A process that holds what it has begun to read until it is let go."""
    words = [sys.executable, "-c", READER, str(path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield


async def fill(door: Door, start: int, until: Callable[[], bool]) -> int:
    """Offer readings of one point, a thousand a commit, until it is so; how many were acknowledged."""
    count = 0
    async with asyncio.timeout(600):
        while not until():
            groups = [
                Readings(("air.co2",), start + n, start + n, (500.0 + n % 7,))
                for n in range(count, count + ROWS)
            ]
            done = asyncio.Event()
            await door.offer(groups, done.set)
            await done.wait()
            count += ROWS
    return count


async def test_p9_a_foreign_reader_that_never_ends_is_told_and_holds_up_nobody_and_then_the_log_is_cut_back(
    tmp_path: Path,
) -> None:
    """No writer can shorten a log that somebody reads; ours goes on and says what is wrong."""
    clock = SystemClock(ClockSetting(rate=RATE))
    site = small_site(tmp_path)
    path, start = site.buffer_path, clock.now_ms() - 6 * 3_600_000
    async with Door(site, build_points(site), clock) as door:
        writer = asyncio.create_task(door.run())

        def problems() -> str:
            return " ".join(health_of(door, clock).problems)

        taken = 0
        with reading(path):
            taken += await fill(door, start + taken, lambda: "a program outside the gateway" in problems())
            assert wal_bytes(path) > MAX_BYTES
        taken += await fill(door, start + taken, lambda: wal_bytes(path) < MAX_BYTES and not problems())
        door.close()
        await writer
        assert door.figures.accepted == taken
        assert door.figures.failures == 0
