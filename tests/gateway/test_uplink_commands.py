"""What staff may ask of the uplinks, through the door they are carried out behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from edge_config.site import LoadedSite
from gateway.commands.uplinks import Handler, uplink_handlers
from gateway.control.protocol import Command
from gateway.delivery.feed import BufferFeed
from gateway.delivery.fencing import KIND
from gateway.door.ingest import Door
from gateway.errors import ControlError
from gateway.place import Lane, Leg, Place
from gateway.points import build_points
from gateway.store import events, uplinks
from gateway.uplinks.feed import Outcome
from runtime.clock import SystemClock
from tests.gateway.conftest import small_site


@dataclass
class Desk:
    door: Door
    feed: BufferFeed
    handlers: Mapping[str, Handler]

    async def asked(
        self, name: str, subject: str = "district", key: str = "k", **body: Any
    ) -> dict[str, Any]:
        return await self.handlers[name](Command(key, "王工", name, subject, body))

    async def place(self) -> Place:
        return await self.feed.state("district")

    async def deliver(self, to_seq: int) -> None:
        leg = Leg(Lane.BACKFILL, (await self.place()).cursor, to_seq)
        assert await self.feed.begin("district", leg)
        await self.feed.delivered("district", leg, Outcome(to_seq))

    async def epoch(self) -> str:
        return await self.door.execute(
            lambda c, _: str(c.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()[0])
        )


@pytest.fixture
def site(tmp_path: Any) -> LoadedSite:
    district = {"id": "district", "kind": "district-http", "url": "http://127.0.0.1:9/v1"}
    return small_site(tmp_path, uplinks=[district])


@asynccontextmanager
async def open_desk(site: LoadedSite) -> AsyncIterator[Desk]:
    clock = SystemClock()
    async with Door(site, build_points(site), clock) as door:
        running = asyncio.create_task(door.run())
        async with BufferFeed(site, door, clock) as feed:
            yield Desk(door, feed, uplink_handlers(site, door, clock))
        door.close()
        await running


async def test_a_stretch_waits_once_more_and_the_same_key_has_no_second_effect(site: LoadedSite) -> None:
    async with open_desk(site) as desk:
        await desk.deliver(5)
        assert await desk.asked("resend", after_seq=1, to_seq=3) == {
            "uplink": "district", "after_seq": 1, "to_seq": 3, "waiting": 2, "told_again": 0,
        }  # fmt: skip
        assert await desk.place() == Place(1, ranges=((3, 5),))
        await desk.deliver(3)
        await desk.asked("resend", after_seq=1, to_seq=3)
        assert (await desk.place()).cursor == 5


async def test_what_was_refused_of_a_stretch_is_told_again_under_new_numbers(site: LoadedSite) -> None:
    """The old ones are covered at the district and have no second effect: a point that was moved to this gateway since would
    stay without what it counted before."""

    def feed(connection: Any) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = connection.execute(
            "SELECT seq, key, revision, body FROM change ORDER BY seq"
        ).fetchall()
        return rows

    async with open_desk(site) as desk:
        before = await desk.door.execute(lambda c, _: feed(c))
        leg = Leg(Lane.BACKFILL, 0, 5)
        assert await desk.feed.begin("district", leg)
        await desk.feed.delivered(
            "district", leg, Outcome(5, [(2, "belongs to gw-9"), (4, "belongs to gw-9")])
        )
        assert (await desk.asked("resend", after_seq=0, to_seq=3))["told_again"] == 1
        assert (await desk.asked("resend", key="k2", after_seq=0, to_seq=5))["told_again"] == 1
        after = await desk.door.execute(lambda c, _: feed(c))
        dead = await desk.door.execute(lambda c, _: c.execute("SELECT seq FROM dead_letter").fetchall())
    assert [row[1:] for row in after[len(before) :]] == [before[1][1:], before[3][1:]]
    assert after[: len(before)] == before
    assert dead == []


@pytest.mark.parametrize(
    ("subject", "body", "says"),
    [
        ("other", {"after_seq": 1, "to_seq": 3}, "the site file has district"),
        ("district", {"after_seq": 3, "to_seq": 3}, "nothing to send again"),
        ("district", {"after_seq": "1", "to_seq": 3}, "a number of the change feed"),
        ("district", {"to_seq": 3}, "a number of the change feed"),
    ],
)
async def test_what_cannot_be_sent_again_is_refused_with_what_would_be_right(
    site: LoadedSite, subject: str, body: dict[str, Any], says: str
) -> None:
    async with open_desk(site) as desk:
        with pytest.raises(ControlError, match=says):
            await desk.asked("resend", subject, **body)


async def test_a_pause_is_kept_until_it_is_ended(site: LoadedSite) -> None:
    async with open_desk(site) as desk:
        await desk.asked("pause_uplink", key="1")
        assert (await desk.place()).is_paused
        await desk.asked("resume_uplink", key="2")
        assert not (await desk.place()).is_paused
        kept = await desk.door.execute(
            lambda c, _: c.execute("SELECT command FROM act ORDER BY at, command").fetchall()
        )
        assert kept == [("pause_uplink",), ("resume_uplink",)]


async def test_f28_a_person_decides_that_this_machine_is_the_gateway(site: LoadedSite) -> None:
    async with open_desk(site) as desk:
        await desk.deliver(3)
        await desk.feed.begin("district", Leg(Lane.BACKFILL, 3, 5))
        await desk.feed.fenced("district", is_fenced=True)
        await desk.feed.fenced("district", is_fenced=True)
        before = await desk.epoch()
        with pytest.raises(ControlError, match="this gateway is"):
            await desk.asked("new_epoch", "another")
        answer = await desk.asked("new_epoch", "gw-1")
        assert answer["epoch"] == await desk.epoch() != before
        assert desk.door.renewed.is_set()
        assert desk.door.epoch == answer["epoch"]
        assert await desk.asked("new_epoch", "gw-1") == answer, "the same key begins no second one"
        assert await desk.epoch() == answer["epoch"]
        place = await desk.door.execute(lambda c, _: uplinks.state(c, "district"))
        assert place == Place(3, voids=((0, 3),)), "what was not delivered goes up under the new epoch"
    async with open_desk(site) as desk:  # a restart knows the second witness again
        assert await desk.epoch() == answer["epoch"]
        (event,) = await desk.door.execute(lambda c, _: [e for e in events.open_events(c) if e.kind == KIND])
        assert (event.subject, event.level.name) == ("district", "MAJOR")
        assert "new-epoch" in event.evidence["advice_zh"]
        await desk.feed.fenced("district", is_fenced=False)
        assert (
            await desk.door.execute(lambda c, _: [e for e in events.open_events(c) if e.kind == KIND]) == []
        )
