"""From a real broker to the buffer: what is acknowledged is stored, nothing comes twice, nonsense is counted."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from devices import profile
from edge_config.schema import Broker, SiteFile
from edge_config.site import LoadedSite
from gateway.door.ingest import Door
from gateway.points import build_points
from gateway.sources.intake import Intake
from gateway.sources.mqtt import build_broker, run_broker
from gateway.sources.seam import Delivery
from gateway.store.database import open_reader
from runtime.clock import SystemClock
from tests.sources.brokers import Mosquitto, mosquitto
from tests.sources.sensors import timed

pytestmark = pytest.mark.real("mosquitto")

MESSAGES = 2000
PUBACK_S_MAX = 3.0
FRIDGE, AIR = "site/fridge", "zigbee2mqtt/air-101"


def site_of(folder: Path, real: Mosquitto, *, commit_interval_s: float = 0.2, **broker: object) -> LoadedSite:
    """A sensor that sends its own time, and one that does not."""
    file = SiteFile.model_validate(
        {
            "site": {"id": "s", "name": "测试学校"},
            "gateway": {"id": "gw-1"},
            "brokers": [{**real.broker.model_dump(), **broker}],
            "devices": [
                {"id": "fridge", "profile": "timed-sensor", "broker": "local", "topic": FRIDGE},
                {"id": "air-101", "profile": "zigbee2mqtt-air", "broker": "local", "topic": AIR},
            ],
            "buffer": {"path": "buffer.db", "commit_interval_s": commit_interval_s},
        }
    )
    profiles = {"timed-sensor": timed().profile, "zigbee2mqtt-air": profile.load("zigbee2mqtt-air")}
    return LoadedSite(file, folder, folder / "site.yaml", profiles)


@asynccontextmanager
async def ingesting(site: LoadedSite) -> AsyncIterator[Door]:
    """Door and broker at work, ended as the collector ends them."""
    clock = SystemClock()
    async with Door(site, build_points(site), clock) as door:
        writer = asyncio.create_task(door.run())
        source = asyncio.create_task(
            run_broker(build_broker(site, site.file.brokers[0]), door, clock, jitter=lambda: 0.0)
        )
        try:
            yield door
        finally:
            source.cancel()
            await asyncio.wait({source})
            door.close()
            await writer


def rows(site: LoadedSite, sql: str) -> list[tuple[Any, ...]]:
    reader = open_reader(site.buffer_path)
    found = reader.execute(sql).fetchall()
    reader.close()
    return found


def stored(site: LoadedSite) -> int:
    return int(rows(site, "SELECT count(*) FROM reading")[0][0])


async def until(site: LoadedSite, count: int) -> None:
    async with asyncio.timeout(60):
        while stored(site) < count:
            await asyncio.sleep(0.02)


async def is_subscribed(real: Mosquitto, topic: str, after: int = 0) -> None:
    """Wait until the broker's log, from ``after`` on, has a subscription of the gateway's."""
    async with asyncio.timeout(60):
        while f"{topic} (QoS 1)" not in real.log[after:]:
            await asyncio.sleep(0.01)


async def publish_all(real: Mosquitto, messages: list[str], topic: str = FRIDGE) -> None:
    async with aiomqtt.Client(real.host, real.port, timeout=PUBACK_S_MAX) as client:
        for message in messages:
            await client.publish(topic, message, qos=1)


async def test_a_broker_killed_mid_stream_makes_nothing_acknowledged_unstored_and_nothing_double(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acknowledged: list[int] = []
    unstored: list[int] = []
    take = Intake.put
    base = SystemClock().now_ms() - 3_600_000
    messages = [json.dumps({"t": n % 40, "at": f"{_iso(base + n * 1000)}"}) for n in range(MESSAGES)]

    async with mosquitto(tmp_path, "allow_anonymous true", "log_type all") as real:
        site = site_of(tmp_path, real, in_flight_max=50)
        async with ingesting(site):
            reader = open_reader(site.buffer_path)

            def put(intake: Intake, delivery: Delivery) -> None:
                """As shipped, but every PUBACK looks into the buffer first."""
                at = messages.index(delivery.payload.decode())

                def ack() -> None:
                    acknowledged.append(at)
                    found = reader.execute("SELECT 1 FROM reading WHERE measured_at = ?", (base + at * 1000,))
                    if found.fetchone() is None:
                        unstored.append(at)
                    delivery.ack()

                take(intake, Delivery(delivery.topic, delivery.payload, delivery.retained, ack))

            monkeypatch.setattr(Intake, "put", put)
            await is_subscribed(real, FRIDGE)
            publishing = asyncio.create_task(publish_all(real, messages))
            await until(site, MESSAGES // 4)
            assert real.process is not None
            os.kill(real.process.pid, signal.SIGKILL)
            await asyncio.to_thread(real.process.wait)
            at_the_kill = stored(site)
            before = len(real.log)
            await real.start()
            await is_subscribed(real, FRIDGE, before)  # it had no time to keep our session
            await publish_all(real, messages)  # whoever has no PUBACK sends again
            await until(site, MESSAGES)
            with suppress(aiomqtt.MqttError):  # unless it had handed over everything before the kill
                await publishing
        reader.close()
        assert at_the_kill < MESSAGES
        assert unstored == []
        assert len(set(acknowledged)) > MESSAGES // 4
        assert stored(site) == MESSAGES
        assert rows(site, "SELECT count(*) FROM correction") == [(0,)]


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_a_broker_at_its_window_does_not_wait_for_the_commit_interval(
    tmp_path: Path, protocol: str
) -> None:
    lines = ("allow_anonymous true", "log_type all", "max_inflight_messages 10")
    async with mosquitto(tmp_path, *lines) as real:
        site = site_of(tmp_path, real, commit_interval_s=10, in_flight_max=10, protocol=protocol)
        async with ingesting(site):
            await is_subscribed(real, AIR)
            began = SystemClock().monotonic_s()
            await publish_all(real, [f'{{"co2":{n}}}' for n in range(200)], AIR)
            await until(site, 200)
            assert SystemClock().monotonic_s() - began < 10


async def test_a_retained_value_is_one_reading_however_often_we_connect(tmp_path: Path) -> None:
    message = json.dumps({"t": 4, "at": _iso(SystemClock().now_ms() - 60_000)})
    async with mosquitto(tmp_path, "allow_anonymous true", "log_type all") as real:
        async with aiomqtt.Client(real.host, real.port) as client:
            await client.publish(FRIDGE, message, qos=1, retain=True)
            await client.publish(AIR, '{"co2":999}', qos=1, retain=True)
        site = site_of(tmp_path, real)
        for times in range(1, 4):
            async with ingesting(site) as door:
                async with asyncio.timeout(60):
                    while door.figures.accepted + door.figures.repeated < 1 or door.figures.rejected < 1:
                        await asyncio.sleep(0.01)
            assert stored(site) == 1
            assert rows(site, "SELECT subject, reason, count FROM rejection") == [
                ("air-101", "retained", times)
            ]


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat()


HOSTILE: dict[str, tuple[bytes, str, str]] = {
    "ten megabytes": (b'{"co2":"' + b"x" * 10_000_000 + b'"}', "air-101", "too_large"),
    "deep nesting": (b'{"co2":' * 20_000, "air-101", "too_large"),
    "deep within the size": (b"[" * 30_000, "air-101", "too_deep"),
    "no UTF-8": (b'{"co2":500,"x":"\xff\xfe"}', "air-101", "not_utf8"),
    "a key twice": (b'{"co2":500,"co2":600}', "air-101", "duplicate_key"),
    "cut short": (b'{"co2":5', "air-101", "not_json"),
    "no object": (b"[500]", "air-101", "not_an_object"),
    "nothing": (b"  ", "air-101", "empty"),
    "NaN": (b'{"co2":NaN}', "air-101.co2", "not_a_number"),
    "infinite": (b'{"pm25":1e999}', "air-101.pm25", "not_a_number"),
    "4,300 digits": (b'{"temperature":' + b"9" * 4300 + b"}", "air-101.temperature", "not_a_number"),
    "in quotes": (b'{"humidity":"41.5"}', "air-101.humidity", "not_a_number"),
}


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_hostile_payloads_are_counted_and_leave_nothing_behind(tmp_path: Path, protocol: str) -> None:
    async with mosquitto(tmp_path, "allow_anonymous true", "log_type all") as real:
        site = site_of(tmp_path, real, protocol=protocol)
        async with ingesting(site):
            await is_subscribed(real, AIR)
            async with aiomqtt.Client(real.host, real.port) as client:
                for payload, _, _ in HOSTILE.values():
                    await client.publish(AIR, payload, qos=1)
                await client.publish(AIR, '{"co2":500}', qos=1)
            await until(site, 1)
        # In MQTT 5 we tell the broker our largest packet: it keeps the ten megabytes to itself.
        came = [one for name, one in HOSTILE.items() if protocol == "3.1.1" or name != "ten megabytes"]
        expected: dict[tuple[str, str], int] = {}
        for _, subject, reason in came:
            expected[subject, reason] = expected.get((subject, reason), 0) + 1
        assert {
            (a, b): n for a, b, n in rows(site, "SELECT subject, reason, count FROM rejection")
        } == expected
        assert stored(site) == 1


async def test_the_broker_lets_each_device_write_its_own_topic_only(tmp_path: Path) -> None:
    for name in ("gateway", "air-101", "air-102"):
        create = ["-c"] if name == "gateway" else []
        subprocess.run(["mosquitto_passwd", "-b", *create, f"{tmp_path}/pw", name, "secret"], check=True)
    (tmp_path / "acl").write_text(
        "user gateway\ntopic read zigbee2mqtt/#\n\npattern write zigbee2mqtt/%u\n", encoding="ascii"
    )
    (tmp_path / "gateway.pw").write_text("secret\n", encoding="ascii")
    strict = (
        "allow_anonymous false",
        f"password_file {tmp_path}/pw",
        f"acl_file {tmp_path}/acl",
        "log_type all",
    )
    async with mosquitto(tmp_path, *strict) as real:
        site = site_of(tmp_path, real, username="gateway", password_file="gateway.pw")
        async with ingesting(site):
            await is_subscribed(real, AIR)
            await _say(real.broker, "air-102", '{"co2":999}')
            await _say(real.broker, "air-101", '{"co2":500}')
            await until(site, 1)
        assert rows(site, "SELECT value FROM reading") == [(500,)]


async def _say(broker: Broker, user: str, message: str) -> None:
    async with aiomqtt.Client(broker.host, broker.port, username=user, password="secret") as client:
        await client.publish(AIR, message, qos=1)
