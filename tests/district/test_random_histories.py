"""Any history of a school, sent in any way, ends in the sums that its quarter-hours add up to by hand.

Buffers are wiped, points move between gateways, slots are revised, batches come doubled and in any order of their lanes, in
zones whose days have 23, 24 and 25 hours. The recount below knows nothing of the district's own arithmetic: it keeps the
newest word on each quarter-hour that was accepted and adds up by local dates.
"""

from __future__ import annotations

import gzip
import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import pytest

from district.store import points
from tests.district import campus
from tests.district.campus import METER, QUARTER, SUB, WATER, Body
from tests.district.conftest import District
from tests.district.test_exports import table

SECOND = "east-e.energy_import"
STEP = Decimal("0.01")
METERS = {METER: ("active_energy_import", "kWh", "total"), SECOND: ("active_energy_import", "kWh", "total"),
          SUB: ("active_energy_import", "kWh", "part"), WATER: ("water_volume", "m³", "total")}  # fmt: skip
CASES = [
    ("Asia/Shanghai", "2026-03-01"), ("Asia/Shanghai", "2028-03-01"), ("America/New_York", "2026-11-01"),
    ("Europe/London", "2026-04-01"), ("Asia/Kathmandu", "2027-01-01"), ("Australia/Lord_Howe", "2026-10-04"),
    ("Africa/Cairo", "2026-05-01"), ("America/Havana", "2026-11-01"), ("Pacific/Chatham", "2026-10-01"),
    ("Pacific/Apia", "2012-01-01"), ("Asia/Beirut", "2026-04-01"), ("America/St_Johns", "2026-03-08"),
]  # fmt: skip
"""(zone, a day to be in the middle of): ends of months, leap days, days of 23, 23.5, 24.5 and 25 hours, a day left out."""


@dataclass
class Life:
    """One buffer of a gateway: what it says, in the order of its feed."""

    gateway: str
    epoch: str
    changes: list[Body] = field(default_factory=list)
    slots: dict[tuple[str, int], tuple[int, str]] = field(default_factory=dict)
    """(point, start) → (revision, content)."""
    longer: dict[tuple[str, str, int], int] = field(default_factory=dict)

    def say(self, body: Body, revision: int = 1) -> None:
        self.changes.append(campus.change(len(self.changes) + 1, body, revision))


