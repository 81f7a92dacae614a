"""Histories of a small school through the real door, restarts in them, and what its readings come to by a count of our own.

Nothing of the gateway's arithmetic is used: the recount is the simulation's, spans and tariffs are counted here.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from edge_config.site import LoadedSite
from edge_config.tariffs import TariffFile
from gateway.door.ingest import Door
from gateway.model import Point, Reading, groups_of
from gateway.points import build_points
from tests.gateway.conftest import small_site
from tests.simulation import recount
from tests.simulation.site import Known

MAIN, HVAC, OPEN = "main-e.energy_import", "hvac.energy_import", "door.door_open"
MINUTE, QUARTER = 60_000, 900_000
BERLIN = ZoneInfo("Europe/Berlin")
STARTS = {  # zone and when the story begins: some hours before a day of 25, of 23 and of 24½ hours
    "Europe/Berlin": datetime(2025, 10, 25, 20, 20, tzinfo=UTC),
    "America/St_Johns": datetime(2026, 3, 8, 2, 10, tzinfo=UTC),
    "Australia/Lord_Howe": datetime(2026, 4, 4, 11, 40, tzinfo=UTC),
}
DEVICES = [
    {"id": "main-e", "profile": "acrel-adl400", "bus": "east", "unit_id": 1, "poll_interval_s": 60},
    {
        "id": "hvac", "profile": "acrel-adl400", "bus": "east", "unit_id": 2, "poll_interval_s": 60,
        "parent": "main-e", "energy_code": "01B00",
    },
    {"id": "door", "profile": "zigbee2mqtt-contact-door", "broker": "local", "topic": "z/d", "space": "a-101"},
]  # fmt: skip
VIRTUAL = [
    {"id": "rest.energy", "sum": [MAIN], "minus": [HVAC]},
    {"id": "both.energy", "sum": [MAIN, HVAC]},
    {"id": "hvac.part", "sum": [HVAC], "over": [MAIN]},
]
MODULUS = {MAIN: 10_000, HVAC: None}
Word = tuple[int, int, str, int | None]
"""When it arrives, when it was measured, of which point, steps; None is a bad one."""


class StillClock:
    """Moves only when told; a sleep on it lasts until it is cancelled."""

    def __init__(self, ms: int) -> None:
        self.ms = ms

    def now_ms(self) -> int:
        return self.ms

    def monotonic_s(self) -> float:
        return self.ms / 1000

    async def sleep(self, seconds: float) -> None:
        await asyncio.Event().wait()


def school(folder: Path, zone: str) -> LoadedSite:
    site = small_site(
        folder, site={"id": "s", "name": "测试学校", "timezone": zone}, devices=DEVICES, points=VIRTUAL
    )
    day = STARTS[zone].astimezone(ZoneInfo(zone)).date() + timedelta(days=1)
    tables = [
        {"since": "2020-01-01", "source": "t", "seasons": [{"peak": ["18:00-24:00"], "valley": ["00:00-06:00"]}]},
        {
            "since": day.isoformat(), "source": "t", "prices": {"deep_valley": 0.25, "flat": 0.5},
            "seasons": [{"deep_valley": ["01:45-03:00"], "sharp": ["00:00-01:15"]}],
        },
    ]  # fmt: skip
    return replace(site, tariffs=TariffFile.model_validate({"tables": tables}))


def points_of(site: LoadedSite) -> list[Point]:
    return [
        replace(one, expected_interval_s=60.0, modulus_steps=MODULUS.get(one.name))
        for one in build_points(site)
    ]


def words(rng: random.Random, begin: int, hours: float) -> list[Word]:
    """Two meters and a door as they speak, fall silent, roll over, are reset, and come late."""
    found = [word for name in (MAIN, HVAC) for word in _meter(rng, name, begin, hours)]
    return sorted([*found, *_door(rng, begin, hours)], key=lambda word: word[0])


def _meter(rng: random.Random, name: str, begin: int, hours: float) -> Iterator[Word]:
    at, register = begin + rng.randrange(60 * MINUTE), rng.choice((0, 9_700, 5_000))
    top = (MODULUS[name] or 2**31) - 1
    end = begin + round(hours * 60) * MINUTE
    while at < end:
        to_boundary = QUARTER - at % QUARTER
        at += rng.choice(
            (20_000, MINUTE, MINUTE, MINUTE, MINUTE, rng.randrange(1000, 4 * MINUTE), to_boundary)
        )
        at += rng.randrange(10 * MINUTE, 200 * MINUTE) if rng.random() < 0.01 else 0
        register += rng.randrange(8)
        register = register % 10_000 if name == MAIN else register
        register = rng.randrange(30) if rng.random() < 0.004 else register
        chance = rng.random()
        said = (
            rng.choice((0, register // 2))
            if chance < 0.01
            else register - (0.01 < chance < 0.02 and register > 20)
        )
        late = rng.choice((30_000, 100_000, 20 * MINUTE, 70 * MINUTE)) if rng.random() < 0.05 else 0
        yield at + late, at, name, said
        if rng.random() < 0.03:
            yield (
                at + late + rng.choice((0, 1000, 30 * MINUTE)),
                at,
                name,
                min(max(0, said + rng.choice((-3, 0, 0, 2))), top),
            )
        if rng.random() < 0.02:
            yield at, at + rng.choice((0, 10_000)), name, None
    for minute in (1, 2, 3):
        yield at + 80 * MINUTE, at + minute * MINUTE, name, register + minute


def _door(rng: random.Random, begin: int, hours: float) -> Iterator[Word]:
    at, is_open = begin + rng.randrange(60 * MINUTE), 0
    while at < begin + hours * 60 * MINUTE:
        at += rng.choice((MINUTE, MINUTE, QUARTER - at % QUARTER, rng.randrange(1000, 5 * MINUTE)))
        at += rng.randrange(10 * MINUTE, 100 * MINUTE) if rng.random() < 0.02 else 0
        is_open = 1 - is_open if rng.random() < 0.3 else is_open
        late = rng.choice((30_000, 100_000, 20 * MINUTE, 70 * MINUTE)) if rng.random() < 0.1 else 0
        yield at + late, at, OPEN, is_open
        if rng.random() < 0.03:
            yield at + late + 1000, at, OPEN, 1 - is_open


@asynccontextmanager
async def opened(site: LoadedSite, clock: StillClock) -> AsyncIterator[Door]:
    """A collector's life; a writer that dies ends it."""
    async with Door(site, points_of(site), clock) as door, asyncio.TaskGroup() as group:
        group.create_task(door.run())
        yield door
        door.close()


