"""The service as its operator meets it: real processes, real signals."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx2
import pytest
from click.testing import CliRunner

from district.app import create_app
from district.refusal import DistrictError
from district.serve import Settings, app_of, listen, serving
from district.service import Service
from gateway.cli.district import district
from tests.district import campus
from tests.district.conftest import StillClock

COMMAND = [sys.executable, "-c", "from gateway.cli.main import main; main()", "district"]


@contextmanager
def running(database: Path | str, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A district process and its url, once it listens."""
    command = [*COMMAND, "--database", str(database), "--port", "0", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            for text in process.stderr:
                said = json.loads(text)
                if said["event"] == "district is listening":
                    yield process, said["url"]
                    break
            else:
                raise AssertionError("the district did not start")
        finally:
            if process.poll() is None:
                process.kill()


def enrolled(database: Path, *options: str) -> str:
    command = ["enrol", "--database", str(database), "demo", "gw-1", "--redeem", *options]
    result = CliRunner().invoke(district, command)
    assert result.exit_code == 0, result.output
    return result.output.strip()


def post(url: str, raw: bytes, key: str) -> httpx2.Response:
    headers = campus.signed(key, raw)
    return httpx2.post(url + "/v1/batches", content=raw, headers=headers, trust_env=False)


def test_a_killed_district_keeps_what_it_gave_a_receipt_for(tmp_path: Path) -> None:
    database = tmp_path / "district.db"
    key = enrolled(database, "--name", "示例中学")
    first = campus.batch(campus.day_slots(count=6))
    with running(database) as (process, url):
        assert post(url, first, key).json()["count"] == 8
        os.kill(process.pid, signal.SIGKILL)
        process.wait(60)
    with running(database) as (process, url):
        assert post(url, first, key).json()["duplicate"] is True
        later = campus.batch([campus.slot(campus.METER, 6)], 8)
        assert post(url, later, key).json()["duplicate"] is False
        (point,) = httpx2.get(url + "/v1/sites/demo/totals", trust_env=False).json()["points"]
        assert point["value"] == 7.0
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


async def test_a_stop_takes_less_than_two_seconds_although_a_client_stays(tmp_path: Path) -> None:
    """Measured in this process, by the loop's own time: what else the machine does is left out."""
    with (
        closing(listen("127.0.0.1", 0)) as listener,
        closing(Service(tmp_path / "d.db", StillClock())) as service,
    ):
        async with serving(create_app(service, with_pages=False), listener):
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(b"GET /v1/sites/demo/totals HTTP/1.1\r\nHost: d\r\n\r\n")
            async with asyncio.timeout(60):
                assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1")
            began = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - began < 2.0
    writer.close()
    await writer.wait_closed()


def test_an_occupied_port_is_one_sentence_with_the_cure(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        command = [*COMMAND, "--database", str(tmp_path / "d.db"), "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        f"campus-gateway: port {port} on 127.0.0.1 is in use;"
        " stop the program that holds it or choose another with --port\n"
    )


def test_an_ipv6_address_is_as_good(tmp_path: Path) -> None:
    with listen("::1", 0) as listener:
        assert listener.family is socket.AF_INET6
        assert listener.getsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY
        )  # or each receipt takes 40 ms longer
    with listen("::", 0) as listener, socket.create_connection(("127.0.0.1", listener.getsockname()[1]), 5):
        pass


def test_an_address_that_is_not_ours_names_the_options() -> None:
    with pytest.raises(DistrictError, match="--host"):
        listen("192.0.2.1", 0)


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_pages_are_for_this_machine(host: str, is_ours: bool) -> None:
    assert Settings("", host).with_pages is is_ours


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--database PATH is missing"),
        (["enrol", "demo", "gw-1"], "--database PATH is missing"),
        (["enrol", "--database", "x.db", "Demo School", "gw-1"], "is no id"),
        (["--database", "x.db", "--clock-rate", "-1"], "--clock-rate -1 must be above 0"),
    ],
)
def test_wrong_use_is_told_before_anything_is_made(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(district, arguments)
    assert result.exit_code == 2
    assert said in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "d.db").write_text("this is no database, but long enough to be looked at" * 100)
    result = CliRunner().invoke(district, ["enrol", "--database", str(tmp_path / "d.db"), "demo", "gw-1"])
    assert "cannot open the database" in str(result.exception)


LOCAL, ELSEWHERE = Settings("", "127.0.0.1"), Settings("", "0.0.0.0")
READING = (
    "/",
    "/reports",
    "/schools/demo",
    "/reports/schools.csv",
    "/v1/sites",
    "/v1/sites/demo/totals",
    "/metrics",
)


async def status(
    service: Service, settings: Settings, path: str, client: str = "127.0.0.1", **headers: str
) -> int:
    transport = httpx2.ASGITransport(app=app_of(service, settings), client=(client, 5000))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8610") as asking:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return (await asking.get(path, headers=named)).status_code


@pytest.mark.parametrize("path", READING)
async def test_s17_what_has_no_login_is_for_this_machine_under_its_own_name(
    path: str, tmp_path: Path
) -> None:
    """A name that an attacker makes lead here (DNS rebinding), and a proxy here that hands on everything, get nothing."""
    with closing(Service(tmp_path / "d.db", StillClock())) as service:
        assert await status(service, LOCAL, path) in {200, 404}
        assert await status(service, LOCAL, path, host="localhost:8610") in {200, 404}
        assert await status(service, LOCAL, path, "::1", host="[::1]:8610") in {200, 404}
        assert await status(service, LOCAL, path, host="evil.example:8610") == 403
        assert await status(service, LOCAL, path, host="[::1") == 403
        assert await status(service, LOCAL, path, "192.0.2.7") == 403
        assert await status(service, LOCAL, path, x_forwarded_for="127.0.0.1") == 403
        assert await status(service, LOCAL, path, forwarded="for=127.0.0.1") == 403
        assert await status(service, ELSEWHERE, path) in {403, 404}
        allowed = Settings("", "127.0.0.1", remote_pages=True)
        assert await status(service, allowed, path, "192.0.2.7", host="district.example") in {200, 404}


@pytest.mark.parametrize("path", ["/healthz", "/v1/openapi.json"])
async def test_s17_what_gateways_need_is_for_all(path: str, tmp_path: Path) -> None:
    with closing(Service(tmp_path / "d.db", StillClock())) as service:
        for settings in (LOCAL, ELSEWHERE):
            assert await status(service, settings, path, "192.0.2.7", host="district.example") == 200
