"""Commands of staff over the real socket: one effect per key, answered after COMMIT, refused in words (S18)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from edge_config.site import LoadedSite
from gateway.commands.plant import handlers
from gateway.control import client
from gateway.control.protocol import Command
from gateway.control.server import ControlServer
from gateway.door.ingest import Door
from gateway.errors import ControlError
from gateway.model import Reading, Readings, groups_of
from gateway.points import build_points
from gateway.store.database import open_reader
from runtime.clock import Clock, SystemClock

STATEMENT: dict[str, Any] = {
    "day": "2026-09-01", "points": 7, "slots_due": 672, "slots_measured": 670, "slots_estimated": 2,
    "slots_missing": 0, "events_opened": 1,
}  # fmt: skip


@asynccontextmanager
async def collector(site: LoadedSite, clock: Clock | None = None) -> AsyncIterator[Door]:
    clock = clock or SystemClock()
    async with Door(site, build_points(site), clock) as door:
        task = asyncio.create_task(door.run())
        try:
            async with ControlServer(site.control_path, handlers(door, lambda: {"head": door.head})):
                yield door
        finally:
            door.close()
            await task


async def send(site: LoadedSite, key: str, name: str, subject: str = "", **body: Any) -> dict[str, Any]:
    return await client.send(site.control_path, Command(key, "王工", name, subject, body), timeout_s=60)


async def open_event(door: Door, site: LoadedSite) -> str:
    start = SystemClock().now_ms() - 3_600_000
    hour = [Reading("air.co2", start + i * 60_000, start + i * 60_000, 1800.0) for i in range(12)]
    await door.offer(groups_of(hour))
    await door.execute(lambda *_: None)
    reader = open_reader(site.buffer_path)
    event_id = str(reader.execute("SELECT event_id FROM event").fetchone()[0])
    reader.close()
    return event_id


def rows(site: LoadedSite, sql: str) -> list[tuple[Any, ...]]:
    reader = open_reader(site.buffer_path)
    found = reader.execute(sql).fetchall()
    reader.close()
    return found


async def test_an_acknowledgement_is_kept_before_it_is_answered(site: LoadedSite) -> None:
    async with collector(site) as door:
        event_id = await open_event(door, site)
        answer = await send(site, "k1", "acknowledge", event_id, note="已开窗")
        assert answer["acknowledged_by"] == "王工"
        assert rows(site, 'SELECT "user", command, subject FROM act') == [("王工", "acknowledge", event_id)]


async def test_the_same_key_gets_the_same_answer_and_has_no_second_effect(site: LoadedSite) -> None:
    async with collector(site) as door:
        event_id = await open_event(door, site)
        first = await send(site, "k1", "acknowledge", event_id)
        assert await send(site, "k1", "acknowledge", event_id) == first
        assert len(rows(site, "SELECT * FROM act")) == 1


class LostClock(SystemClock):
    """A wall clock that began in 1970; the monotonic one is the machine's."""

    def now_ms(self) -> int:
        return 86_400_000


async def test_a_command_is_dated_by_the_best_guess_where_the_wall_clock_lost_its_time(
    site: LoadedSite,
) -> None:
    async with collector(site) as door:
        event_id = await open_event(door, site)
        newest = door.clock.best_ms()
    async with collector(site, LostClock()) as door:
        assert not door.clock.is_trusted
        answer = await send(site, "k1", "acknowledge", event_id)
        assert answer["acknowledged_at"] > newest - 86_400_000


async def test_a_replacement_waits_until_the_time_is_known_and_its_answer_does_not(site: LoadedSite) -> None:
    registers = {name: {"final": "1000.1", "initial": "2"} for name in ("energy_import", "energy_export")}
    at = SystemClock().now_ms() - 60_000
    async with collector(site) as door:
        await open_event(door, site)
        first = await send(site, "k1", "replace_meter", "main-e", at=at, registers=registers)
    async with collector(site, LostClock()) as door:
        assert not door.clock.is_trusted
        assert await send(site, "k1", "replace_meter", "main-e", at=at, registers=registers) == first
        with pytest.raises(ControlError, match="does not know the time yet"):
            await send(site, "k2", "replace_meter", "main-e", at=door.clock.best_ms(), registers=registers)
    assert rows(site, "SELECT count(*) FROM replacement") == [(2,)]


async def test_an_event_that_does_not_exist_is_refused_in_words(site: LoadedSite) -> None:
    async with collector(site):
        with pytest.raises(ControlError, match="there is no event nope"):
            await send(site, "k1", "acknowledge", "nope")
    assert rows(site, "SELECT * FROM act") == []


async def test_a_daily_statement_becomes_a_change_and_a_changed_one_a_revision(site: LoadedSite) -> None:
    async with collector(site):
        assert (await send(site, "s1", "statement", **STATEMENT))["revision"] == 1
        assert (await send(site, "s2", "statement", **STATEMENT))["revision"] == 1
        assert (await send(site, "s3", "statement", **{**STATEMENT, "slots_measured": 672}))["revision"] == 2
        with pytest.raises(ControlError, match="slots_due"):
            await send(site, "s4", "statement", day="2026-09-02")
    kinds = rows(site, "SELECT key, revision FROM change WHERE kind = 'statement' ORDER BY seq")
    assert kinds == [("statement/2026-09-01", 1), ("statement/2026-09-01", 2)]


async def test_status_says_how_far_the_feed_is(site: LoadedSite) -> None:
    async with collector(site) as door:
        assert await send(site, "x", "status") == {"head": door.head}


async def test_a_replaced_meter_is_told_once_and_its_next_reading_is_judged_by_itself(
    site: LoadedSite,
) -> None:
    meter = site.devices["main-e"].model_copy(update={"power_max_kw": 10.0})
    file = site.file.model_copy(update={"devices": (meter, *site.file.devices[1:])})
    limited = replace(site, file=file)
    at = SystemClock().now_ms() - 60_000
    registers = {name: {"final": "1000.1", "initial": "70000"} for name in ("energy_import", "energy_export")}
    async with collector(limited) as door:
        await door.offer([Readings(("main-e.energy_import",), at - 1000, at - 1000, [1000.0])])
        first = await send(limited, "k", "replace_meter", "main-e", at=at, registers=registers)
        assert await send(limited, "k", "replace_meter", "main-e", at=at, registers=registers) == first
        await door.offer([Readings(("main-e.energy_import",), at + 1000, at + 1000, [70000.0])])
        await door.execute(lambda *_: None)
        with pytest.raises(ControlError, match="no device main-f"):
            await send(limited, "k2", "replace_meter", "main-f", at=at, registers=registers)
    assert rows(limited, "SELECT count(*) FROM replacement") == [(2,)]
    assert rows(limited, "SELECT DISTINCT quality FROM reading") == [(0,)]