class World:
    """What flowed through the meters, and the zone in which its days are cut."""

    def __init__(self, rng: random.Random, zone: str, middle: str) -> None:
        self.rng, self.zone, self.name = rng, ZoneInfo(zone), zone
        noon = datetime.fromisoformat(f"{middle}T12:00").replace(tzinfo=self.zone)
        self.start = int((noon - timedelta(days=3)).timestamp()) // 900 * 900_000
        self.end = int((noon + timedelta(days=2)).timestamp()) // 900 * 900_000
        self.now = self.end + rng.choice((11, 14, 20)) * 60_000
        self.register: dict[tuple[str, int], int] = {}
        for point in METERS:
            steps = rng.choice((0, 12_345, 10**15))
            for at in range(self.start, self.end + QUARTER, QUARTER):
                self.register[point, at] = steps
                steps += rng.choice((0, 1, 7, 3_333, rng.randrange(100_000)))

    def local(self, at: int) -> date:
        return datetime.fromtimestamp(at / 1000, UTC).astimezone(self.zone).date()

    def flowed(self, point: str, start: int) -> int:
        return self.register[point, start + QUARTER] - self.register[point, start]

    def bounds(self, period: str, at: int) -> tuple[int, int]:
        """Of the local day or month that ``at`` lies in, found by walking in quarter-hours."""

        def label(one: int) -> tuple[int, ...]:
            day = self.local(one)
            return (day.year, day.month, day.day) if period == "day" else (day.year, day.month)

        low, high = at, at
        while label(low - QUARTER) == label(at):
            low -= QUARTER
        while label(high) == label(at):
            high += QUARTER
        return low, high

    # -- what a buffer says ---------------------------------------------------------------------------------------

    def live(self, life: Life, start: int, end: int, points: list[str]) -> None:
        life.say({**campus.site(students=self.rng.choice((None, 0, 7))), "timezone": self.name})
        for point in points:
            quantity, unit, role = METERS[point]
            life.say(campus.point(point, quantity, unit, role=role))
        for at in range(start, end, QUARTER):
            for point in points:
                self._quarter(life, point, at)
            if at > start and self.rng.random() < 0.05:
                self._late(life, self.rng.choice(points), self.rng.randrange(start, at, QUARTER), at)
            for point in points:
                self._longer(life, point, at, at + QUARTER)

    def _quarter(self, life: Life, point: str, at: int, revision: int = 1) -> None:
        content = self.rng.choices(("measured", "estimated", "missing"), (95, 3, 2))[0]
        life.slots[point, at] = (revision, content)
        low, high = self.register[point, at], self.register[point, at + QUARTER]
        life.say(
            _interval(
                point, "15min", at, at + QUARTER, content, 1.0 if content == "measured" else 0.0, low, high
            ),
            revision,
        )

    def _late(self, life: Life, point: str, at: int, now: int) -> None:
        self._quarter(life, point, at, life.slots[point, at][0] + 1)
        for period in ("day", "month"):
            low, high = self.bounds(period, at)
            if high <= now:
                self._roll_up(life, point, period, low, high)

    def _longer(self, life: Life, point: str, at: int, now: int) -> None:
        for period in ("day", "month"):
            low, high = self.bounds(period, at) if self.local(at) != self.local(now) else (0, 0)
            if high == now:
                self._roll_up(life, point, period, low, high)

    def _roll_up(self, life: Life, point: str, period: str, low: int, high: int) -> None:
        """As a gateway does: of the time the point was in service here, and known only where each quarter-hour is."""
        own = sorted(at for name, at in life.slots if name == point and low <= at < high)
        contents = [life.slots[point, at][1] for at in own]
        revision = life.longer[point, period, low] = life.longer.get((point, period, low), 0) + 1
        is_whole = len(own) * QUARTER == high - low
        content = (
            "missing"
            if "missing" in contents
            else "measured"
            if is_whole and set(contents) == {"measured"}
            else "estimated"
        )
        share = contents.count("measured") * QUARTER / (high - low)
        begin, done = self.register[point, own[0]], self.register[point, own[-1] + QUARTER]
        life.say(_interval(point, period, low, high, content, share, begin, done), revision)


def _interval(
    point: str, period: str, start: int, end: int, content: str, share: float, low: int, high: int
) -> Body:
    is_known = content != "missing"

    def figure(steps: int) -> float | None:
        return float(steps * STEP) if is_known else None

    return {
        "kind": "interval", "point": point, "period": period, "start": start, "end": end, "content": content,
        "share": share, "value": figure(high - low), "register_start": figure(low), "register_end": figure(high),
    }  # fmt: skip


def lives(world: World) -> list[Life]:
    """One buffer, or several: wiped at some instant, with a hole or without, or the points moved to the other gateway."""
    rng, at = world.rng, world.start
    found: list[Life] = []
    cuts = sorted(
        rng.sample(range(world.start + 8 * QUARTER, world.end - 8 * QUARTER, QUARTER), rng.choice((0, 1, 2)))
    )
    for number, until in enumerate([*cuts, world.end]):
        gateway = "gw-1" if not found else rng.choice(("gw-1", "gw-2"))
        life = Life(gateway, f"e-{number}")
        world.live(life, at, until, list(METERS))
        found.append(life)
        at = until + rng.choice((0, 0, 3)) * QUARTER
    return found


def sent(rng: random.Random, life: Life) -> list[bytes]:
    """In batches of any size; after the first the lanes may interleave in any order, and any of them comes doubled."""
    bounds = [
        0,
        *sorted(rng.sample(range(6, len(life.changes)), min(12, len(life.changes) - 6))),
        len(life.changes),
    ]
    batches = [
        gzip.compress(campus.envelope(life.changes[a:b], a, b, gateway=life.gateway, epoch=life.epoch))
        for a, b in pairwise(bounds)
    ]
    rest = batches[1:] * 2
    rng.shuffle(rest)
    return [batches[0], *rest]


