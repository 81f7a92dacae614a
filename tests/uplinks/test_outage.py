"""F31: 72 hours of outage of a school with 300 points, drained while life goes on, on virtual time (S24).

The buffer, its feed, the loop, the encoder and the district's ``accept`` are the shipped ones; the line between them takes
0.3 s and 16 kB/s, a small campus uplink. Link up means from the first answer on: before that the gateway is in its back-off.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
import structlog

from edge_config.uplinks import HttpUplink
from gateway.delivery.feed import BufferFeed
from gateway.door.ingest import Door
from gateway.model import Change
from gateway.place import Place
from gateway.store.changes import ChangeLog, head
from gateway.uplinks.drain import run_uplink
from gateway.uplinks.feed import Identity
from gateway.uplinks.schedule import spread
from gateway.uplinks.sender import Stretch
from gateway.uplinks.verdict import Keep, Trouble, Verdict
from tests.district import campus
from tests.simulation.journal import Clock
from tests.simulation.loop import SimLoop
from tests.uplinks.store_feed import CrashingDoor, RealDistrict, site_of

POINTS, HOURS, BATCH = 300, 72, 1000
QUARTER_MS, HOUR_MS = 900_000, 3_600_000
LAST_TO_LOOK = max((f"gw-{number}" for number in range(1000)), key=spread)
"""The gateway of a thousand that waits longest after a quarter-hour."""
LATENCY_S, BYTES_PER_S, TIMEOUT_S = 0.3, 16_000.0, 10.0


@dataclass
class Line:
    """A district behind a thin line that may be down."""

    district: RealDistrict
    is_up: bool = True
    up_since_ms: int | None = None
    name: str = "district"
    sizes: list[int] = field(default_factory=list)

    async def send(self, stretch: Stretch) -> Verdict:
        self.sizes.append(len(stretch.changes))
        if not self.is_up:
            await asyncio.sleep(TIMEOUT_S)
            return Keep(Trouble.NO_ANSWER, "no answer", "wait")
        await asyncio.sleep(LATENCY_S + 6.0 * len(stretch.changes) / BYTES_PER_S)
        if self.up_since_ms is None:
            self.up_since_ms = self.district.clock.now_ms()
        return await self.district.send(stretch)


class BoundedFeed(BufferFeed):
    """Never holds more than a batch."""

    async def read(self, after_seq: int, limit: int) -> list[Change]:
        assert limit <= BATCH
        return await super().read(after_seq, limit)


class School:
    """300 meters: quarter-hours close 5 to 35 s after their end, hours with the last of them; now and then an alarm."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.clock, self.door = clock, CrashingDoor(folder / "buffer.db")
        self.closed_at: dict[int, int] = {}
        self.urgent_at: dict[int, int] = {}
        self.intervals = 0
        self.wake = asyncio.Event()
        describe = [("site", {"kind": "site", "name": "示例中学", "timezone": "Asia/Shanghai"})]
        self._append([*describe, *((f"point/{name}", _point(name)) for name in self._names())])

    async def run(self) -> None:
        rng = random.Random(7)
        while True:
            quarter_s = 900 - self.clock.now_ms() / 1000 % 900
            await asyncio.sleep(quarter_s + 5)
            end = self.clock.now_ms() // QUARTER_MS * QUARTER_MS
            for part in range(3):
                self._close(self._names()[part::3], end)
                await asyncio.sleep(15)
            if rng.random() < 0.5:
                await asyncio.sleep(rng.uniform(0, 700))
                self._alarm(rng.randrange(10**9))

    def _names(self) -> list[str]:
        return [f"m{number:03}.energy_import" for number in range(POINTS)]

    def _close(self, names: list[str], end: int) -> None:
        rows = [(f"15min/{name}/{end}", _interval(name, "15min", end - QUARTER_MS, end)) for name in names]
        if end % HOUR_MS == 0:
            rows += [(f"hour/{name}/{end}", _interval(name, "hour", end - HOUR_MS, end)) for name in names]
        self.intervals += len(rows)
        for seq in self._append(rows):
            self.closed_at[seq] = self.clock.now_ms()

    def _alarm(self, number: int) -> None:
        body = {
            "kind": "event", "event_id": f"e{number}", "event_kind": "cold_excursion", "subject": "fridge",
            "start": self.clock.now_ms(), "level": 1 + number % 2, "state": "open", "evidence": {},
        }  # fmt: skip
        for seq in self._append([(f"event/{number}", body)]):
            self.urgent_at[seq] = self.clock.now_ms()
        self.wake.set()

    def _append(self, rows: list[tuple[str, dict[str, Any]]]) -> list[int]:
        connection, now = self.door.connection, self.clock.now_ms()
        connection.execute("BEGIN IMMEDIATE")
        log = ChangeLog(head(connection))
        seqs = [log.append(body["kind"], key, 1, now, msgspec.json.encode(body)) for key, body in rows]
        log.flush(connection)
        connection.execute("COMMIT")
        return seqs


def _point(name: str) -> dict[str, Any]:
    return {
        "kind": "point", "point": name, "device": name.partition(".")[0], "quantity": "active_energy_import", "unit": "kWh",
        "value_kind": "counter", "step": "0.01", "role": "total", "label_zh": "电表", "label_en": "Meter",
    }  # fmt: skip


