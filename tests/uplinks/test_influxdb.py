"""Against a real InfluxDB 1.x: what was sent is read back by its own query language and compared exactly."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from edge_config.uplinks import LineProtocolUplink
from gateway.model import Change
from gateway.uplinks.drain import Drain
from gateway.uplinks.kinds import sender_of
from gateway.uplinks.sender import Stretch, probed
from tests.district.campus import METER, MIDNIGHT, NOW, QUARTER, event, point, site, slot
from tests.uplinks.influx import Influx, influx
from tests.uplinks.memory import MemoryFeed, SelfMovingClock, row
from tests.uplinks.speakers import speaker

pytestmark = pytest.mark.real("influxdb")


def section(one: Influx, **more: Any) -> LineProtocolUplink:
    return LineProtocolUplink.model_validate(
        {"id": "db", "kind": "line-protocol", "url": one.url, "db": "campus", **more}
    )


async def drained(uplink: LineProtocolUplink, changes: Sequence[Change], steps_max: int = 200) -> MemoryFeed:
    """The feed after the uplink stood still: at the head, or in trouble."""
    feed = MemoryFeed(list(changes))
    async with sender_of(uplink, speaker(feed)) as sender:
        drain = Drain(uplink, feed, sender, SelfMovingClock())
        for _ in range(steps_max):
            if await drain.step() is None or feed.errors:
                return feed
    raise AssertionError("the uplink does not come to an end")


async def test_what_was_sent_is_what_is_there(tmp_path: Path) -> None:
    async with influx(tmp_path) as one:
        await one.ask("CREATE DATABASE campus")
        values = [0.1 + index / 3 for index in range(30)]
        slots = [row(seq, slot(METER, seq - 3, values[seq - 3])) for seq in range(3, 33)]
        feed = await drained(section(one, batch_max=7), [row(1, site()), row(2, point(METER)), *slots])
        assert (feed.cursor, feed.errors, feed.dead) == (32, [], {})
        found = await one.rows("SELECT * FROM campus_15min", "campus")
        assert found == [
            {
                "time": MIDNIGHT + index * QUARTER, "content": "measured", "device": "main-e", "point": METER,
                "quantity": "active_energy_import", "register_end": 101.0 + index, "register_start": 100.0 + index,
                "revision": 1, "share": 1, "site": "demo", "space": "a-101", "unit": "kWh", "value": value,
            }
            for index, value in enumerate(values)
        ]  # fmt: skip


async def test_a_retry_doubles_nothing_and_a_revision_overwrites(tmp_path: Path) -> None:
    async with influx(tmp_path) as one:
        await one.ask("CREATE DATABASE campus")
        first = [row(seq, slot(METER, seq, float(seq))) for seq in range(1, 11)]
        for _ in range(2):
            await drained(section(one), first)
        assert (await one.rows("SELECT count(value), sum(value) FROM campus_15min", "campus"))[0]["sum"] == 55
        late = [row(11, slot(METER, 10, 100.0), revision=2), row(12, slot(METER, 11, None), revision=1)]
        await drained(section(one), [*first, *late])
        total = (
            await one.rows("SELECT count(value), sum(value), count(content) FROM campus_15min", "campus")
        )[0]
        assert (total["count"], total["sum"], total["count_1"]) == (10, 145, 11)
        missing = await one.rows("SELECT * FROM campus_15min WHERE content = 'missing'", "campus")
        assert [(found["time"], found["share"], "value" in found) for found in missing] == [
            (MIDNIGHT + 11 * QUARTER, 0, False)
        ]


@pytest.mark.parametrize("subject", ["a b,c=d", 'back\\slash "quoted"', "\\,\\ \\=", "冰箱 1,=", "x\\\\y"])
async def test_every_special_mark_comes_out_as_it_went_in(tmp_path: Path, subject: str) -> None:
    text = 'line one\nline "two" \\ three, four=5 五'
    async with influx(tmp_path) as one:
        await one.ask("CREATE DATABASE campus")
        body = event(subject=subject, end=NOW, state="closed", evidence={"text": text})
        feed = await drained(section(one), [row(1, body)])
        assert (feed.cursor, feed.dead) == (1, {})
        (found,) = await one.rows("SELECT * FROM campus_event GROUP BY *", "campus")
        assert found["subject"] == subject
        assert json.loads(found["evidence"]) == {"text": text}
        assert (found["time"], found["end"], found["level"], found["state"]) == (
            NOW - 3_600_000,
            NOW,
            1,
            "closed",
        )


async def test_the_one_line_the_database_will_not_take_stands_alone(tmp_path: Path) -> None:
    async with influx(tmp_path) as one:
        await one.ask("CREATE DATABASE campus WITH DURATION 365000h")
        changes = [row(seq, slot(METER, seq, 1.0)) for seq in range(1, 21)]
        changes[12] = row(
            13, {**slot(METER, 13, 1.0), "start": 0, "end": QUARTER}
        )  # 1970: beyond the retention
        feed = await drained(section(one), changes)
        assert feed.cursor == 20
        assert list(feed.dead) == [13]
        assert "beyond retention policy" in feed.dead[13]
        assert (await one.rows("SELECT count(value) FROM campus_15min", "campus"))[0]["count"] == 19


async def test_a_database_that_is_not_there_keeps_everything_and_says_how_to_make_it(tmp_path: Path) -> None:
    async with influx(tmp_path) as one:
        feed = await drained(section(one), [row(1, slot(METER, 0))])
        assert feed.cursor == 0
        assert feed.errors[0].startswith("not_found: HTTP 404: database not found")


async def test_fields_of_another_type_condemn_nothing(tmp_path: Path) -> None:
    async with influx(tmp_path) as one:
        await one.ask("CREATE DATABASE campus")
        await drained(section(one), [row(1, slot(METER, 0))])
        await one.ask("DROP MEASUREMENT campus_15min", "campus")
        other = section(one, prefix="other")
        await _write(one, f"other_15min,point={METER} value=1i {MIDNIGHT}")
        feed = await drained(other, [row(1, slot(METER, 0))])
        assert (feed.cursor, feed.dead) == (0, {})
        assert "field type conflict" in feed.errors[0]


async def _write(one: Influx, line: str) -> None:
    import httpx2

    async with httpx2.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{one.url}/write?db=campus&precision=ms", content=line)
        assert answer.status_code == 204


async def test_a_user_and_a_password_are_shown_and_a_wrong_one_keeps_everything(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("right one\n")
    async with influx(tmp_path) as one:
        await one.ask("CREATE DATABASE campus")
        await one.ask("CREATE USER gw WITH PASSWORD 'right one' WITH ALL PRIVILEGES")
        await one.stop()
        one.login = ("gw", "right one")
        await one.start()
        uplink = section(one, username="gw", password_file=str(secret))
        assert (await drained(uplink, [row(1, slot(METER, 0))])).cursor == 1
        secret.write_text("wrong\n")
        feed = await drained(uplink, [row(1, slot(METER, 1))])
        assert feed.cursor == 0
        assert feed.errors[0].startswith("unauthorized: HTTP 401")


async def test_an_old_revision_sent_again_does_not_overwrite_the_newer_one(tmp_path: Path) -> None:
    async with influx(tmp_path) as one:
        await one.ask("CREATE DATABASE campus")
        old, new = row(1, slot(METER, 0, 1.0)), row(2, slot(METER, 0, 5.0), revision=2)
        async with sender_of(section(one), speaker(MemoryFeed([old, new]))) as sender:
            for change in (new, old):
                await sender.send(Stretch(0, 2, [change]))
        (found,) = await one.rows("SELECT value, revision FROM campus_15min", "campus")
        assert (found["value"], found["revision"]) == (5, 2)


async def test_a_figure_that_is_taken_back_is_gone_and_its_neighbours_stay(tmp_path: Path) -> None:
    async with influx(tmp_path) as one:
        await one.ask("CREATE DATABASE campus")
        first = [row(seq, slot(METER, seq, float(seq))) for seq in range(1, 6)]
        gone = row(6, slot(METER, 3, None), revision=2)
        never = row(
            7, {**slot(METER, 9, None), "period": "month"}, revision=2
        )  # where nothing was ever written
        await drained(section(one), first)
        feed = await drained(section(one), [*first, gone, never])
        assert (feed.cursor, feed.errors) == (7, [])
        found = await one.rows("SELECT content, value, register_end FROM campus_15min", "campus")
        assert [(line["time"], line["content"], line.get("value"), line.get("register_end")) for line in found] == [
            (MIDNIGHT + seq * QUARTER, "measured" if seq != 3 else "missing", float(seq) if seq != 3 else None,
             101.0 + seq if seq != 3 else None)
            for seq in range(1, 6)
        ]  # fmt: skip


async def test_a_user_who_may_write_may_take_back(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("w")
    async with influx(tmp_path) as one:
        await one.ask("CREATE DATABASE campus")
        await one.ask("CREATE USER root WITH PASSWORD 'r' WITH ALL PRIVILEGES")
        await one.ask("CREATE USER gw WITH PASSWORD 'w'")
        await one.ask("GRANT WRITE ON campus TO gw")
        await one.stop()
        one.login = ("root", "r")
        await one.start()
        uplink = section(one, username="gw", password_file=str(secret))
        await drained(uplink, [row(1, slot(METER, 0))])
        feed = await drained(uplink, [row(2, slot(METER, 0, None), revision=2)])
        assert (feed.cursor, feed.errors) == (2, [])
        (found,) = await one.rows("SELECT content, value FROM campus_15min", "campus")
        assert (found["content"], "value" in found) == ("missing", False)


async def test_a_write_of_nothing_tells_whether_the_database_is_there(tmp_path: Path) -> None:
    async with influx(tmp_path) as one:
        for is_there in (False, True):
            if is_there:
                await one.ask("CREATE DATABASE campus")
            async with sender_of(section(one), speaker(MemoryFeed([]))) as sender:
                probe = await probed(sender)
            assert probe is not None
            assert probe.is_well is is_there, probe.answer
