"""Rows of candidates: added up, bounded, and no trouble to a buffer that an older collector left (S13)."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from edge_config.schema import Device
from edge_config.site import LoadedSite
from gateway.candidate import Candidate
from gateway.door.ingest import Door
from gateway.model import Reading, groups_of
from gateway.points import build_points
from gateway.query.reader import Reader
from gateway.store import candidates
from gateway.store.database import open_writer
from runtime.clock import SystemClock
from tests.gateway.conftest import T0, ManualClock

ONE = Candidate("local", "x/1", "", (), "{}", T0, T0, 1)


def shown(site: LoadedSite) -> list[Candidate]:
    return Reader(site, ManualClock()).candidates()


def test_sightings_add_up_and_a_title_once_said_stays(
    site: LoadedSite, connection: sqlite3.Connection
) -> None:
    candidates.put(connection, [replace(ONE, title="Tuya", count=2)])
    candidates.put(
        connection, [replace(ONE, fits=("zigbee2mqtt-air",), sample="{1}", last_at=T0 + 9, count=3)]
    )
    assert shown(site) == [Candidate("local", "x/1", "Tuya", ("zigbee2mqtt-air",), "{1}", T0, T0 + 9, 5)]


def test_those_with_a_profile_come_first_and_devices_are_not_shown(
    site: LoadedSite, connection: sqlite3.Connection
) -> None:
    rows = [replace(ONE, topic="x/2", last_at=T0 + 5), replace(ONE, fits=("a",)), replace(ONE, topic="z/air")]
    candidates.put(connection, rows)
    assert [one.topic for one in shown(site)] == ["x/1", "x/2"]


def test_a_dismissed_one_stays_dismissed_when_it_speaks_again(
    site: LoadedSite, connection: sqlite3.Connection
) -> None:
    candidates.put(connection, [ONE])
    candidates.dismiss(connection, "local", "x/1", T0)
    candidates.put(connection, [ONE])
    assert shown(site) == []


def test_the_table_is_bounded_and_forgets_the_longest_silent(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "ROWS_MAX", 10)
    candidates.put(connection, [replace(ONE, topic=f"x/{n}", last_at=T0 + n) for n in range(25)])
    left = connection.execute("SELECT min(last_at), count(*) FROM candidate").fetchone()
    assert left == (T0 + 15, 10)


async def test_a_device_that_joins_mid_stream_costs_the_others_nothing(site: LoadedSite) -> None:
    box = Device(id="box", profile="zigbee2mqtt-air", broker="local", topic="z/box")
    grown = site.with_device(box, site.profiles["zigbee2mqtt-air"])
    now, clock = SystemClock().now_ms(), SystemClock()
    async with Door(site, build_points(site), clock) as door:
        writer = asyncio.create_task(door.run())
        for n in range(200):
            await door.offer(groups_of([Reading("air.co2", now - 200_000 + n * 1000, now, 400.0 + n % 9)]))
            door.hurry()
            if n % 50 == 25:
                await door.take_site(grown, build_points(grown))
            await asyncio.sleep(0)
        await door.offer(groups_of([Reading("box.co2", now, now, 700.0)]))
        door.close()
        await writer
        assert (door.figures.accepted, door.figures.failures, door.figures.rejected) == (201, 0, 0)
    reader = Reader(grown, SystemClock())
    assert len(reader.raw("air.co2", 0, now + 1)) == 200
    assert reader.raw("box.co2", 0, now + 1) == [(now, 700.0, "good")]


def test_a_buffer_of_an_older_collector_shows_none_and_is_brought_up_to_date(
    site: LoadedSite, connection: sqlite3.Connection, tmp_path: Path
) -> None:
    connection.execute("DROP TABLE candidate")
    connection.execute("DELETE FROM _sqlite_migrations WHERE name = 'schema_2'")
    assert shown(site) == []
    again = open_writer(site.buffer_path)
    candidates.put(again, [ONE])
    again.close()
    assert shown(site) == [ONE]
