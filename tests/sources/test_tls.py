"""MQTT over TLS against mosquitto: what is verified, what is said when it is not, and that nothing goes out before (S12)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import pytest
from structlog.testing import capture_logs

from edge_config.schema import Broker
from gateway.errors import NoAnswerError, RefusedError
from gateway.sources.mqtt_connection import V5, V311, BrokerAccess, Connection
from tests.ports import free_port
from tests.sources.brokers import Mosquitto, mosquitto
from tests.sources.certificates import Authority
from tests.sources.fakes import Sink
from tests.sources.talk import TOPIC, co2, ingest, subscribed

pytestmark = pytest.mark.real("mosquitto", "openssl")

CLIENT_ID = "nobody-hears-of-me"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca")).made()


@asynccontextmanager
async def secure(folder: Path, pair: tuple[Path, Path], *lines: str) -> AsyncIterator[Mosquitto]:
    cert, key = pair
    tls = (f"certfile {cert}", f"keyfile {key}", *lines, "allow_anonymous true")
    async with mosquitto(folder, *tls) as real:
        yield real


def trusting(real: Mosquitto, authority: Authority, **more: object) -> Broker:
    return real.broker.model_copy(update={"ca_file": str(authority.file), **more})


async def opened(broker: Broker) -> None:
    """Connect and leave; what the attempt raises comes out."""
    connection = Connection(BrokerAccess(broker, CLIENT_ID), V5, lambda _: None)
    await connection.open()
    connection.close()


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_a_burst_over_tls_arrives_whole_and_in_order(
    tmp_path: Path, authority: Authority, protocol: str
) -> None:
    sink, context = Sink(), ssl.create_default_context(cafile=str(authority.file))
    async with secure(tmp_path, authority.issue("good")) as real:
        with capture_logs() as log:
            async with ingest(trusting(real, authority, protocol=protocol, in_flight_max=20), sink):
                await subscribed(log)
                async with aiomqtt.Client("127.0.0.1", real.port, tls_context=context) as client:
                    for message in co2(*range(400)):
                        await client.publish(TOPIC, message, qos=1)
                await sink.until(lambda: len(sink.readings) >= 400)
    assert [value for _, value in sink.values()] == [float(value) for value in range(400)]


async def test_a_certificate_of_another_authority_is_refused_and_nothing_is_sent(
    tmp_path: Path, authority: Authority
) -> None:
    other = Authority(tmp_path, "other").made()
    async with secure(tmp_path, authority.issue("good")) as real:
        with pytest.raises(NoAnswerError, match=r"not signed by .*other\.crt .*: name the right ca_file"):
            await opened(trusting(real, other))
        assert CLIENT_ID not in real.log


async def test_an_expired_certificate_is_refused_and_nothing_is_sent(
    tmp_path: Path, authority: Authority
) -> None:
    async with secure(tmp_path, authority.issue("old", is_expired=True)) as real:
        with pytest.raises(NoAnswerError, match="its certificate has expired: renew it"):
            await opened(trusting(real, authority))
        assert "New client connected" not in real.log


async def test_a_certificate_of_another_host_is_refused_and_nothing_is_sent(
    tmp_path: Path, authority: Authority
) -> None:
    async with secure(tmp_path, authority.issue("elsewhere", "DNS:mqtt.school.example")) as real:
        with pytest.raises(NoAnswerError, match=r"not for 127\.0\.0\.1: write host as the certificate says"):
            await opened(trusting(real, authority))
        assert "New client connected" not in real.log


async def test_a_broker_may_ask_for_our_certificate(tmp_path: Path, authority: Authority) -> None:
    cert, key = authority.issue("gateway", "DNS:gw-1")
    asks = (f"cafile {authority.file}", "require_certificate true")
    async with secure(tmp_path, authority.issue("good"), *asks) as real:
        await opened(trusting(real, authority, cert_file=str(cert), key_file=str(key)))
        with pytest.raises(RefusedError, match="write cert_file and key_file"):
            await opened(trusting(real, authority))


async def test_a_plain_port_is_told_from_a_tls_port(tmp_path: Path, authority: Authority) -> None:
    async with mosquitto(tmp_path) as real:
        with pytest.raises(NoAnswerError, match="does not speak TLS: use its TLS port"):
            await opened(trusting(real, authority))


async def test_a_ca_file_that_is_missing_or_holds_no_certificate_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty.crt").write_text("hello\n", encoding="ascii")
    for name, said in (("gone.crt", "gone.crt cannot be read"), ("empty.crt", "holds no certificate")):
        broker = Broker(id="b", host="127.0.0.1", port=free_port(), ca_file=str(tmp_path / name))
        with pytest.raises(NoAnswerError, match=said):
            await opened(broker)


async def test_a_server_that_never_shakes_hands_is_left(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.sources.mqtt_connection.CONNECT_S_MAX", 0.2)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    broker = Broker(id="b", host="127.0.0.1", port=port, ca_file=str(authority.file))
    try:
        with pytest.raises(NoAnswerError, match=r"no broker at|no connection to broker"):
            await Connection(BrokerAccess(broker, CLIENT_ID), V311, lambda _: None).open()
    finally:
        server.close()
        await server.wait_closed()
