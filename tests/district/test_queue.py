"""Ingest through a NATS JetStream cluster of three: a server is killed, the database goes away; nothing lost, nothing doubled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from nats.js.api import ClusterInfo, PeerInfo

from district.app import create_app
from district.queue import stream as streams
from district.queue.consume import Consumer
from district.queue.running import consuming, queued
from district.queue.setting import QueueSetting
from district.queue.stream import STREAM, Stream, has_quorum, lane_of
from district.refusal import DistrictError
from district.service import Service
from runtime.clock import ClockSetting, SystemClock
from tests.district import campus
from tests.district.nats_cluster import Cluster, cluster
from tests.district.postgresql import Server, server
from tests.district.tiers import rows
from tests.district.uploading import slots_of
from tests.ports import free_port

pytestmark = pytest.mark.real("nats-server")
AGAIN = {429, 500, 503}
FAST = ClockSetting(rate=20.0)


@pytest.fixture
async def nats(tmp_path: Path) -> AsyncIterator[Cluster]:
    async with cluster(tmp_path) as running:
        yield running


def small(nats: Cluster) -> QueueSetting:
    return QueueSetting(nats.servers, bytes_max=64 * 1024 * 1024)


@asynccontextmanager
async def web(where: Path | str, nats: Cluster) -> AsyncIterator[httpx2.AsyncClient]:
    """The web process in front of the queue, as gateways see it."""
    async with queued(where, SystemClock(FAST), small(nats)) as service:
        transport = httpx2.ASGITransport(create_app(service, with_pages=False))
        async with httpx2.AsyncClient(transport=transport, base_url="http://district") as client:
            yield client


@asynccontextmanager
async def consumers(where: Path | str, nats: Cluster) -> AsyncIterator[Consumer]:
    with closing(Service(where, SystemClock(FAST))) as service:
        async with consuming(service, small(nats)) as consumer:
            yield consumer


async def upload(client: httpx2.AsyncClient, key: str, batches: Sequence[bytes]) -> list[dict[str, Any]]:
    """Each until there is a receipt."""
    receipts = []
    for raw in batches:
        while (reply := await post(client, key, raw)).status_code != 200:
            assert reply.status_code in AGAIN, reply.text
            await asyncio.sleep(0.05)
        receipts.append(reply.json())
    return receipts


async def post(client: httpx2.AsyncClient, key: str, raw: bytes) -> httpx2.Response:
    return await client.post("/v1/batches", content=raw, headers=campus.signed(key, raw))


async def until(where: Path | str, sql: str, expected: object) -> None:
    """What comes by itself is waited for; the test's own time limit is the only deadline."""
    while rows(where, sql) != [(expected,)]:
        await asyncio.sleep(0.1)


async def test_two_thousand_batches_outlive_a_server_killed_mid_stream(nats: Cluster, tmp_path: Path) -> None:
    where, gateways, each = tmp_path / "district.db", 20, 100
    keys = {f"gw-{n}": campus.enrolled(where, gateway=f"gw-{n}") for n in range(gateways)}
    sent = {gateway: slots_of(gateway, each, 1) for gateway in keys}
    async with web(where, nats) as client, consumers(where, nats) as consumer:
        uploads = [asyncio.create_task(upload(client, key, sent[gateway])) for gateway, key in keys.items()]
        while consumer.taken < gateways * each // 4:
            await asyncio.sleep(0.05)
        await asyncio.to_thread(nats.kill, 0)
        receipts = [one for found in await asyncio.gather(*uploads) for one in found]
        await until(where, "SELECT count(*) FROM batch", gateways * each)
    assert len(receipts) == gateways * each
    slots = each - 1
    assert rows(where, "SELECT count(*), sum(value), max(revision) FROM interval") == [
        (gateways * slots, float(gateways * slots), 1)
    ]
    assert rows(where, "SELECT from_seq, to_seq, count(*) FROM received GROUP BY 1, 2") == [
        (0, 2 + slots, gateways)
    ]
    assert rows(where, "SELECT measured, count(*) FROM slot GROUP BY 1") == [(gateways, slots)]
    assert rows(where, "SELECT count(*) FROM queue_refused") == [(0,)]
    assert rows(where, "SELECT count(*) FROM incident") == [(0,)]