class Recount:
    """The newest word on each quarter-hour, in the order of lives: a later buffer's first revision does not outrank."""

    def __init__(self, world: World, told: list[Life]) -> None:
        self.world = world
        self.known: dict[tuple[str, int], tuple[int, str]] = {}
        for life in told:
            for key, one in life.slots.items():
                if key not in self.known or one[0] > self.known[key][0]:
                    self.known[key] = one

    def steps(self, commodity: str, day: set[date]) -> int | None:
        found = [
            self.world.flowed(point, at)
            for (point, at), (_, content) in self.known.items()
            if METERS[point][0] == commodity
            and METERS[point][2] == "total"
            and content != "missing"
            and self.world.local(at) in day
        ]
        return sum(found) if found else None

    def days(self) -> set[date]:
        return {self.world.local(at) for _, at in self.known}


def figure(steps: int | None) -> float | None:
    return None if steps is None else float(steps * STEP)


async def history(district: District, case: tuple[str, str], seed: int) -> None:
    rng = random.Random(seed)
    world = World(rng, *case)
    district.clock.now = world.now
    told = lives(world)
    keys = {"gw-1": district.key, "gw-2": campus.enrolled(district.where, gateway="gw-2")}
    owner = told[0].gateway
    for life in told:
        if life.gateway != owner:
            move(district, life.gateway, world.now + int(life.epoch[2:]))
            owner = life.gateway
        for raw in sent(rng, life):
            reply = await district.post(raw, keys[life.gateway])
            assert reply.status_code == 200, reply.text
            assert reply.json()["rejected"] == []
    recount = Recount(world, told)
    await assert_sums(district.client, recount, world)
    await assert_days(district, recount, world)


def move(district: District, gateway: str, at: int) -> None:
    with district.store() as store, store.transaction() as connection:
        for point in METERS:
            points.move(connection, "demo", point, gateway, "li", at)


async def assert_sums(client: httpx2.AsyncClient, recount: Recount, world: World) -> None:
    (school,) = (await client.get("/v1/sites")).json()
    today = world.local(world.now)
    month = {day for day in recount.days() if (day.year, day.month) == (today.year, today.month)}
    for name, commodity in (("electricity", "active_energy_import"), ("water", "water_volume")):
        assert school[f"{name}_month"]["value"] == figure(recount.steps(commodity, month)), (name, "month")
        assert school[f"{name}_today"]["value"] == figure(recount.steps(commodity, {today})), (name, "today")
    contents = [
        content for (_, at), (_, content) in recount.known.items() if world.now - 7 * 86_400_000 <= at
    ]
    assert school["week"]["measured"] == contents.count("measured")
    assert school["week"]["estimated"] == contents.count("estimated")


async def assert_days(district: District, recount: Recount, world: World) -> None:
    """Each day of each point in the export, and each month in the report: both months that the history touches."""
    for month in sorted({f"{day:%Y-%m}" for day in recount.days()}):
        _, rows = await table(district, f"/schools/demo/days.csv?month={month}&lang=en")
        found: dict[date, dict[str, float | None]] = defaultdict(dict)
        for row in rows:
            found[date.fromisoformat(row["Day"])][row["Point"]] = float(row["Used"]) if row["Used"] else None
        for day in (day for day in recount.days() if f"{day:%Y-%m}" == month):
            for point in METERS:
                own = [
                    world.flowed(point, at)
                    for (name, at), (_, content) in recount.known.items()
                    if name == point and content != "missing" and world.local(at) == day
                ]
                assert found[day][point] == figure(sum(own) if own else None), (day, point)
        days = {day for day in recount.days() if f"{day:%Y-%m}" == month}
        _, schools = await table(district, f"/reports/schools.csv?month={month}&lang=en")
        (row,) = schools
        for name, commodity in (("Electricity", "active_energy_import"), ("Water", "water_volume")):
            (column,) = (key for key in row if key.startswith(f"{name} month ("))
            shown: Any = float(row[column]) if row[column] else None
            assert shown == figure(recount.steps(commodity, days)), (month, name)


@pytest.mark.parametrize("case", CASES[2:4])
async def test_a_history_ends_in_the_sums_of_its_quarter_hours(
    district: District, case: tuple[str, str]
) -> None:
    await history(district, case, seed=1)


@pytest.mark.real
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("case", CASES)
async def test_any_history_ends_in_the_sums_of_its_quarter_hours(
    district: District, case: tuple[str, str], seed: int
) -> None:
    await history(district, case, seed)
