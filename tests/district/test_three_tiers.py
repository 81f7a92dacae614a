"""School, district, city: real processes on loopback ports, killed and deaf in turn; each record once at every tier.

The school's own district process takes batches from two gateways and hands them on; so does the district. The city runs on
PostgreSQL. Both hops lose replies, and both lower tiers are killed while batches are on their way.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from district.store import relays
from district.store.database import Row, open_database
from tests.district import campus
from tests.district.postgresql import Server
from tests.district.test_district_serve import running
from tests.district.tiers import rows
from tests.district.uploading import upload
from tests.uplinks.front import LOSE_REPLY, PASS, Front, standing

pytestmark = pytest.mark.real("postgresql")
BATCHES = 25
SLOTS = 4
SEED = 16
TABLES = {
    "interval": "SELECT site_id, period, start, point, content, value, revision FROM interval ORDER BY 1, 2, 3, 4",
    "received": "SELECT site_id, gateway_id, epoch, from_seq, to_seq FROM received ORDER BY 1, 2, 3, 4",
    "statement": "SELECT gateway_id, day, slots_measured, revision FROM statement ORDER BY 1, 2",
    "event": "SELECT gateway_id, event_id, state, revision FROM event ORDER BY 1, 2",
    "slot": "SELECT start, measured FROM slot ORDER BY 1",
}


def feed(gateway: str) -> list[bytes]:
    """A description, then slots, an event and a 零报告 for each batch."""
    described = [campus.site(), campus.point(f"{gateway}.x")]
    found, after = [campus.batch(described, gateway=gateway)], len(described)
    for number in range(BATCHES):
        bodies = [campus.slot(f"{gateway}.x", SLOTS * number + i, 1.0 + i) for i in range(SLOTS)]
        bodies.append(campus.event(f"{gateway}-{number}", state="closed", end=campus.NOW))
        bodies.append(
            {
                "kind": "statement",
                "day": f"2026-11-{number + 1:02}",
                "points": 1,
                "slots_due": 96,
                "slots_measured": number,
                "slots_estimated": 0,
                "slots_missing": 0,
                "events_opened": 0,
            }
        )
        found.append(campus.batch(bodies, after, gateway=gateway))
        after += len(bodies)
    return found


@dataclass
class Tier:
    """A district process that is killed and started anew on the same database; those below reach it through its front."""

    database: Path | str
    front: Front = field(default_factory=lambda: Front(upstream=0))
    above: Front | None = None
    key_file: Path | None = None
    process: subprocess.Popen[str] | None = None

    @asynccontextmanager
    async def alive(self) -> AsyncIterator[None]:
        options = []
        if self.above is not None:
            options = [
                "--relay-to",
                self.above.url,
                "--relay-key-file",
                str(self.key_file),
                "--relay-name",
                "above",
            ]
        with running(self.database, *options) as (self.process, url):
            self.front.upstream = int(url.rpartition(":")[2])
            drain = asyncio.create_task(asyncio.to_thread(_read_all, self.process))
            try:
                yield
            finally:
                self.process.kill()
                await drain

    def kill(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGKILL)


def _read_all(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    for _ in process.stderr:
        """Logs: read so that the pipe never fills."""


def enrolled_relay(above: Path | str, key_file: Path, name: str) -> Path:
    with closing(open_database(above)) as store:
        key_file.write_text(relays.enrol(store, name, ["demo"], campus.NOW))
    return key_file


async def everything_is_above(low: Tier, high: Tier) -> None:
    """A wait for what must come by itself; the test's own time limit is the only deadline."""
    while rows(low.database, "SELECT 1 FROM relay_batch LIMIT 1"):
        await asyncio.sleep(0.1)
    assert rows(high.database, TABLES["received"]) == rows(low.database, TABLES["received"])


def contents(where: Path | str) -> dict[str, list[Row]]:
    return {table: rows(where, sql) for table, sql in TABLES.items()}


async def test_each_record_is_once_at_every_tier_and_the_totals_agree(
    tmp_path: Path, postgresql: Server
) -> None:
    city = Tier(postgresql.new_database())
    district = Tier(tmp_path / "district.db", above=city.front)
    school = Tier(tmp_path / "school.db", above=district.front)
    keys = {gateway: campus.enrolled(school.database, gateway=gateway) for gateway in ("gw-1", "gw-2")}
    district.key_file = enrolled_relay(city.database, tmp_path / "d.key", "district-1")
    school.key_file = enrolled_relay(district.database, tmp_path / "s.key", "school-1")
    rng = random.Random(SEED)
    for tier in (city, district, school):
        tier.front.script.extend(rng.choice([PASS, PASS, LOSE_REPLY]) for _ in range(BATCHES))
    async with AsyncExitStack() as stack:
        for tier in (city, district, school):
            await stack.enter_async_context(standing(tier.front))
        await stack.enter_async_context(city.alive())
        async with school.alive(), district.alive():
            await upload(school.front.url, keys["gw-1"], feed("gw-1")[:13])
            school.kill()
            district.kill()
        async with school.alive():
            senders = [
                asyncio.create_task(upload(school.front.url, key, feed(gateway)))
                for gateway, key in keys.items()
            ]
            async with district.alive():
                while len(rows(district.database, "SELECT 1 FROM statement")) < BATCHES // 2:
                    await asyncio.sleep(0.05)
                district.kill()
            async with district.alive():
                await asyncio.gather(*senders)
                await everything_is_above(school, district)
                await everything_is_above(district, city)
                totals = [
                    httpx2.get(
                        f"http://127.0.0.1:{tier.front.upstream}/v1/sites/demo/totals", trust_env=False
                    ).json()
                    for tier in (school, district, city)
                ]
    held = contents(school.database)
    assert len(held["interval"]) == 2 * BATCHES * SLOTS
    assert len(held["statement"]) == 2 * BATCHES
    assert {row[-1] for row in held["interval"]} == {1}
    assert contents(district.database) == held
    assert contents(city.database) == held
    assert totals[0] == totals[1] == totals[2]
    assert [point["value"] for point in totals[0]["points"]] == [BATCHES * 10.0] * 2
    lost = sum(tier.front.lost for tier in (district, city))
    assert lost > 0
