"""Ingest from mosquitto: sessions, acknowledgements, restarts (S12)."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from edge_config.schema import Broker
from gateway.errors import NoAnswerError, RefusedError
from gateway.sources.mqtt_connection import V5, V311, BrokerAccess, Connection
from tests.ports import free_port
from tests.sources.brokers import mosquitto
from tests.sources.fakes import Sink
from tests.sources.sensors import air
from tests.sources.talk import TOPIC, co2, ingest, publish, subscribed

pytestmark = pytest.mark.real("mosquitto")


async def test_mosquitto_is_spoken_to_in_mqtt_5_with_a_durable_session(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as real:
        with capture_logs() as log:
            async with ingest(real.broker, Sink()):
                await subscribed(log)
        assert "campus-gateway-gw-1 (p5, c0, k30)" in real.log


async def test_mosquitto_is_spoken_to_in_3_1_1_where_the_site_file_says_so(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as real:
        sink = Sink()
        with capture_logs() as log:
            async with ingest(real.broker.model_copy(update={"protocol": "3.1.1"}), sink):
                await subscribed(log)
                await publish(real.broker, *co2(1))
                await sink.until(lambda: sink.readings)
        assert "campus-gateway-gw-1 (p2, c0, k30)" in real.log


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_what_was_not_accepted_is_not_acknowledged_and_comes_again(
    tmp_path: Path, protocol: str
) -> None:
    async with mosquitto(tmp_path) as real:
        broker = real.broker.model_copy(update={"protocol": protocol})
        deaf = Sink(accepts_at_once=False)
        with capture_logs() as log:
            async with ingest(broker, deaf):
                await subscribed(log)
                await publish(broker, *co2(1, 2, 3))
                await deaf.until(lambda: len(deaf.readings) == 3)
        deaf.accept()  # too late: it means nothing to any other connection
        again = Sink()
        async with ingest(broker, again):
            await again.until(lambda: len(again.readings) == 3)
        assert [value for _, value in again.values()] == [1.0, 2.0, 3.0]
        once_more = Sink()
        with capture_logs() as log:
            async with ingest(broker, once_more):
                await subscribed(log)
                await publish(broker, *co2(4))
                await once_more.until(lambda: once_more.readings)
        assert [value for _, value in once_more.values()] == [4.0]


async def test_messages_sent_while_the_gateway_is_down_are_not_lost(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as real:
        with capture_logs() as log:
            async with ingest(real.broker, Sink()):
                await subscribed(log)
        await publish(real.broker, *co2(*range(50)))
        sink = Sink()
        async with ingest(real.broker, sink):
            await sink.until(lambda: len(sink.readings) == 50)
        assert [value for _, value in sink.values()] == [float(value) for value in range(50)]


async def test_a_broker_killed_and_restarted_mid_stream_loses_nothing(tmp_path: Path) -> None:
    sink = Sink()
    async with mosquitto(tmp_path) as real:
        with capture_logs() as log:
            async with ingest(real.broker, sink):
                await subscribed(log)
                await publish(real.broker, *co2(*range(100)))
                await sink.until(lambda: len(sink.readings) >= 30)
                await real.stop()
                await real.start()
                await publish(real.broker, *co2(*range(100, 150)))
                await sink.until(lambda: len({value for _, value in sink.values()}) == 150)
        assert {value for _, value in sink.values()} == {float(value) for value in range(150)}
        assert any("lost the connection" in str(line.get("why")) for line in log)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_a_door_that_is_full_holds_the_broker_back_and_never_locks_up(
    tmp_path: Path, protocol: str
) -> None:
    sink = Sink()
    async with mosquitto(tmp_path) as real:
        broker = real.broker.model_copy(update={"protocol": protocol, "in_flight_max": 10})
        with capture_logs() as log:
            async with ingest(broker, sink):
                await subscribed(log)
                sink.is_open.clear()
                await publish(broker, *co2(*range(300)))
                assert sink.readings == []
                sink.is_open.set()
                await sink.until(lambda: len(sink.readings) >= 300)
        assert [value for _, value in sink.values()] == [float(value) for value in range(300)]


async def test_puback_is_withheld_for_a_whole_window_and_the_stream_goes_on(tmp_path: Path) -> None:
    sink = Sink(accepts_at_once=False)
    async with mosquitto(tmp_path) as real:
        broker = real.broker.model_copy(update={"in_flight_max": 10})
        with capture_logs() as log:
            async with ingest(broker, sink):
                await subscribed(log)
                await publish(broker, *co2(*range(100)))
                await sink.until(lambda: len(sink.readings) >= 10)
                assert len(sink.readings) <= 20  # the broker holds the rest
                assert sink.hurries > 0
                while len(sink.readings) < 100:
                    sink.accept()
                    await sink.until(lambda: sink.waiting)
                sink.accept()
        assert [value for _, value in sink.values()] == [float(value) for value in range(100)]


async def test_a_wrong_password_is_said_with_its_cure(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("gateway:$7$101$YQ==$YQ==\n", encoding="utf-8")
    (tmp_path / "pw").chmod(0o600)
    async with mosquitto(tmp_path, "allow_anonymous false", f"password_file {tmp_path}/pw") as real:
        broker = real.broker.model_copy(update={"username": "gateway", "password_file": "/etc/gw/mqtt"})
        for protocol in (V5, V311):
            connection = Connection(BrokerAccess(broker, "x", "wrong"), protocol, lambda _: None)
            with pytest.raises(RefusedError, match="check username gateway and password file /etc/gw/mqtt"):
                await connection.open()


async def test_retained_values_are_noted_and_wills_are_believed(tmp_path: Path) -> None:
    sink = Sink()
    async with mosquitto(tmp_path) as real:
        await publish(real.broker, *co2(999), retain=True)
        await publish(real.broker, '{"state":"offline"}', topic=TOPIC + "/availability", retain=True)
        async with ingest(real.broker, sink):
            await sink.until(lambda: sink.rejected and sink.states)
            await publish(real.broker, *co2(400), retain=True)  # live, though the broker keeps it
            await sink.until(lambda: sink.readings)
    assert sink.values() == [("air-101.co2", 400.0)]
    assert ("air-101", "retained") in [one[:2] for one in sink.rejected]
    assert [state[:2] for state in sink.states] == [("air-101", "offline"), ("air-101", "online")]


async def test_a_topic_dropped_from_the_site_file_is_unsubscribed(tmp_path: Path) -> None:
    sink = Sink()
    async with mosquitto(tmp_path) as real:
        with capture_logs() as log:
            async with ingest(real.broker, Sink(), air("old"), air("kept")):
                await subscribed(log)
        await publish(real.broker, *co2(1), topic="zigbee2mqtt/old")
        async with ingest(real.broker, sink, air("kept")):
            await sink.until(lambda: sink.rejected)
            await publish(real.broker, *co2(2), topic="zigbee2mqtt/kept")
            await sink.until(lambda: sink.readings)
    assert sink.rejected == [("local", "unknown_topic", "zigbee2mqtt/old")]


async def test_ipv6_is_as_welcome(tmp_path: Path) -> None:
    sink = Sink()
    async with mosquitto(tmp_path, host="::1") as real:
        with capture_logs() as log:
            async with ingest(real.broker, sink):
                await subscribed(log)
                await publish(real.broker, *co2(5))
                await sink.until(lambda: sink.readings)
    assert sink.values() == [("air-101.co2", 5.0)]


async def test_nobody_there_is_no_answer() -> None:
    broker = Broker(id="local", host="127.0.0.1", port=free_port())
    with pytest.raises(NoAnswerError, match="no broker at"):
        await Connection(BrokerAccess(broker, "x"), V5, lambda _: None).open()
