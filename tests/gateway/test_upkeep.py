"""P9, bounded disk: what goes under pressure and in which order; a full buffer makes sources wait and goes on by itself."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from edge_config.site import LoadedSite
from gateway.buffer_metrics import facts
from gateway.door.ingest import Door
from gateway.door.upkeep import BufferFigures
from gateway.metrics import health_of, registry_of
from gateway.model import Reading, groups_of
from gateway.points import build_points
from gateway.store import changes, raw_sweep, space
from gateway.store.space import MIB, Space
from runtime.clock import ClockSetting, SystemClock
from tests.gateway.conftest import T0
from tests.store.shelf import CO2, DAY_MS, QUARTER_MS, Shelf, pass_to

DISTRICT = {"id": "district", "kind": "district-http", "url": "https://district.example/v1"}


class Disk:
    """Says how full the buffer is; everything else is as it is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fill = 0.1
        monkeypatch.setattr(space, "measure", lambda *_: self.space)

    @property
    def space(self) -> Space:
        budget = 100 * MIB
        return Space(round(self.fill * budget), budget, 0, 10_000 * MIB, 20_000 * MIB, budget)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


@pytest.fixture
def shelf(tmp_path: Path, disk: Disk) -> Iterator[Shelf]:
    with Shelf(tmp_path, uplinks=[DISTRICT]) as shelf:
        yield shelf


EARLY = T0 + 20 * QUARTER_MS


def counts(shelf: Shelf) -> tuple[int, int, int]:
    """Changes about the first five hours, their raw readings, their quarter-hours."""
    return (
        shelf.one("SELECT count(*) FROM change WHERE key LIKE '15min%' AND at < ?", (EARLY,)),
        shelf.one("SELECT count(*) FROM reading WHERE measured_at < ?", (EARLY,)),
        shelf.one("SELECT count(*) FROM interval WHERE period = '15min' AND start < ?", (EARLY,)),
    )


def test_p9_first_delivered_changes_then_old_raw_readings_then_quarter_hours(
    shelf: Shelf, disk: Disk
) -> None:
    shelf.hours(5)
    shelf.tick(4 * DAY_MS)
    shelf.ticks(5)
    with shelf.transaction():
        pass_to(shelf.connection, "district", changes.head(shelf.connection))
    assert counts(shelf) == (19, 300, 20)
    disk.fill = 0.8
    shelf.tick()
    assert counts(shelf) == (0, 300, 20)
    shelf.ticks(3)
    assert counts(shelf) == (0, 0, 20)
    shelf.tick(29 * DAY_MS)
    shelf.ticks(5)
    assert counts(shelf) == (0, 0, 20)
    disk.fill = 0.95
    shelf.ticks(5)
    assert counts(shelf) == (0, 0, 0)
    assert shelf.one("SELECT count(*) FROM interval WHERE period = 'hour' AND start < ?", (EARLY,)) == 5
    assert shelf.balances()


def test_p9_what_no_interval_holds_is_never_shed_by_pressure(shelf: Shelf, disk: Disk) -> None:
    shelf.hours(1)
    shelf.take(*(shelf.bad(minute + 0.5) for minute in range(5)))
    disk.fill = 2.0
    shelf.tick(10 * DAY_MS)
    shelf.ticks(5)
    assert shelf.held() == 5
    shelf.tick(5 * DAY_MS)
    shelf.ticks(3)
    shelf.tick(DAY_MS)
    assert [(gap.count, gap.reason) for gap in shelf.gaps()] == [(5, raw_sweep.NOT_GOOD)]


def test_a_full_buffer_is_one_event_and_one_problem_until_there_is_room(shelf: Shelf, disk: Disk) -> None:
    disk.fill = 1.0
    shelf.ticks(3)
    assert shelf.upkeep.is_full
    assert len(shelf.upkeep.figures.problems) == 1
    shelf.restart()
    disk.fill = 0.99
    shelf.upkeep.figures = BufferFigures(is_full=True)
    shelf.tick()
    assert shelf.upkeep.is_full, "not at the first free page"
    disk.fill = 0.97
    shelf.ticks(2)
    assert not shelf.upkeep.is_full
    events = shelf.connection.execute("SELECT kind, subject, level, state FROM event").fetchall()
    assert events == [("buffer_full", "gw-1", 1, "closed")]


def test_a_log_that_something_else_holds_open_is_a_problem() -> None:
    assert "17 MiB" in BufferFigures(wal=17 * MIB).problems[0]
    assert BufferFigures(wal=16 * MIB).problems == []


@asynccontextmanager
async def running(site: LoadedSite) -> AsyncIterator[Door]:
    async with Door(site, build_points(site), SystemClock(ClockSetting(rate=40))) as door:
        task = asyncio.create_task(door.run())
        try:
            yield door
        finally:
            door.close()
            await task


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


def reading(offset_ms: int) -> Reading:
    at = SystemClock().now_ms() + offset_ms - 60_000
    return Reading(CO2, at, at, 500.0)


async def test_p9_a_full_buffer_takes_nothing_and_acknowledges_nothing_and_then_goes_on_by_itself(
    site: LoadedSite, disk: Disk
) -> None:
    acknowledged: list[int] = []
    async with running(site) as door:
        disk.fill = 1.0
        await until(lambda: door.buffer.is_full)
        commits = door.figures.commits
        await until(lambda: door.figures.commits > commits)
        offer = asyncio.create_task(door.offer(groups_of([reading(0)]), lambda: acknowledged.append(1)))
        commits = door.figures.commits
        await until(lambda: door.figures.commits >= commits + 2)
        assert not offer.done()
        assert acknowledged == []
        health = health_of(door, SystemClock())
        assert "full" in health.problems[0]
        assert health.facts["buffer"]["is_full"]
        assert await door.execute(lambda connection, _: connection.total_changes) >= 0, "commands still work"
        disk.fill = 0.5
        await offer
        await until(lambda: acknowledged == [1])
        assert health_of(door, SystemClock()).problems == ()


async def test_p2_the_counters_are_on_metrics_and_in_the_facts(site: LoadedSite, disk: Disk) -> None:
    async with running(site) as door:
        assert b"campus_buffer_used_bytes" not in generate_latest(registry_of(door)), (
            "not known before a tick"
        )
        await door.offer(groups_of([reading(0), reading(1)]))
        await until(lambda: door.buffer.accepted == 2 and door.buffer.unaccounted is not None)
        page = generate_latest(registry_of(door)).decode()
        facts = health_of(door, SystemClock()).facts["buffer"]
    for line in (
        "campus_readings_held 2.0",
        "campus_readings_shed_total 0.0",
        "campus_readings_unaccounted 0.0",
    ):
        assert line in page
    assert (facts["accepted"], facts["held"], facts["shed"], facts["quarantined"]) == (2, 2, 0, 0)


def test_hours_left_of_a_buffer_that_retention_holds_are_no_number() -> None:
    found = BufferFigures(space=Space(1, 1, 0, 1, 1, 1), hours_left=math.inf)
    assert (facts(found)["hours_left"], facts(found)["is_held"]) == (None, True)
    json.dumps(facts(found), allow_nan=False)
