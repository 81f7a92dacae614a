"""The process: where it listens, what it prints (S1), whom it lets see its key (S7, S10), and how it ends."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import ssl
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from fastapi import FastAPI

from dashboard.accounts import Accounts, read_setup_token
from dashboard.seams import Parts
from dashboard.serve import Door, configuration, listen, login_link, serve
from edge_config.site import LoadedSite
from gateway.cli.dashboard import dashboard
from gateway.errors import ConfigError
from tests.dashboard.campus import Campus, Collected, StillClock
from tests.sources.certificates import Authority

COMMAND = (sys.executable, "-m", "gateway.cli", "dashboard")


async def start(site: LoadedSite, *options: str) -> tuple[asyncio.subprocess.Process, int, str]:
    """The process, its port, and the one-time token it printed."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, str(site.path), "--port", "0", *options, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    async with asyncio.timeout(60):
        while True:
            found = re.search(rb"127\.0\.0\.1:(\d+)/login\?token=(\S+)", await process.stderr.readline())
            if found:
                return process, int(found[1]), found[2].decode()


async def ask(
    port: int, path: str, cookie: str = ""
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
    """Send one GET; the reader behind the headers, and the headers."""
    for _ in range(100):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            break
        except ConnectionRefusedError:
            await asyncio.sleep(0.05)
    writer.write(
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\nAccept: text/html\r\n\r\n".encode()
    )
    async with asyncio.timeout(60):
        return reader, writer, await reader.readuntil(b"\r\n\r\n")


async def test_sigterm_ends_the_process_in_order_although_pages_are_open(site: LoadedSite) -> None:
    process, port, token = await start(site)
    _, door, head = await ask(port, f"/login?token={token}")
    cookie = re.search(rb"set-cookie: (campus=[^;]+)", head)
    assert cookie is not None
    streams = [await ask(port, "/events", cookie[1].decode()) for _ in range(3)]
    for reader, _, head in streams:
        assert b"text/event-stream" in head
        assert b"hello" in await reader.readuntil(b"data: 1")
    process.send_signal(signal.SIGTERM)
    _, said = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0
    assert b"Traceback" not in said
    for writer in (door, *(writer for _, writer, _ in streams)):
        writer.close()


async def test_a_stop_takes_less_than_two_seconds_although_pages_are_open(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Measured in this process, by the loop's own time: what else the machine does is left out."""
    stop = asyncio.Event()
    monkeypatch.setattr("dashboard.serve.stop_event", lambda: stop)
    serving = asyncio.ensure_future(serve(parts, Door("127.0.0.1", 0)))
    async with asyncio.timeout(60):
        while not (link := re.search(r":(\d+)/login\?token=(\S+)", capsys.readouterr().err)):
            await asyncio.sleep(0)
        port = int(link[1])
        _, door, head = await ask(port, f"/login?token={link[2]}")
        cookie = re.search(rb"set-cookie: (campus=[^;]+)", head)
        assert cookie is not None
        streams = [await ask(port, "/events", cookie[1].decode()) for _ in range(3)]
        for reader, _, _ in streams:
            await reader.readuntil(b"data: 1")
        now = asyncio.get_running_loop().time
        began = now()
        stop.set()
        await serving
    assert now() - began < 2
    for writer in (door, *(writer for _, writer, _ in streams)):
        writer.close()


def test_an_occupied_port_is_one_sentence_that_names_it_and_the_cure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"127\.0\.0\.1 port {port} .*--port"):
            listen("127.0.0.1", port)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "campus.example"])
def test_s7_s10_another_address_than_this_machine_needs_https(site: LoadedSite, host: str) -> None:
    answer = CliRunner().invoke(dashboard, [str(site.path), "--host", host])
    assert isinstance(answer.exception, ConfigError)
    assert "--tls-cert" in str(answer.exception)


def test_ipv6_loopback_is_served() -> None:
    try:
        listener = listen("::1", 0)
    except ConfigError:
        pytest.skip("this machine has no IPv6 loopback")
    listener.close()


@pytest.mark.parametrize(
    ("mode", "content", "wrong"), [(0o644, "x" * 30, "read by others"), (0o600, "short", "characters")]
)
def test_s1_a_token_file_that_others_may_read_or_that_is_short_is_refused(
    tmp_path: Path, mode: int, content: str, wrong: str
) -> None:
    file = tmp_path / "token"
    file.write_text(content)
    file.chmod(mode)
    with pytest.raises(ConfigError, match=wrong):
        read_setup_token(file)


def test_s1_a_link_is_made_until_somebody_has_a_password(site: LoadedSite, tmp_path: Path) -> None:
    parts = Parts(site, Campus(site), Collected(), StillClock(), StillClock(), tmp_path / "dashboard.db")
    accounts = Accounts(parts.database, StillClock())
    first, second = login_link(parts, accounts, "http://h"), login_link(parts, accounts, "http://h")
    assert first
    assert first != second
    assert accounts.redeem_setup_token(first.partition("=")[2])
    assert accounts.set_password("admin", "admin", "long enough")
    assert login_link(parts, accounts, "http://h") is None
    assert parts.database.stat().st_mode & 0o077 == 0
    accounts.close()


def test_s1_a_setup_token_lapses_after_an_hour(tmp_path: Path) -> None:
    clock = StillClock()
    accounts = Accounts(tmp_path / "dashboard.db", clock)
    token = accounts.issue_setup_token()
    clock.steady_s += 3601
    assert accounts.redeem_setup_token(token) is None
    accounts.close()


def test_a_door_without_a_certificate_is_plain() -> None:
    assert Door("127.0.0.1", 0).certificate is None


def test_s10_a_key_that_others_may_read_is_refused(site: LoadedSite, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text("x")
    key.chmod(0o644)
    command = [str(site.path), "--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(key)]
    answer = CliRunner().invoke(dashboard, command)
    assert isinstance(answer.exception, ConfigError)
    assert "chmod 600" in str(answer.exception)


def test_s10_https_is_at_least_tls_1_2(tmp_path: Path) -> None:
    files = Authority(tmp_path).made().issue("pages")
    config = configuration(FastAPI(), Door("127.0.0.1", 0, files[0], files[1]))
    config.load()
    assert config.ssl is not None
    assert config.ssl.minimum_version >= ssl.TLSVersion.TLSv1_2
