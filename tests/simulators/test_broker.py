from __future__ import annotations

import asyncio
import contextlib
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import aiomqtt
import pytest

from simulators.broker import EmbeddedBroker, write_users
from simulators.errors import SimulatorError

CONNECT = b"\x10\x19\x00\x04MQTT\x04\xc2\x00\x3c\x00\x01a\x00\x03sim\x00\x05other"


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[EmbeddedBroker]:
    write_users(tmp_path / "users", {"gateway": "open sesame", "sim": "other"})
    async with EmbeddedBroker("127.0.0.1", 0, tmp_path / "users") as served:
        yield served


def client(broker: EmbeddedBroker, username: str | None, password: str | None) -> aiomqtt.Client:
    return aiomqtt.Client("127.0.0.1", broker.port, username=username, password=password, timeout=5)


async def test_the_right_password_is_let_in_and_a_message_arrives(broker: EmbeddedBroker) -> None:
    async with client(broker, "gateway", "open sesame") as gateway, client(broker, "sim", "other") as sim:
        await gateway.subscribe("a/#", qos=1)
        await sim.publish("a/b", "21.5", qos=1)
        message = await anext(gateway.messages)
        assert message.payload == b"21.5"
        assert broker.sessions == 2


@pytest.mark.parametrize(
    ("username", "password"), [("gateway", "wrong"), ("nobody", "open sesame"), (None, None)]
)
async def test_s12_anybody_else_is_refused(
    broker: EmbeddedBroker, username: str | None, password: str | None
) -> None:
    with pytest.raises(aiomqtt.MqttError):
        async with client(broker, username, password):
            pass


@pytest.mark.parametrize("sent", [b"", CONNECT[:9], CONNECT], ids=["nothing", "half a CONNECT", "a CONNECT"])
async def test_a_client_in_the_middle_of_something_is_let_go_of_at_the_end(
    tmp_path: Path, sent: bytes
) -> None:
    write_users(tmp_path / "users", {"sim": "other"})
    for turns in range(30):
        async with EmbeddedBroker("127.0.0.1", 0, tmp_path / "users") as broker:
            with_us = socket.create_connection(("127.0.0.1", broker.port), timeout=60)
            with_us.sendall(sent)
            for _ in range(turns):
                await asyncio.sleep(0)
        with with_us, contextlib.suppress(ConnectionResetError):
            while with_us.recv(64):
                pass


async def test_a_client_that_hangs_up_in_its_connect_is_let_go_of_at_once(broker: EmbeddedBroker) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
    try:
        writer.write(CONNECT[:9])
        writer.write_eof()
        async with asyncio.timeout(60):
            assert await reader.read() == b""
    finally:
        writer.close()
        await writer.wait_closed()


async def test_an_occupied_port_is_named_with_the_cure(broker: EmbeddedBroker, tmp_path: Path) -> None:
    with pytest.raises(SimulatorError, match=f"port {broker.port}; stop what uses it"):
        await EmbeddedBroker("127.0.0.1", broker.port, tmp_path / "users").__aenter__()


async def test_without_a_users_file_it_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(SimulatorError, match="does not exist"):
        await EmbeddedBroker("127.0.0.1", 0, tmp_path / "none").__aenter__()


def test_the_users_file_holds_hashes_only_its_owner_may_read(tmp_path: Path) -> None:
    path = tmp_path / "users"
    write_users(path, {"gateway": "open sesame"})
    text = path.read_text()
    assert text.startswith("gateway:$argon2id$")
    assert "open sesame" not in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["users"]


def test_a_name_that_would_break_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be a user's name"):
        write_users(tmp_path / "users", {"a:b": "x"})