def _interval(name: str, period: str, start: int, end: int) -> dict[str, Any]:
    return {
        "kind": "interval", "point": name, "period": period, "start": start, "end": end, "content": "measured",
        "share": 1.0, "value": 1.25, "register_start": 100.0, "register_end": 101.25,
    }  # fmt: skip


@dataclass
class World:
    folder: Path
    loop: SimLoop

    def __post_init__(self) -> None:
        self.clock, self.site = (
            Clock(self.loop, marks=[(0.0, float(campus.NOW))]),
            site_of(self.folder / "buffer.db"),
        )
        self.school = School(self.folder, self.clock)
        self.district = RealDistrict(self.folder, Identity("demo", "gw-1", "e-1"), self.clock)
        self.line = Line(self.district)
        self.uplink = HttpUplink(id="d", kind="district-http", url="http://district/v1", batch_max=BATCH)

    async def delivering(self) -> None:
        async with BoundedFeed(self.site, cast("Door", self.school.door), self.clock) as feed:
            await run_uplink(self.uplink, LAST_TO_LOOK, feed, self.line, self.clock, self.school.wake)

    async def hours(self, count: float) -> None:
        await asyncio.sleep(count * 3600)

    async def until_delivered(self) -> Place:
        """Life stands still meanwhile."""
        async with BoundedFeed(self.site, cast("Door", self.school.door), self.clock) as feed:
            while (place := await feed.state("d")).waiting(await feed.head()):
                await asyncio.sleep(1)
        return place

    def held(self) -> tuple[int, int]:
        """Intervals and events at the district."""
        with closing(sqlite3.connect(self.district.path)) as connection:
            return (
                connection.execute("SELECT count(*) FROM interval").fetchone()[0],
                connection.execute("SELECT count(*) FROM event").fetchone()[0],
            )

    def ages_s(self, made: dict[int, int], since: int) -> list[float]:
        return sorted(
            (self.district.delivered_at[seq] - at) / 1000 for seq, at in made.items() if at >= since
        )

    def close(self) -> None:
        self.school.door.connection.close()
        self.district.store.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    loop = SimLoop(random.Random(1), lambda: 0.001)
    asyncio.set_event_loop(loop)
    world = World(tmp_path, loop)
    yield world
    world.close()
    loop.close()
    asyncio.set_event_loop(None)
    structlog.reset_defaults()


async def _living(world: World, story: Any) -> None:
    tasks = [asyncio.ensure_future(world.school.run()), asyncio.ensure_future(world.delivering())]
    try:
        await story(tasks[0])
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@pytest.mark.campus
def test_p11_f31_three_days_of_outage_are_drained_behind_what_is_new(world: World) -> None:
    async def story(school: asyncio.Future[None]) -> None:
        await world.hours(1)
        world.line.is_up = False
        await world.hours(HOURS)
        backlog = len([seq for seq in world.school.closed_at if seq not in world.district.delivered_at])
        assert backlog >= POINTS * 5 * HOURS
        world.line.is_up, world.line.up_since_ms = True, None
        began = len(world.line.sizes)
        await world.hours(3)
        school.cancel()
        assert (await world.until_delivered()).ranges == ()
        print(f"{backlog} changes waited; {len(world.line.sizes) - began} batches")

    world.loop.run_until_complete(_living(world, story))
    assert world.held() == (world.school.intervals, len(world.school.urgent_at)), "nothing lost"
    assert set(world.district.effects.values()) == {1}, "nothing doubled"
    assert max(world.line.sizes) <= BATCH
    assert world.line.up_since_ms is not None
    closed = world.ages_s(world.school.closed_at, world.line.up_since_ms)
    urgent = world.ages_s(world.school.urgent_at, world.line.up_since_ms)
    p99 = closed[int(len(closed) * 0.99)]
    print(f"{len(closed)} intervals closed since: p99 {p99:.1f} s, longest {closed[-1]:.1f} s")
    print(f"{len(urgent)} urgent events since: longest {urgent[-1]:.1f} s")
    assert len(closed) > 3000
    assert len(urgent) > 2
    assert p99 <= 60
    assert urgent[-1] <= 5


@pytest.mark.campus
def test_a_district_killed_restored_and_hidden_behind_a_portal_ends_with_everything(world: World) -> None:
    async def story(school: asyncio.Future[None]) -> None:
        await world.hours(1)
        world.district.back_up()
        await world.hours(2)
        world.line.is_up = False
        await world.hours(4)
        world.district.script.append("reply lost")  # killed between commit and reply
        world.line.is_up = True
        await world.hours(0.2)
        world.district.put_back()
        world.district.script.extend(["portal"] * 5)
        await world.hours(3)
        world.district.script.extend(["reply lost", "portal", "reply lost"])
        await world.hours(1)
        school.cancel()
        await world.until_delivered()

    world.loop.run_until_complete(_living(world, story))
    assert world.held() == (world.school.intervals, len(world.school.urgent_at))
    dead = world.school.door.connection.execute("SELECT count(*) FROM dead_letter").fetchone()[0]
    assert dead == 0
    gaps = world.school.door.connection.execute("SELECT count(*) FROM gap").fetchone()[0]
    assert gaps == 0, "all that the district had lost was still in the feed"
