"""Every kind of uplink carries what a real buffer holds, as the collector runs it."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from edge_config.site import LoadedSite
from edge_config.uplinks import UplinkBase
from gateway.delivery.feed import BufferFeed
from gateway.delivery.run import deliver, with_paths
from gateway.door.ingest import Door
from gateway.door.replay import replay
from gateway.points import build_points
from gateway.uplinks.drain import Drain
from gateway.uplinks.feed import Identity
from gateway.uplinks.kinds import Speaker, sender_of
from runtime.clock import SystemClock
from simulators.hj212_center import Centre
from tests.gateway.conftest import T0, ManualClock, small_site
from tests.uplinks.front import Front, canned, standing
from tests.uplinks.lines import read_line

pytestmark = pytest.mark.campus

FIVE_MINUTES = 300_000
MN = "310104SCHOOL000000000001"
STATEMENT = {
    "day": "2025-11-23", "points": 2, "slots_due": 8, "slots_measured": 8, "slots_estimated": 0, "slots_missing": 0,
    "events_opened": 0,
}  # fmt: skip


def replayed() -> list[bytes]:
    head = {"replay": {"expected_interval_s": 300, "start": T0, "end": T0 + 13 * FIVE_MINUTES, "total": 26}}
    readings = [
        {"point": point, "measured_at": T0 + index * FIVE_MINUTES, "value": value}
        for index in range(13)
        for point, value in (("main-e.energy_import", index / 10), ("air.temperature", 20.0 + index))
    ]
    return [json.dumps(line).encode() + b"\n" for line in [head, *readings]]


async def filled(folder: Path, *uplinks: dict[str, Any]) -> LoadedSite:
    """An hour of a meter (0.1 kWh each five minutes) and a thermometer, and its day's statement."""
    site = small_site(folder, uplinks=list(uplinks))
    clock = ManualClock(T0 + 13 * FIVE_MINUTES)
    await replay(site, clock, "x", replayed(), None, lambda *_: None)
    async with opened(site, clock) as (door, _):
        await door.execute(lambda connection, accounts: accounts.statement(connection, STATEMENT, T0 + 1))
    return site


@asynccontextmanager
async def opened(site: LoadedSite, clock: Any) -> AsyncIterator[tuple[Door, BufferFeed]]:
    async with Door(site, build_points(site), clock) as door, BufferFeed(site, door, clock) as feed:
        task = asyncio.create_task(door.run())
        try:
            yield door, feed
        finally:
            door.close()
            await task


async def drained(site: LoadedSite) -> None:
    """Let the site's one uplink send everything, through the shipped feed."""
    clock = SystemClock()
    uplink = with_paths(site, site.file.uplinks[0])
    assert isinstance(uplink, UplinkBase)
    async with opened(site, clock) as (door, feed):
        identity = Identity(site.file.site.id, site.file.gateway.id, feed.epoch)
        async with sender_of(uplink, Speaker(identity, site, lambda: door.points, feed, clock)) as sender:
            drain = Drain(uplink, feed, sender, clock)
            while (delay_s := await drain.step()) is not None:
                assert delay_s == 0


async def test_line_protocol_carries_the_hour(tmp_path: Path) -> None:
    async with standing(Front(0)) as front:
        front.script.extend([canned("204 No Content")] * 10)
        url = f"http://127.0.0.1:{front.port}"
        await drained(
            await filled(tmp_path, {"id": "db", "kind": "line-protocol", "url": url, "db": "campus"})
        )
        bodies = [gzip.decompress(seen.partition(b"\r\n\r\n")[2]).decode() for seen in front.seen]
    lines = [read_line(text) for body in bodies for text in body.splitlines()]
    quarters = [line for line in lines if line.measurement == "campus_15min"]
    energy = [line for line in quarters if line.tags["quantity"] == "active_energy_import"]
    assert [(line.at, line.fields["value"]) for line in energy] == [(T0 + n * 900_000, 0.3) for n in range(4)]
    air = [line for line in quarters if line.tags["point"] == "air.temperature"]
    assert [line.fields["space"] for line in air] == ["a-101"] * 4


async def test_hj212_carries_the_hour(tmp_path: Path) -> None:
    centre = Centre()
    port = await centre.start()
    uplink = {"id": "epb", "kind": "hj212", "host": "127.0.0.1", "port": port,
              "stations": [{"mn": MN, "points": ["air.temperature"]}]}  # fmt: skip
    try:
        await drained(await filled(tmp_path, uplink))
    finally:
        await centre.stop()
    held = centre.records()
    assert [key for key in held if key[1] == "2051"] == [
        (MN, "2051", f"2025112308{minute}00") for minute in ("00", "15", "30", "45")
    ]
    assert {key[1] for key in held} <= {"2051", "2061"}


async def test_export_carries_the_day_into_a_folder_beside_the_site_file(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    await drained(await filled(tmp_path, {"id": "base", "kind": "export", "folder": "out"}))
    version = tmp_path / "out" / "s" / "2025-11-23" / "v001"
    rows = list(
        csv.DictReader(io.StringIO((version / "intervals-15min.csv").read_text("utf-8-sig"), newline=""))
    )
    energy = [row["value"] for row in rows if row["point"] == "main-e.energy_import"]
    assert energy == ["0.3"] * 4
    assert [path.name for path in version.parent.iterdir()] == ["v001"]
    assert json.loads((version / "statement.json").read_bytes())["rows"][0]["slots_due"] == 8


async def test_the_collector_lets_a_sender_say_what_is_newest(tmp_path: Path) -> None:
    """``deliver`` itself, until the centre has real-time data and the hour."""
    centre = Centre()
    port = await centre.start()
    uplink = {"id": "epb", "kind": "hj212", "host": "127.0.0.1", "port": port, "interval_s": 1,
              "stations": [{"mn": MN, "points": ["air.temperature"]}]}  # fmt: skip
    site = await filled(tmp_path, uplink)
    clock = ManualClock(T0 + 12 * FIVE_MINUTES + 1000)  # a second after the newest reading

    class Still(ManualClock):
        async def sleep(self, seconds: float) -> None:
            """A look at the change feed is due at once, the next word on what is newest never."""
            if seconds > 1:
                await asyncio.Event().wait()
            await asyncio.sleep(0)

    try:
        async with opened(site, clock) as (door, _):
            delivering = asyncio.create_task(deliver(site, door, Still(clock.ms)))
            try:
                (newest, *_) = await centre.until("2011")
                await centre.until("2051", 4)
            finally:
                delivering.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await delivering
    finally:
        await centre.stop()
    assert newest.data["a01001-Rtd"] == "32.0"
