"""Control commands over a real Unix socket: client and server together, and against those who misbehave (S20, S26, S27)."""

from __future__ import annotations

import asyncio
import socket
import stat
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.control import client, server
from gateway.control.protocol import LINE_MAX, Command
from gateway.control.server import ControlServer, Handler
from gateway.errors import CollectorAwayError, ControlError, StoreError

COMMAND = Command("k1", "王工", "acknowledge", "event-1", {"note": "已处理"})


class Desk:
    """Handlers that keep what they were given; the same key gets the same answer, as the collector's do."""

    def __init__(self) -> None:
        self.seen: list[Command] = []
        self.answers: dict[str, dict[str, Any]] = {}
        self.entered, self.release = asyncio.Event(), asyncio.Event()

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "acknowledge": self.acknowledge,
            "refuse": self.refuse,
            "fail": self.fail,
            "break": self.broken,
            "wait": self.wait,
        }

    async def acknowledge(self, command: Command) -> dict[str, Any]:
        if command.key not in self.answers:
            self.seen.append(command)
            self.answers[command.key] = {"number": len(self.seen)}
        return self.answers[command.key]

    async def refuse(self, command: Command) -> dict[str, Any]:
        raise ControlError(f"没有事件 {command.subject}")

    async def fail(self, command: Command) -> dict[str, Any]:
        raise StoreError("the disk is full")

    async def broken(self, command: Command) -> dict[str, Any]:
        raise ZeroDivisionError("a secret of the inside")

    async def wait(self, command: Command) -> dict[str, Any]:
        self.entered.set()
        await self.release.wait()
        return {}


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


@pytest.fixture
async def running(desk: Desk, path: Path) -> AsyncIterator[ControlServer]:
    async with ControlServer(path, desk.handlers()) as control:
        yield control


async def test_a_command_arrives_whole_and_its_answer_comes_back(
    running: ControlServer, desk: Desk, path: Path
) -> None:
    assert await client.send(path, COMMAND) == {"number": 1}
    assert desk.seen == [COMMAND]


async def test_the_same_key_gets_the_same_answer_and_no_second_effect(
    running: ControlServer, desk: Desk, path: Path
) -> None:
    assert await client.send(path, COMMAND) == await client.send(path, COMMAND)
    assert len(desk.seen) == 1


