"""What /healthz, /metrics and the pages say of the districts above and of the queue, and what they keep to themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from district.app import create_app
from district.body import inflate, parse
from district.contract import Fault, Problem, Receipt
from district.contract.answers import Trouble
from district.parcel import Parcel
from district.queue import refused
from district.queue.standing import QueueStanding
from district.relay import outbox, upkeep
from district.relay.outbox import Onward
from district.service import Service
from district.store.database import open_database
from district.tiers import HELD_S
from tests.district import campus
from tests.district.campus import NOW
from tests.district.conftest import District, StillClock
from tests.district.test_district_pages import without_switch
from tests.district.test_relay import described, slots
from tests.district.tiers import ABOVE

LONG_MS = 20 * 60 * 1000


@pytest.fixture
def relaying(district: District) -> District:
    """A district that hands on to a city, which nobody asks: what became of a batch is written as the relay writes it."""
    district.service.onward = Onward((ABOVE,), 64 * 1024 * 1024)
    campus.enrolled(district.where, gateway="gw-2")
    return district


async def take(district: District, raw: bytes, gateway: str = "gw-1") -> None:
    key = district.key if gateway == "gw-1" else campus.enrolled(district.where, gateway=gateway)
    reply = await district.post(raw, key)
    assert reply.status_code == 200, reply.text


def became(
    district: District, outcome: Trouble | Fault | None, gateway: str = "gw-1", detail: str = "in its words"
) -> None:
    """Of the oldest batch: a receipt (None), a trouble to wait with, or a stop."""
    lane, now = outbox.Lane("demo", gateway, ABOVE), district.clock.now
    with district.store() as store, store.transaction() as connection:
        kept = outbox.oldest(connection, lane)
        assert kept is not None
        if outcome is None:
            receipt = Receipt(
                site="demo", gateway=gateway, epoch=kept.epoch, from_seq=kept.from_seq, to_seq=kept.to_seq,
                count=kept.count, sha256=kept.sha256, received=[(0, kept.to_seq)],
            )  # fmt: skip
            outbox.delivered(connection, lane, kept, receipt, now)
        elif isinstance(outcome, Fault):
            outbox.stop(connection, lane, kept, outcome, detail, now)
        else:
            outbox.note_trouble(connection, lane, kept, outcome, detail, now)


async def health(district: District) -> dict[str, Any]:
    """As it is a moment later: an answer is held for a few seconds."""
    district.clock.now += int(HELD_S * 1000)
    reply = await district.client.get("/healthz")
    assert reply.status_code == 200, reply.text
    answer: dict[str, Any] = reply.json()
    return answer


async def shown(district: District, path: str) -> str:
    district.clock.now += int(HELD_S * 1000)
    reply = await district.client.get(path)
    assert reply.status_code == 200
    return reply.text


async def test_health_says_of_each_upstream_what_waits_how_long_and_why(relaying: District) -> None:
    never = {"name": ABOVE, "waiting_batches": 0, "waiting_bytes": 0, "stopped_gateways": 0}
    assert (await health(relaying))["upstreams"] == [never]
    first, second = described(), slots(0)
    await take(relaying, first)
    became(relaying, None)
    await take(relaying, second)
    became(relaying, Trouble.SERVER_ERROR)
    (said,) = (await health(relaying))["upstreams"]
    assert said == {
        "name": ABOVE, "waiting_batches": 1, "waiting_bytes": len(second), "oldest_age_s": HELD_S,
        "last_receipt_age_s": HELD_S, "stopped_gateways": 0, "trouble": "server_error",
    }  # fmt: skip
    became(relaying, None)
    (said,) = (await health(relaying))["upstreams"]
    assert said == {**never, "last_receipt_age_s": HELD_S}


async def test_the_same_trouble_keeps_its_first_moment_and_another_has_its_own(relaying: District) -> None:
    await take(relaying, described())
    since = "SELECT trouble, trouble_since FROM relay_cursor WHERE site_id = 'demo'"
    for outcome, began in ((Trouble.BUSY, NOW), (Trouble.BUSY, NOW), (Fault.CLONED, NOW + 120_000)):
        became(relaying, outcome)
        assert relaying.rows(since) == [(outcome.value, began)]
        relaying.clock.now += 60_000


async def test_other_machines_hear_neither_names_nor_schools(relaying: District) -> None:
    await take(relaying, described())
    became(relaying, Trouble.SERVER_ERROR)
    transport = httpx2.ASGITransport(create_app(relaying.service, with_pages=False))
    async with httpx2.AsyncClient(transport=transport, base_url="http://d") as stranger:
        text = (await stranger.get("/healthz")).text
        assert (await stranger.get("/upstreams")).status_code == 404
    assert '"trouble": "server_error"' in text
    for secret in (ABOVE, "demo", "gw-1", "words", relaying.key):
        assert secret not in text


async def test_an_answer_is_held_for_a_few_seconds(relaying: District) -> None:
    assert (await health(relaying))["upstreams"][0]["waiting_batches"] == 0
    await take(relaying, described())
    held = (await relaying.client.get("/healthz")).json()["upstreams"][0]
    assert held["waiting_batches"] == 0
    assert (await health(relaying))["upstreams"][0]["waiting_batches"] == 1


async def test_metrics_name_the_upstream_and_leave_out_what_is_not_known(relaying: District) -> None:
    metrics = await shown(relaying, "/metrics")
    assert 'district_relay_waiting_batches{upstream="city"} 0.0' in metrics
    assert 'age_seconds{upstream="city"}' not in metrics
    assert "district_queue" not in metrics
    await take(relaying, described())
    became(relaying, Fault.CLONED)
    metrics = await shown(relaying, "/metrics")
    for line in (
        'district_relay_waiting_batches{upstream="city"} 1.0',
        'district_relay_oldest_age_seconds{upstream="city"} 5.0',
        'district_relay_stopped_gateways{upstream="city"} 1.0',
        'district_relay_trouble{code="cloned",upstream="city"} 1.0',
        "district_database_reachable 1.0",
    ):
        assert line in metrics
    assert "demo" not in metrics


async def test_the_page_says_what_waits_why_and_what_to_do_in_both_languages(relaying: District) -> None:
    assert "还没有收到过数据" in await shown(relaying, "/upstreams")
    await take(relaying, described())
    await take(relaying, described("gw-2"), "gw-2")
    became(relaying, Fault.CLONED, detail="<b>(0, 2]</b> here")
    became(relaying, Trouble.REFUSED, "gw-2")
    page = await shown(relaying, "/upstreams")
    for text in (
        "转发受阻", "上级平台收到过同一段的另一种内容", "上级平台不收这一批", "自 11-22 周日 14:00 起", "&lt;b&gt;(0, 2]",
        "campus-gateway district relay resume --database PATH demo gw-1 city", "relay drop --database PATH demo gw-1 e-1 city",
        "示例中学",
    ):  # fmt: skip
        assert text in page
    english = await shown(relaying, "/upstreams?lang=en")
    assert "other content of this stretch is held above" in english
    assert without_switch(english) == {"示例中学"}
    with relaying.store() as store, store.transaction() as connection:
        assert upkeep.resume(connection, "demo", "gw-1", ABOVE) == 1
    for gateway in ("gw-1", "gw-2"):
        became(relaying, None, gateway)
    assert "全部已转发" in await shown(relaying, "/upstreams")


async def test_the_first_page_has_a_line_only_when_a_person_should_look(relaying: District) -> None:
    await take(relaying, described())
    became(relaying, Trouble.SERVER_ERROR)
    page = await shown(relaying, "/")
    assert 'class="card notice' not in page  # it goes on by itself in a moment
    assert 'href="/upstreams"' in page
    relaying.clock.now += LONG_MS
    said = "上级平台 city:上级平台出错或暂时不收,1 批数据等待转发,最早 20 分钟前"
    assert said in await shown(relaying, "/")
    became(relaying, None)
    assert 'class="card notice' not in await shown(relaying, "/")


async def test_a_district_without_tiers_says_nothing_of_them(where: Path | str, key: str) -> None:
    async with spoken_to(where, None) as (client, _):
        assert (await client.get("/healthz")).json() == {"status": "ok", "problems": [], "sites": 1}
        assert "/upstreams" not in (await client.get("/")).text
        assert "没有上级平台,也没有使用队列" in (await client.get("/upstreams")).text


class Queued(Service):
    """A service that takes in through a queue of which it says what it is told to."""

    standing: QueueStanding | None = None

    @property
    def is_tiered(self) -> bool:
        return self.standing is not None

    async def queue(self) -> QueueStanding | None:
        return self.standing


@asynccontextmanager
async def spoken_to(
    where: Path | str, standing: QueueStanding | None
) -> AsyncIterator[tuple[httpx2.AsyncClient, Queued]]:
    with closing(Queued(where, StillClock())) as service:
        service.standing = standing
        transport = httpx2.ASGITransport(create_app(service))
        async with httpx2.AsyncClient(transport=transport, base_url="http://d") as client:
            yield client, service


async def test_a_queue_that_does_not_answer_is_a_problem_and_what_waits_there_is_not_known(
    where: Path | str, key: str
) -> None:
    async with spoken_to(where, QueueStanding(is_reachable=False)) as (client, _):
        reply = await client.get("/healthz")
        assert reply.status_code == 503
        assert reply.json() == {
            "status": "fail", "problems": ["the queue does not answer"], "sites": 1,
            "queue": {"reachable": False, "refused_batches": 0},
        }  # fmt: skip
        metrics = (await client.get("/metrics")).text
        assert "district_queue_reachable 0.0" in metrics
        assert "district_queue_waiting" not in metrics
        assert "队列没有应答" in (await client.get("/")).text
        assert "三台里至少两台要在运行" in (await client.get("/upstreams")).text


async def test_what_waits_in_the_queue_and_what_was_refused_behind_it_are_said(
    where: Path | str, key: str
) -> None:
    raw = campus.batch([campus.site("<script>")])
    with closing(open_database(where)) as store, store.transaction() as connection:
        for fault, epoch in ((Fault.COVERED, "e-1"), (Fault.FENCED, "e-2"), (Fault.TOO_LARGE, "e-3")):
            batch = parse(inflate(campus.batch([campus.site()], epoch=epoch), "gzip"))
            problem = Problem(error=fault, detail="a part of <b>(0, 1)</b>")
            refused.keep(connection, batch, Parcel(raw, "gzip"), problem, NOW - 60_000)
    async with spoken_to(where, QueueStanding(True, 7, 2048)) as (client, _):
        reply = await client.get("/healthz")
        assert (reply.status_code, reply.json()["queue"]) == (
            200,
            {"reachable": True, "waiting_batches": 7, "waiting_bytes": 2048, "refused_batches": 3},
        )
        assert "district_queue_refused_batches 3.0" in (await client.get("/metrics")).text
        assert "有 3 批数据给了回执之后被拒收" in (await client.get("/")).text
        page = (await client.get("/upstreams")).text
    for text in (
        "2.0 KiB",
        "refused retry --database PATH demo.gw-1/e-1/0-1/",
        "refused save --database PATH demo.gw-1/e-2/0-1/",
        "不能入库",
        "&lt;b&gt;",
    ):
        assert text in page


async def test_a_database_that_is_away_is_said_in_metrics_and_not_as_nothing(tmp_path: Path) -> None:
    where = tmp_path / "d.db"
    campus.enrolled(where)
    async with spoken_to(where, QueueStanding(True, 7, 2048)) as (client, _):
        where.rename(tmp_path / "gone.db")
        metrics = (await client.get("/metrics")).text
    assert "district_database_reachable 0.0" in metrics
    assert "district_queue_refused" not in metrics
