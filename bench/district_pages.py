"""The district's pages over a year of a school with 300 points: how long somebody waits, on SQLite.

Wall time of a request through the whole application, rendering included, and its CPU time, which is what the wait would be on
a machine with nothing else to do. The year is there in full: quarter-hours, days and months of every point. Beside it eleven
schools with ten points, as a first page has them.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx2

from district.app import create_app
from district.service import Service
from district.store import effects
from district.store.database import Connection, Database, Row, open_database
from runtime.clock import SystemClock

NOW = int(datetime(2026, 11, 22, 6, tzinfo=UTC).timestamp() * 1000)
ZONE = ZoneInfo("Asia/Shanghai")
FIRST = date(2026, 1, 1)
QUARTER = 15 * 60 * 1000
POINTS, SCHOOLS, SMALL_POINTS, REQUESTS = 300, 12, 10, 100
GOAL_MS = 100
BIG = "s0"
PATHS = {
    "schools": "/",
    "schools, ranked per pupil": "/?sort=pupil&dir=down",
    "one school's month": f"/schools/{BIG}",
    "one school's past month": f"/schools/{BIG}?month=2026-05",
    "month report": "/reports",
    "month report as CSV": "/reports/schools.csv",
}


@dataclass
class StillClock(SystemClock):
    """NOW, always."""

    def now_ms(self) -> int:
        return NOW

    def monotonic_s(self) -> float:
        return self.now_ms() / 1000


@dataclass(frozen=True)
class Size:
    points: int = POINTS
    schools: int = SCHOOLS
    days: int = (datetime.fromtimestamp(NOW / 1000, ZONE).date() - FIRST).days + 1
    requests: int = REQUESTS


@dataclass(frozen=True)
class Times:
    """In ms: of waiting, and of CPU."""

    median: float
    late: float
    cpu: float
    cpu_late: float


def table(size: Size | None = None) -> str:
    """Median and 95th percentile of each page."""
    used = size or Size()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        where = Path(folder) / "district.db"
        with closing(open_database(where)) as database:
            for number in range(used.schools):
                _fill(database, f"s{number}", used.points if number == 0 else SMALL_POINTS, used.days)
        found = asyncio.run(_ask(where, used.requests))
    lines = [
        f"district pages, {used.points} points over {used.days} days, {used.schools} schools (SQLite), ms"
    ]
    lines += [
        f"  {name:26} wait median {one.median:7.1f} p95 {one.late:7.1f}   CPU median {one.cpu:6.1f} p95 {one.cpu_late:6.1f}"
        f"   goal {GOAL_MS}"
        for name, one in found.items()
    ]
    return "\n".join(lines)


async def _ask(where: Path, requests: int) -> dict[str, Times]:
    with closing(Service(where, StillClock())) as service:
        transport = httpx2.ASGITransport(app=create_app(service))
        async with httpx2.AsyncClient(transport=transport, base_url="http://district") as client:
            return {name: await _times(client, path, requests) for name, path in PATHS.items()}


async def _times(client: httpx2.AsyncClient, path: str, requests: int) -> Times:
    waits, costs = [], []
    for _ in range(requests):
        begun, worked = time.perf_counter(), time.process_time()
        reply = await client.get(path)
        waits.append((time.perf_counter() - begun) * 1000)
        costs.append((time.process_time() - worked) * 1000)
        if reply.status_code != httpx2.codes.OK:
            raise SystemExit(f"{path}: {reply.status_code} {reply.text[:200]}")
    return Times(statistics.median(waits), _late(waits), statistics.median(costs), _late(costs))


def _late(found: list[float]) -> float:
    return sorted(found)[int(len(found) * 0.95)]


def _fill(database: Database, site: str, points: int, days: int) -> None:
    names = [f"m{n:03}.{'energy_import' if n % 2 == 0 or n < 3 else 'co2'}" for n in range(points)]
    first = midnight(FIRST + timedelta(days=-days + 326))
    with database.transaction() as connection:
        _describe(connection, site, names, first)
    for offset in range(days):
        day = FIRST + timedelta(days=offset + 326 - days)
        with database.transaction() as connection:
            connection.upsert(effects.INTERVAL, list(_day(site, names, day)))
            if day.day == 1 and offset:
                connection.upsert(effects.INTERVAL, list(_month(site, names, day - timedelta(days=1), first)))


def _describe(connection: Connection, site: str, names: list[str], first: int) -> None:
    connection.run(
        "INSERT INTO site (site_id, name, timezone, students, area_m2, school_kind, quota, revision)"
        " VALUES (?, ?, 'Asia/Shanghai', 900, 9000, 'primary', ?, 1)",
        site, site, '{"2026": {"electricity_kwh": 900000, "water_m3": 9000}}',
    )  # fmt: skip
    connection.run(
        "INSERT INTO gateway (site_id, gateway_id, name, enrolled_at, contact_at, epoch) VALUES (?, 'gw-1', '', 0, ?, 'e')",
        site, NOW,
    )  # fmt: skip
    rows = [
        (site, name, "gw-1", name.partition(".")[0], None, *_kind(n), "0.01", "01A00" if n > 2 else None,
         "total" if n < 3 else "part", f"表{n}", f"meter {n}", 1)
        for n, name in enumerate(names)
    ]  # fmt: skip
    connection.upsert(effects.POINT, rows)
    connection.run("UPDATE point SET first_at = ? WHERE site_id = ?", first, site)


def _kind(number: int) -> tuple[str, str, str]:
    """Quantity, unit and kind: two main meters of electricity, one of water, then sub-meters and sensors in turn."""
    if number == 2:
        return "water_volume", "m³", "counter"
    return (
        ("active_energy_import", "kWh", "counter")
        if number % 2 == 0 or number < 3
        else ("co2", "ppm", "gauge")
    )


def _day(site: str, names: list[str], day: date) -> Iterator[Row]:
    begin, end = midnight(day), midnight(day + timedelta(days=1))
    for start in range(begin, min(end, NOW), QUARTER):
        for name in names:
            yield _row(site, name, "15min", start, start + QUARTER, 1)
    if end <= NOW:
        for name in names:
            yield _row(site, name, "day", begin, end, 96)


def _month(site: str, names: list[str], last: date, first: int) -> Iterator[Row]:
    begin, end = midnight(last.replace(day=1)), midnight(last + timedelta(days=1))
    for name in names:
        yield _row(site, name, "month", begin, end, (end - max(begin, first)) // QUARTER)


def _row(site: str, name: str, period: str, start: int, end: int, quarters: int) -> Row:
    if name.endswith("co2"):
        return (
            site,
            period,
            start,
            name,
            end,
            "measured",
            1.0,
            None,
            None,
            None,
            600.0,
            500.0,
            900.0,
            None,
            1,
        )
    register = start / QUARTER * 0.25
    value = quarters * 0.25
    return (
        site,
        period,
        start,
        name,
        end,
        "measured",
        1.0,
        value,
        register,
        register + value,
        None,
        None,
        None,
        None,
        1,
    )


def midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=ZONE).timestamp() * 1000)


if __name__ == "__main__":
    print(table())