@pytest.mark.real("nats-server", "postgresql")
async def test_the_web_goes_on_while_the_database_is_away_and_consumers_catch_up(nats: Cluster) -> None:
    """A minute of the processes' own clock, which runs twenty times faster."""
    with server() as own:
        where, gateways = own.new_database(), 4
        keys = {f"gw-{n}": campus.enrolled(where, gateway=f"gw-{n}") for n in range(gateways)}
        sent = {gateway: slots_of(gateway, 60, 2) for gateway in keys}
        async with web(where, nats) as client, consumers(where, nats) as consumer:
            for gateway, key in keys.items():
                await upload(client, key, sent[gateway][:5])
            while consumer.taken < 5 * gateways:
                await asyncio.sleep(0.05)
            await _away_for_a_minute(own, client, keys, sent)
            for gateway, key in keys.items():
                await upload(client, key, sent[gateway][55:])
            await until(where, "SELECT count(*) FROM batch", 60 * gateways)
        assert rows(where, "SELECT count(*), sum(value), max(revision) FROM interval") == [
            (gateways * 118, float(gateways * 118), 1)
        ]
        assert rows(where, "SELECT from_seq, to_seq, count(*) FROM received GROUP BY 1, 2") == [
            (0, 120, gateways)
        ]
        assert rows(where, "SELECT count(*) FROM queue_refused") == [(0,)]


async def _away_for_a_minute(
    own: Server, client: httpx2.AsyncClient, keys: dict[str, str], sent: dict[str, list[bytes]]
) -> None:
    clock = SystemClock(FAST)
    await asyncio.to_thread(own.stop)
    try:
        gone_at = clock.monotonic_s()
        for number in range(5, 55):
            for gateway, key in keys.items():
                reply = await post(client, key, sent[gateway][number])
                assert reply.status_code == 200, reply.text
                assert reply.json()["received"] == []  # nothing is said of what is held
        await clock.sleep(60.0 - (clock.monotonic_s() - gone_at))
    finally:
        await asyncio.to_thread(own.start)


async def test_a_batch_sent_again_has_one_effect_within_the_window_and_after_it(
    nats: Cluster, tmp_path: Path
) -> None:
    where = tmp_path / "district.db"
    key = campus.enrolled(where)
    bad = campus.slot("nobody.described", 0)
    raw = campus.batch([campus.site(), campus.point("x.y"), campus.slot("x.y", 0), bad])
    async with web(where, nats) as client:
        first, second = await upload(client, key, [raw, raw])
        assert (first["duplicate"], second["duplicate"]) == (False, True)  # by the cluster
        assert first["rejected"] == []  # not known yet
        async with consumers(where, nats) as consumer:
            await until(where, "SELECT count(*) FROM batch", 1)
            stream = consumer.stream
            subject = f"campus.batches.{lane_of('demo', 'gw-1')}"
            headers = {"Campus-Encoding": "gzip", "Nats-Msg-Id": "long-forgotten"}
            await stream._js.publish(subject, raw, stream=STREAM, headers=headers)
            while consumer.taken < 2:
                await asyncio.sleep(0.05)
        (third,) = await upload(client, key, [raw])
    assert third["duplicate"] is True
    assert [one["seq"] for one in third["rejected"]] == [4]  # told to whoever asks again
    assert third["received"] == [[0, 4]]
    assert rows(where, "SELECT count(*) FROM interval") == [(1,)]


async def test_what_is_refused_after_its_receipt_is_kept_whole(nats: Cluster, tmp_path: Path) -> None:
    """Two batches of one range and different content wait at once: the second is another machine's."""
    where = tmp_path / "district.db"
    key = campus.enrolled(where)
    one, other = (campus.batch([campus.site(name)]) for name in ("示例中学", "别的中学"))
    async with web(where, nats) as client:
        await upload(client, key, [one, other])
        async with consumers(where, nats) as consumer:
            while consumer.refused < 1:
                await asyncio.sleep(0.05)
        refused = await post(client, key, other)  # now it is known, and said
    assert (refused.status_code, refused.json()["error"]) == (409, "cloned")
    assert rows(
        where, "SELECT site_id, gateway_id, from_seq, to_seq, error, encoding FROM queue_refused"
    ) == [("demo", "gw-1", 0, 1, "cloned", "gzip")]
    assert rows(where, "SELECT body FROM queue_refused") == [(other,)]
    assert rows(where, "SELECT name FROM site") == [("示例中学",)]