async def test_s27_only_the_collectors_user_may_open_the_socket(running: ControlServer, path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_refusal_carries_the_collectors_words(running: ControlServer, path: Path) -> None:
    with pytest.raises(ControlError, match="没有事件 event-9"):
        await client.send(path, Command("k", "u", "refuse", "event-9"))
    with pytest.raises(ControlError, match="the disk is full"):
        await client.send(path, Command("k", "u", "fail"))


async def test_an_unknown_command_is_told_what_is_known(running: ControlServer, path: Path) -> None:
    with pytest.raises(ControlError, match="no command 'reboot'; known are acknowledge, break"):
        await client.send(path, Command("k", "u", "reboot"))


async def test_s26_a_broken_handler_is_logged_and_says_nothing_of_the_inside(
    running: ControlServer, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ControlError, match="its log says why") as caught:
        await client.send(path, Command("k", "u", "break"))
    assert "secret" not in str(caught.value)
    assert await client.send(path, COMMAND) == {"number": 1}


async def test_without_a_collector_the_error_says_so_and_what_to_do(path: Path) -> None:
    with pytest.raises(CollectorAwayError, match="not running, so nothing was changed; start it"):
        await client.send(path, COMMAND)


async def test_a_collector_that_was_killed_is_as_good_as_none(desk: Desk, path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    with pytest.raises(CollectorAwayError, match="not running"):
        await client.send(path, COMMAND)
    async with ControlServer(path, desk.handlers()):
        assert await client.send(path, COMMAND) == {"number": 1}
    assert not path.exists()


async def test_a_second_collector_does_not_take_the_socket_over(
    running: ControlServer, desk: Desk, path: Path
) -> None:
    with pytest.raises(ControlError, match="another collector answers"):
        await ControlServer(path, {}).__aenter__()
    assert await client.send(path, COMMAND) == {"number": 1}


async def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match=r"none/control\.sock cannot be made"):
        await ControlServer(tmp_path / "none" / "control.sock", {}).__aenter__()


async def test_a_path_too_long_for_a_socket_is_named(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="107 bytes"):
        await ControlServer(tmp_path / ("x" * 120), {}).__aenter__()


async def test_no_answer_in_time_says_that_asking_again_is_safe(running: ControlServer, path: Path) -> None:
    with pytest.raises(CollectorAwayError, match="under the same key is safe"):
        await client.send(path, Command("k", "u", "wait"), timeout_s=0.05)


async def test_a_collector_that_stops_in_between_ends_its_connections(desk: Desk, path: Path) -> None:
    async with ControlServer(path, desk.handlers()):
        asked = asyncio.create_task(client.send(path, Command("k", "u", "wait")))
        await desk.entered.wait()
        reader, writer = await asyncio.open_unix_connection(path)
    with pytest.raises(CollectorAwayError):
        await asked
    assert await reader.read() == b""
    writer.close()


async def test_run_serves_until_it_is_cancelled(desk: Desk, path: Path) -> None:
    task = asyncio.create_task(ControlServer(path, desk.handlers()).run())
    assert await patiently(path, COMMAND) == {"number": 1}
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not path.exists()


async def patiently(path: Path, command: Command) -> dict[str, Any]:
    """Until the server is there, or has noticed that others left; the test's time-out is the limit."""
    while True:
        try:
            return await client.send(path, command)
        except ControlError:
            await asyncio.sleep(0)


async def exchange(path: Path, *lines: bytes) -> list[bytes]:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.writelines(lines)
    writer.write_eof()
    answers = (await reader.read()).splitlines()
    writer.close()
    return answers


@pytest.mark.parametrize(
    "line",
    [b"\n", b"{}\n", b"[1,2]\n", b"\xff\xfe\n", b'{"key":"","user":"u","name":"acknowledge"}\n', b"[" * 5000 + b"\n",
     b'{"key":"k","user":"u","name":"acknowledge","body":7}\n'],
)  # fmt: skip
async def test_what_is_no_command_is_refused_and_the_next_one_served(
    running: ControlServer, path: Path, line: bytes
) -> None:
    good = b'{"key":"k","user":"u","name":"acknowledge"}\n'
    refused, served = await exchange(path, line, good)
    assert b'"ok":false' in refused
    assert served == b'{"ok":true,"result":{"number":1},"error":null}'


async def test_s20_a_line_without_an_end_is_bounded(running: ControlServer, path: Path) -> None:
    (answer,) = await exchange(path, b"x" * (LINE_MAX + 1))
    assert b"at most 65536 bytes" in answer


async def test_half_a_command_has_no_effect(running: ControlServer, desk: Desk, path: Path) -> None:
    assert await exchange(path, b'{"key":"k","user":"u","name":"acknowledge"}') == []
    assert desk.seen == []


async def test_a_command_that_is_too_long_is_refused_before_it_is_sent(path: Path) -> None:
    with pytest.raises(ControlError, match="more than the 65536"):
        await client.send(path, Command("k", "u", "acknowledge", "", {"note": "字" * 40_000}))


async def test_s20_connections_are_bounded(
    desk: Desk, path: Path, running: ControlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "CONNECTIONS_MAX", 2)
    idle = [await asyncio.open_unix_connection(path) for _ in range(2)]
    with pytest.raises(ControlError, match="too many commands at once"):
        await client.send(path, COMMAND)
    for _, writer in idle:
        writer.close()
    assert await patiently(path, COMMAND) == {"number": 1}


async def test_an_idle_connection_is_closed(
    running: ControlServer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "IDLE_S_MAX", 0.01)
    reader, writer = await asyncio.open_unix_connection(path)
    assert await reader.read() == b""
    writer.close()


async def test_what_is_no_collector_is_said_to_be_none(path: Path) -> None:
    async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 welcome\n")
        writer.close()

    other = await asyncio.start_unix_server(babble, path)
    with pytest.raises(ControlError, match="cannot be read"):
        await client.send(path, COMMAND)
    other.close()
    await other.wait_closed()