async def live(site: LoadedSite, rng: random.Random, hours: float) -> int:
    """Through the door, with restarts, to an hour of calm; the time then."""
    clock = StillClock(round(STARTS[site.file.site.timezone].timestamp() * 1000))
    waiting = words(rng, clock.ms, hours)
    last = waiting[-1][0] + 7 * MINUTE
    while clock.ms < last:
        async with opened(site, clock) as door:
            stop = min(last, clock.ms + rng.randrange(1, 300) * MINUTE)
            while clock.ms < stop:
                clock.ms = min([*(word[0] for word in waiting[:1]), clock.ms + 2 * MINUTE, stop])
                await _hear(door, waiting, clock.ms, rng)
            await _tick(door, clock, 3, 6_000)
        clock.ms += rng.choice((0, 0, MINUTE, 8 * MINUTE))
    async with opened(site, clock) as door:
        await _tick(door, clock, 20, 90_000)
    return clock.ms


async def _hear(door: Door, waiting: list[Word], now: int, rng: random.Random) -> None:
    """What has arrived by now, in one transaction or several."""
    while waiting and waiting[0][0] <= now:
        _, at, name, steps = waiting.pop(0)
        value = float("nan") if steps is None else steps * float(door.points[name].step)
        await door.offer(groups_of([Reading(name, at, now, value)]))
        if rng.random() < 0.8:
            await door.execute(lambda *_: None)
    await door.execute(lambda *_: None)


async def _tick(door: Door, clock: StillClock, times: int, every_ms: int) -> None:
    for _ in range(times):
        clock.ms += every_ms
        await door.execute(lambda *_: None)


@dataclass
class Counted:
    """What a point's stored good readings come to."""

    good: list[tuple[int, int]]
    slots: dict[int, tuple[str, int | None]]
    open_steps: int | None = None
    newest_at: int = 0
    is_settled: bool = True
    """Whether the register has not fallen since the last closed slot."""

    def pieces(self) -> Iterator[tuple[int, int, int]]:
        """(start, end, steps) of closed slots, then of the open one."""
        known = [(at, steps) for at, (_, steps) in sorted(self.slots.items()) if steps is not None]
        yield from ((at, at + QUARTER, steps) for at, steps in known)
        if self.open_steps is not None:
            yield max(self.slots) + QUARTER, self.newest_at, self.open_steps


def counted(path: Path, name: str) -> Counted:
    with closing(sqlite3.connect(path)) as db:
        good = db.execute(
            "SELECT measured_at, value FROM reading JOIN point USING (point_id) WHERE name = ? AND quality = 0 ORDER BY 1",
            (name,),
        ).fetchall()
    first, last = (at // QUARTER * QUARTER for at in (good[0][0], good[-1][0]))
    starts = range(first, last, QUARTER)
    if name == OPEN:
        return Counted(good, {at: (recount.held(good, at)[0], None) for at in starts})
    line = recount.unwrapped(good, Known(0.01, True, MODULUS[name]))
    is_settled = all(a <= b for (_, a), (at, b) in pairwise(good) if at > last)
    flowed = line[-1][1] - recount.between(line, last)
    return Counted(good, {at: recount.counted(line, at) for at in starts}, flowed, good[-1][0], is_settled)


def flowed(pieces: Iterator[tuple[int, int, int]], start: int, end: int) -> Iterator[tuple[int, Fraction]]:
    """By the quarter-hour, steps within [start, end); linear within a piece."""
    for begin, stop, steps in pieces:
        for quarter in range(begin // QUARTER * QUARTER, stop, QUARTER):
            inside = min(end, stop, quarter + QUARTER) - max(start, begin, quarter)
            if inside > 0:
                yield quarter, Fraction(steps * inside, stop - begin)


def tariff(zone: str, quarter: int) -> str:
    """As ``school`` writes it."""
    local = datetime.fromtimestamp(quarter / 1000, ZoneInfo(zone))
    minute = local.hour * 60 + local.minute
    if local.date() <= STARTS[zone].astimezone(ZoneInfo(zone)).date():
        return "peak" if minute >= 18 * 60 else "valley" if minute < 6 * 60 else "flat"
    return "deep_valley" if 105 <= minute < 180 else "sharp" if minute < 75 else "flat"


def rows(path: Path, name: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        found = db.execute(
            "SELECT interval.* FROM interval JOIN point USING (point_id) WHERE name = ? AND period = '15min'",
            (name,),
        ).fetchall()
    return [dict(row) for row in found]