async def test_a_stranger_and_a_closed_epoch_are_told_at_the_door(nats: Cluster, tmp_path: Path) -> None:
    where = tmp_path / "district.db"
    key = campus.enrolled(where)
    raw = campus.batch([campus.site()])
    async with web(where, nats) as client:
        forged = key[:-3] + ("abc" if not key.endswith("abc") else "xyz")
        assert (await post(client, forged, raw)).status_code == 401
        async with consumers(where, nats):
            for epoch in ("e-1", "e-2"):
                await upload(client, key, [campus.batch([campus.site()], epoch=epoch)])
            await until(where, "SELECT count(*) FROM batch", 2)
        late = await post(client, key, campus.batch([campus.site()], 1, epoch="e-1"))
    assert (late.status_code, late.json()["error"]) == (409, "fenced")


async def test_what_a_dead_consumer_had_in_hand_comes_again_before_what_came_later(
    nats: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "ACK_WAIT_S", 2.0)
    where = tmp_path / "district.db"
    key = campus.enrolled(where)
    async with web(where, nats) as client:
        await upload(client, key, [campus.batch([campus.site()], epoch=epoch) for epoch in ("e-1", "e-2")])
        async with aclosing(await Stream.opened(small(nats))) as dying:
            held = await dying.fetch(lane_of("demo", "gw-1"))
            assert held is not None
        async with consumers(where, nats):
            await until(where, "SELECT count(*) FROM batch", 2)
    assert rows(where, "SELECT epoch FROM epoch WHERE fenced_at IS NULL") == [("e-2",)]
    assert rows(where, "SELECT count(*) FROM queue_refused") == [(0,)]


async def test_a_consumer_stops_although_the_cancellation_was_lost(
    nats: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Python 3.11 does when an acknowledgement is answered in the very turn of the cancellation."""
    where = tmp_path / "district.db"
    key = campus.enrolled(where)
    acknowledging = asyncio.Event()

    async def deaf(self: Stream, waiting: streams.Waiting) -> None:
        acknowledging.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    monkeypatch.setattr(Stream, "done", deaf)
    async with web(where, nats) as client:
        await upload(client, key, [campus.batch([campus.site()])])
        async with consumers(where, nats) as consumer:
            await acknowledging.wait()
        assert consumer.taken == 1


@pytest.mark.parametrize(
    ("followers", "is_enough"),
    [
        ([(False, 10**9), (False, 10**9)], True),
        ([(False, 10**9), (True, 10**9)], True),
        ([(True, 10**9), (True, 10**9)], False),
        ([(False, 11 * 10**9), (None, 60 * 10**9)], False),
        ([(None, None), (True, 0)], True),
        ([], True),
    ],
)
def test_a_leader_without_a_majority_takes_nothing(
    followers: list[tuple[bool | None, int | None]], is_enough: bool
) -> None:
    peers = [PeerInfo(offline=offline, active=active) for offline, active in followers]
    assert has_quorum(ClusterInfo(replicas=peers)) is is_enough
    assert has_quorum(None)


async def test_without_a_cluster_it_says_which_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "CONNECT_S", 1.0)
    with pytest.raises(DistrictError, match="check --ingest"):
        await Stream.opened(QueueSetting((f"nats://127.0.0.1:{free_port()}",)))


async def test_health_says_what_waits_and_that_a_cluster_without_a_quorum_does_not_answer(
    nats: Cluster, tmp_path: Path
) -> None:
    where = tmp_path / "district.db"
    key = campus.enrolled(where)
    raw = campus.batch([campus.site()])
    async with web(where, nats) as client:
        await upload(client, key, [raw])
        said = (await client.get("/healthz")).json()
        assert said["queue"]["reachable"] is True
        assert said["queue"]["waiting_batches"] == 1
        assert said["queue"]["waiting_bytes"] >= len(raw)
        assert said["queue"]["refused_batches"] == 0
        for n in range(2):
            nats.kill(n)
        while (reply := await client.get("/healthz")).status_code == 200:
            await asyncio.sleep(0.05)
        assert reply.json()["problems"] == ["the queue does not answer"]
        assert reply.json()["queue"] == {"reachable": False, "refused_batches": 0}
        for n in range(2):
            nats.start(n)
        while (reply := await client.get("/healthz")).status_code == 503:
            await asyncio.sleep(0.05)
        assert reply.json()["queue"]["waiting_batches"] == 1
