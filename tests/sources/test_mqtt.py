"""Ingest from a broker: the embedded one, which speaks MQTT 3.1.1."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from devices import profile
from edge_config.schema import Broker, SiteFile
from edge_config.site import LoadedSite
from gateway.errors import ConfigError, NoAnswerError
from gateway.sources import mqtt_connection
from gateway.sources.mqtt import LAST_PUBACKS_S, build_broker
from gateway.sources.mqtt_connection import V5, BrokerAccess, Connection
from tests.ports import free_port
from tests.sources.brokers import embedded
from tests.sources.fakes import Clock as VirtualClock
from tests.sources.fakes import Sink
from tests.sources.sensors import air
from tests.sources.talk import TOPIC, co2, ingest, publish, subscribed


async def test_messages_of_an_old_broker_arrive_as_readings() -> None:
    sink = Sink()
    async with embedded() as broker:
        with capture_logs() as log:
            async with ingest(broker, sink):
                await subscribed(log)
                await publish(broker, *co2(400, 401, 402), "garbage")
                await sink.until(lambda: len(sink.readings) == 3 and sink.rejected)
    assert sink.values() == [("air-101.co2", 400.0), ("air-101.co2", 401.0), ("air-101.co2", 402.0)]
    assert [state[:2] for state in sink.states] == [("air-101", "online")]
    assert [rejected[:2] for rejected in sink.rejected] == [("air-101", "not_json")]


async def test_a_stop_does_not_wait_when_nothing_is_owed() -> None:
    async with embedded() as broker:
        with capture_logs() as log:
            async with ingest(broker, Sink()) as task:
                await subscribed(log)
                started = asyncio.get_running_loop().time()
                task.cancel()
                await asyncio.wait({task})
                assert asyncio.get_running_loop().time() - started < LAST_PUBACKS_S


async def test_no_broker_is_said_once_with_its_cure() -> None:
    port = free_port()
    with capture_logs() as log:
        async with ingest(Broker(id="local", host="127.0.0.1", port=port), Sink()):
            async with asyncio.timeout(60):
                while len([line for line in log if line["event"] == "broker trouble"]) < 2:
                    await asyncio.sleep(0.01)
    first, second = [line for line in log if line["event"] == "broker trouble"][:2]
    assert (first["log_level"], second["log_level"]) == ("warning", "debug")
    assert f"no broker at 127.0.0.1:{port}" in first["why"]
    assert "start it" in first["why"]


async def test_auto_falls_back_to_the_older_protocol_and_stays_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mqtt_connection, "CONNACK_S_MAX", 0.5)
    sink = Sink()
    async with embedded() as old:
        with capture_logs() as log:
            async with ingest(old.model_copy(update={"protocol": "auto"}), sink):
                await subscribed(log)
                await publish(old, *co2(400))
                await sink.until(lambda: sink.readings)
    assert sink.values() == [("air-101.co2", 400.0)]


async def test_mqtt_5_demanded_of_an_old_broker_is_said_with_its_cure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mqtt_connection, "CONNACK_S_MAX", 0.5)
    async with embedded() as old:
        connection = Connection(BrokerAccess(old, "x"), V5, lambda _: None)
        with pytest.raises(NoAnswerError, match=r"write protocol: 3\.1\.1"):
            await connection.open()
        assert connection.closed.done()


async def test_a_refused_subscription_names_topic_and_cure_and_the_device_is_offline() -> None:
    sink = Sink()
    async with embedded(is_strict=True) as broker:
        with capture_logs() as log:
            async with ingest(broker, sink):
                await sink.until(lambda: sink.states)
    ((device, state, detail),) = sink.states
    assert (device, state) == ("air-101", "offline")
    assert f"let us read {TOPIC}:" in detail
    assert "read access" in detail
    assert [line["why"] for line in log if line["event"] == "broker trouble"] == [detail]


async def test_a_stop_while_connecting_lets_go_of_the_socket() -> None:
    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: writers.append(writer), "127.0.0.1", 0)
    broker = Broker(id="local", host="127.0.0.1", port=server.sockets[0].getsockname()[1])
    connection = Connection(BrokerAccess(broker, "x"), V5, lambda _: None)
    opening = asyncio.ensure_future(connection.open())
    await asyncio.sleep(0)
    opening.cancel()
    await asyncio.wait({opening})
    async with asyncio.timeout(60):
        await connection.closed  # once the attempt in its thread is over
        while not writers:
            await asyncio.sleep(0)
    for writer in writers:
        writer.close()
        await writer.wait_closed()
    server.close()
    await server.wait_closed()


def site(tmp_path: Path, **broker: object) -> LoadedSite:
    file = SiteFile.model_validate(
        {
            "site": {"id": "s", "name": "学校"},
            "gateway": {"id": "gw-7"},
            "brokers": [{"id": "local", "host": "127.0.0.1", **broker}],
            "devices": [
                {
                    "id": "air-101",
                    "profile": "zigbee2mqtt-air",
                    "broker": "local",
                    "topic": "z/air",
                    "time": "arrival",
                },
                {"id": "bad", "profile": "zigbee2mqtt-air", "broker": "other"},
            ],
        }
    )
    profiles = {"zigbee2mqtt-air": profile.load("zigbee2mqtt-air")}
    return LoadedSite(file, tmp_path, tmp_path / "s.yaml", profiles)


def test_a_broker_is_built_from_the_site_file(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("geheim 密码\n", encoding="utf-8")
    loaded = site(tmp_path, username="gateway", password_file="pw")
    source = build_broker(loaded, loaded.file.brokers[0])
    assert (source.access.client_id, source.access.password) == ("campus-gateway-gw-7", "geheim 密码")
    assert "geheim" not in repr(source)
    (device,) = source.devices
    assert (device.device, device.topic, device.interval_s) == ("air-101", "z/air", 60.0)
    assert not device.takes_device_time


def test_a_password_file_that_cannot_be_read_is_named_with_its_cure(tmp_path: Path) -> None:
    loaded = site(tmp_path, username="gateway", password_file="none/mqtt")
    with pytest.raises(
        ConfigError, match=r"broker local: password_file .*none/mqtt cannot be read.*write the"
    ):
        build_broker(loaded, loaded.file.brokers[0])


async def test_many_topics_are_subscribed_in_several_packets() -> None:
    devices = [air(f"air-{number}") for number in range(130)]
    sink = Sink()
    async with embedded() as broker:
        with capture_logs() as log:
            async with ingest(broker, sink, *devices):
                await subscribed(log)
                for number in (0, 64, 129):
                    await publish(broker, *co2(number), topic=f"zigbee2mqtt/air-{number}")
                await sink.until(lambda: len(sink.readings) == 3)
    assert [line["topics"] for line in log if line["event"] == "subscribed"] == [260]


async def test_a_device_that_stays_silent_is_offline_after_three_intervals_of_the_clock() -> None:
    clock, sink = VirtualClock(sleeps_left=25), Sink()
    async with embedded() as broker:
        with capture_logs():
            async with ingest(broker, sink, clock=clock):
                await sink.until(lambda: sink.states)
    assert [state[:2] for state in sink.states] == [("air-101", "offline")]
    assert clock.mono_s - 1000.0 >= 190.0


async def test_a_puback_that_falls_due_after_the_end_is_harmless() -> None:
    deaf = Sink(accepts_at_once=False)
    async with embedded() as broker:
        with capture_logs() as log:
            async with ingest(broker.model_copy(update={"in_flight_max": 1}), deaf):
                await subscribed(log)
                await publish(broker, *co2(1, 2))
                await deaf.until(lambda: len(deaf.readings) == 2)  # and reading is paused
        deaf.accept()
    assert len(deaf.readings) == 2
