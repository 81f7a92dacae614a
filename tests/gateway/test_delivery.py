"""Readers of the buffer that meet a page which the card does not give back (F6)."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from gateway.delivery import run as delivery
from gateway.door.ingest import Door
from gateway.points import build_points
from gateway.store.aside import UNREADABLE_MAX, Patience, waiting
from gateway.store.scrub import Scrub
from tests.gateway.conftest import small_site
from tests.store.damaged import SteppingClock


def refused(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code
    return error


async def scrubbed(folder: Path, monkeypatch: pytest.MonkeyPatch, failures: int) -> tuple[Door, list[int]]:
    """A scrub of which the first ``failures`` looks fail; the looks it took."""
    looks: list[int] = []
    step, enough = Scrub.step, asyncio.Event()

    def look(self: Scrub, path: Path) -> list[tuple[str, tuple[object, ...]]]:
        looks.append(len(looks))
        if len(looks) > failures:
            loop.call_soon_threadsafe(enough.set)
            return step(self, path)
        raise refused(sqlite3.SQLITE_IOERR_CORRUPTFS)

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(Scrub, "step", look)
    site, clock = small_site(folder), SteppingClock()
    async with Door(site, build_points(site), clock) as door:
        writer = asyncio.create_task(door.run())
        scrubbing = asyncio.create_task(delivery.scrub(site.buffer_path, door, clock))
        async with asyncio.timeout(60):
            await enough.wait()
        scrubbing.cancel()
        await asyncio.gather(scrubbing, return_exceptions=True)
        door.close()
        await writer
    return door, looks


async def test_a_scrub_looks_again_where_it_could_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    door, looks = await scrubbed(tmp_path, monkeypatch, UNREADABLE_MAX - 1)
    assert not door.renewed.is_set()
    assert len(looks) >= UNREADABLE_MAX


async def test_p18_what_a_scrub_cannot_read_again_and_again_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    door, _ = await scrubbed(tmp_path, monkeypatch, UNREADABLE_MAX)
    assert door.renewed.is_set()
    assert len(waiting(tmp_path / "buffer.db")) == 1


def test_patience_ends_with_three_failures_within_a_minute() -> None:
    patience = Patience()
    assert [patience.is_over(at_s) for at_s in (0, 50, 61, 100, 105)] == [False, False, False, True, True]
