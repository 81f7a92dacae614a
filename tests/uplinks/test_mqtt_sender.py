"""The shipped sender and a real mosquitto: what is kept there, what comes by, and what is said when we go."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from edge_config.uplinks import MqttUplink
from gateway.model import Quality
from gateway.uplinks import mqtt_sender as module
from gateway.uplinks.feed import Latest
from gateway.uplinks.kinds import Speaker, sender_of
from gateway.uplinks.mqtt_sender import MqttSender
from gateway.uplinks.present import speaking
from gateway.uplinks.sender import Sender, Stretch, probed
from gateway.uplinks.thingsboard import explain
from gateway.uplinks.verdict import Delivered, Keep, Trouble
from tests.district.campus import METER, NOW, QUARTER, slot
from tests.ports import free_port
from tests.sources.brokers import Mosquitto, mosquitto
from tests.sources.certificates import Authority
from tests.uplinks.memory import MemoryFeed, SelfMovingClock, row
from tests.uplinks.speakers import QUANTITY, speaker

STATUS = "campus-gateway/demo/status"
ENERGY = "campus-gateway/demo/main-e/energy_import"
CHANGES = [row(seq, slot(METER, seq - 1, float(seq))) for seq in range(1, 6)]
NEWEST = [
    Latest(METER, NOW - 1000, 77.5, Quality.GOOD, False),
    Latest("air-101.co2", NOW, None, Quality.BAD, False),
]


@dataclass
class Clock(SelfMovingClock):
    """Sleeps until the test rings; the time stays."""

    limit: int = 0
    bell: asyncio.Event = field(default_factory=asyncio.Event)

    async def sleep(self, seconds: float) -> None:
        await self.bell.wait()
        self.bell.clear()


@dataclass
class Ear:
    """Hears everything on the broker from the beginning, kept messages first."""

    client: aiomqtt.Client
    heard: list[tuple[str, bytes]] = field(default_factory=list)

    async def until(self, is_enough: Callable[[list[tuple[str, bytes]]], bool]) -> None:
        async with asyncio.timeout(60):
            while not is_enough(self.heard):
                message = await anext(aiter(self.client.messages))
                assert isinstance(message.payload, bytes)
                self.heard.append((str(message.topic), message.payload))

    async def until_topic(self, topic: str, payload: bytes | None = None) -> bytes:
        def found(heard: list[tuple[str, bytes]]) -> list[bytes]:
            return [said for where, said in heard if where == topic and payload in {None, said}]

        await self.until(lambda heard: bool(found(heard)))
        return found(self.heard)[-1]


@asynccontextmanager
async def ear(broker: Mosquitto) -> AsyncIterator[Ear]:
    async with aiomqtt.Client(broker.host, broker.port) as client:
        await client.subscribe("#", qos=1)
        yield Ear(client)


@asynccontextmanager
async def spoken(uplink: MqttUplink, who: Speaker) -> AsyncIterator[Sender]:
    """The sender as the collector runs it."""
    async with sender_of(uplink, who) as sender, speaking(sender):
        yield sender


def section(port: int, **more: Any) -> MqttUplink:
    return MqttUplink.model_validate({"id": "ha", "kind": "mqtt", "host": "127.0.0.1", "port": port, **more})


def feed() -> MemoryFeed:
    return MemoryFeed(list(CHANGES), points=dict(QUANTITY), newest=list(NEWEST))


@pytest.mark.real("mosquitto")
async def test_home_assistant_finds_every_point_its_value_and_who_is_there(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as broker:
        uplink = section(broker.port, homeassistant=True)
        async with spoken(uplink, speaker(feed(), Clock())) as sender, ear(broker) as one:
            await one.until_topic("campus-gateway/demo/air-101/co2/availability", b"offline")
            assert await sender.send(Stretch(0, 5, CHANGES)) == Delivered(())
        async with ear(broker) as after:  # what the broker keeps, for who comes later
            await after.until_topic(STATUS, b"offline")
            await after.until(
                lambda heard: len([1 for topic, _ in heard if topic.endswith("/config")]) == len(QUANTITY)
            )
            assert json.loads(await after.until_topic(f"{ENERGY}/state"))["value"] == 77.5
            assert await after.until_topic(f"{ENERGY}/availability") == b"online"
            topics = {topic for topic, _ in after.heard}
            assert "homeassistant/sensor/demo_main-e/energy_import/config" in topics
            assert "homeassistant/binary_sensor/demo_lamp-1/lamp_on/config" in topics
            assert "campus-gateway/demo/air-101/co2/state" not in topics
            assert not any(topic.startswith("v1/") for topic in topics)


@pytest.mark.real("mosquitto")
async def test_only_what_has_changed_is_said_again(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as broker:
        clock, source = Clock(), feed()
        async with (
            spoken(section(broker.port, homeassistant=True), speaker(source, clock)),
            ear(broker) as one,
        ):
            await one.until_topic("campus-gateway/demo/air-101/co2/availability")
            before = len(one.heard)
            source.newest[0] = Latest(METER, NOW, 78.0, Quality.GOOD, False)
            clock.bell.set()
            await one.until(lambda heard: len(heard) > before)
            source.newest[0] = Latest(METER, NOW, 78.0, Quality.GOOD, True)
            clock.bell.set()
            await one.until_topic(f"{ENERGY}/availability", b"offline")
            assert [topic for topic, _ in one.heard[before:]] == [f"{ENERGY}/state", f"{ENERGY}/availability"]


@pytest.mark.real("mosquitto")
async def test_the_broker_says_offline_when_we_are_gone_without_a_word(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as broker:
        wall = await asyncio.start_server(_through(broker.port), "127.0.0.1", 0)
        uplink = section(wall.sockets[0].getsockname()[1], homeassistant=True)
        async with spoken(uplink, speaker(feed(), Clock())), ear(broker) as one:
            await one.until_topic(STATUS, b"online")
            await one.until_topic("campus-gateway/demo/air-101/co2/availability")
            wall.close()
            _cut.set()
            await one.until_topic(STATUS, b"offline")
        await wall.wait_closed()


_cut = asyncio.Event()


def _through(port: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]:
    """A wall between gateway and broker that lets everything through until it is cut."""
    _cut.clear()

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", port)
        tasks = [asyncio.create_task(pipe(reader, up_writer)), asyncio.create_task(pipe(up_reader, writer))]
        await _cut.wait()
        for task in tasks:
            task.cancel()
        for side in (writer, up_writer):
            side.transport.abort()

    return serve


@pytest.mark.real("mosquitto")
async def test_thingsboard_gets_devices_intervals_and_what_is_newest(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as broker:
        uplink = section(broker.port, thingsboard=True)
        async with ear(broker) as one, spoken(uplink, speaker(feed(), Clock())) as sender:
            assert await sender.send(Stretch(0, 5, CHANGES)) == Delivered(())
            await one.until(
                lambda heard: len([1 for topic, _ in heard if topic == "v1/gateway/telemetry"]) == 2
            )
            connects = [json.loads(said) for topic, said in one.heard if topic == "v1/gateway/connect"]
            assert connects == [{"device": "main-e"}]
            entries = [
                entry
                for topic, said in one.heard
                if topic == "v1/gateway/telemetry"
                for entry in json.loads(said)["main-e"]
            ]
            figures = {entry["ts"]: entry["values"] for entry in entries}
            assert figures.pop(NOW - 1000) == {"energy_import": 77.5}
            start = NOW - 56 * QUARTER
            assert [figures[start + index * QUARTER]["energy_import_15min"] for index in range(5)] == [
                1,
                2,
                3,
                4,
                5,
            ]
            assert {topic.split("/")[0] for topic, _ in one.heard} == {"v1"}


@pytest.mark.real("mosquitto")
async def test_a_broker_that_goes_keeps_the_stretch_and_one_that_comes_back_gets_everything_again(
    tmp_path: Path,
) -> None:
    async with mosquitto(tmp_path) as broker:
        clock = Clock()
        uplink = section(broker.port, homeassistant=True, thingsboard=True)
        async with spoken(uplink, speaker(feed(), clock)) as sender:
            assert await sender.send(Stretch(0, 5, CHANGES)) == Delivered(())
            await broker.stop()
            verdict = await sender.send(Stretch(5, 6, [row(6, slot(METER, 5))]))
            assert isinstance(verdict, Keep)
            assert verdict.trouble is Trouble.NO_ANSWER
            for kept in tmp_path.glob("mosquitto.db"):
                kept.unlink()  # a broker that has forgotten everything
            await broker.start()
            async with ear(broker) as one:
                assert await sender.send(Stretch(5, 6, [row(6, slot(METER, 5))])) == Delivered(())
                clock.bell.set()
                await one.until_topic("homeassistant/sensor/demo_main-e/energy_import/config")
                await one.until_topic("v1/gateway/connect")
                await one.until_topic(STATUS, b"online")


@pytest.mark.real("mosquitto")
async def test_a_wrong_password_keeps_everything_and_says_what_to_check(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("gateway:$7$101$YQ==$YQ==\n", encoding="utf-8")
    (tmp_path / "pw").chmod(0o600)
    (tmp_path / "secret").write_text("wrong\n", encoding="utf-8")
    async with mosquitto(tmp_path, "allow_anonymous false", f"password_file {tmp_path}/pw") as broker:
        for more in (
            {"username": "gateway", "password_file": str(tmp_path / "secret")},
            {"token_file": str(tmp_path / "secret")},
        ):
            uplink = section(broker.port, thingsboard=True, **more)
            async with spoken(uplink, speaker(feed(), Clock())) as sender:
                verdict = await sender.send(Stretch(0, 5, CHANGES))
            assert isinstance(verdict, Keep)
            assert verdict.trouble is Trouble.UNAUTHORIZED


async def test_nobody_listening_keeps_everything() -> None:
    async with spoken(section(free_port(), thingsboard=True), speaker(feed(), Clock())) as sender:
        verdict = await sender.send(Stretch(0, 5, CHANGES))
    assert isinstance(verdict, Keep)
    assert verdict.trouble is Trouble.NO_ANSWER


async def test_a_secret_that_is_missing_keeps_everything(tmp_path: Path) -> None:
    uplink = section(free_port(), thingsboard=True, token_file=str(tmp_path / "nowhere"))
    async with spoken(uplink, speaker(feed(), Clock())) as sender:
        verdict = await sender.send(Stretch(0, 5, CHANGES))
    assert isinstance(verdict, Keep)
    assert verdict.trouble is Trouble.TOKEN


async def test_a_stretch_for_home_assistant_alone_needs_no_broker() -> None:
    async with spoken(section(free_port(), homeassistant=True), speaker(feed(), Clock())) as sender:
        assert await sender.send(Stretch(0, 5, CHANGES)) == Delivered(())


async def test_without_its_library_the_uplink_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    async with spoken(section(1, thingsboard=True), speaker(feed(), Clock())) as sender:
        verdict = await sender.send(Stretch(0, 5, CHANGES))
    assert isinstance(verdict, Keep)
    assert "campus-gateway[mqtt-uplink]" in verdict.cure


@pytest.mark.real("mosquitto")
async def test_who_only_asks_what_would_be_said_makes_nobody_speak(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as broker:
        uplink = section(broker.port, homeassistant=True, thingsboard=True)
        async with sender_of(uplink, speaker(feed(), Clock())) as sender:
            assert isinstance(sender, MqttSender)
            ((label, payload),) = sender.explain(CHANGES[0])
        assert f"{label.split()[2]} ".encode() + payload + b"\n" == explain(CHANGES[0])
        assert "campus-gateway-demo" not in broker.log


@pytest.mark.real("mosquitto")
async def test_a_test_beside_the_running_gateway_logs_in_under_another_name(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as broker:
        uplink = section(broker.port, homeassistant=True, thingsboard=True)
        async with (
            spoken(uplink, speaker(feed(), Clock())) as running,
            sender_of(uplink, speaker(feed(), Clock())) as asking,
        ):
            assert await running.send(Stretch(0, 5, CHANGES)) == Delivered(())
            probe = await probed(asking)
            assert probe is not None
            assert probe.is_well, probe.answer
            assert await running.send(Stretch(0, 5, CHANGES)) == Delivered(())
            assert isinstance(running, MqttSender)
            assert running._wire.connection == 1, "the broker did not end it"


@pytest.mark.real("mosquitto")
async def test_an_old_revision_sent_again_does_not_overwrite_the_newer_one(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as broker:
        source = MemoryFeed([CHANGES[0], row(2, slot(METER, 0, 9.0), revision=2)], points=dict(QUANTITY))
        async with (
            ear(broker) as one,
            sender_of(section(broker.port, thingsboard=True), speaker(source)) as sender,
        ):
            for change in (source.changes[1], source.changes[0]):
                assert await sender.send(Stretch(0, 2, [change])) == Delivered(())
            async with aiomqtt.Client(broker.host, broker.port) as other:
                await other.publish("end", "", qos=1)
            await one.until_topic("end")
            told = [json.loads(said) for topic, said in one.heard if topic == "v1/gateway/telemetry"]
            assert [entry["values"]["energy_import_15min"] for said in told for entry in said["main-e"]] == [
                9.0
            ]


@pytest.mark.real("mosquitto", "openssl")
async def test_tls_is_spoken_with_a_certificate_of_ours_and_a_stranger_gets_nothing(tmp_path: Path) -> None:
    ours, strange = Authority(tmp_path).made(), Authority(tmp_path, "stranger").made()
    cert, key = ours.issue("broker")
    own_cert, own_key = ours.issue("gateway", "DNS:gateway")
    tls = (
        "allow_anonymous true",
        f"cafile {ours.file}",
        f"certfile {cert}",
        f"keyfile {key}",
        "require_certificate true",
    )
    async with mosquitto(tmp_path, *tls) as broker:
        files = {"cert_file": str(own_cert), "key_file": str(own_key)}
        known = section(broker.port, thingsboard=True, ca_file=str(ours.file), **files)
        async with sender_of(known, speaker(feed(), Clock())) as sender:
            assert await sender.send(Stretch(0, 5, CHANGES)) == Delivered(())
        for more in (
            {"ca_file": str(strange.file), **files},
            {"ca_file": str(tmp_path / "nowhere"), **files},
        ):
            async with sender_of(
                section(broker.port, thingsboard=True, **more), speaker(feed(), Clock())
            ) as sender:
                assert isinstance(await sender.send(Stretch(0, 5, CHANGES)), Keep)
