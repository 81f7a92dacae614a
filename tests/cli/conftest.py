"""Commands as their users run them: processes of their own, small site files, free ports."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ports import free_port

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def site_file(tmp_path: Path) -> Path:
    """A meter on a bus where nobody listens, a sensor at a broker that is not there, a district that is down."""
    (tmp_path / "token").write_text("secret\n")
    (tmp_path / "token").chmod(0o600)
    path = tmp_path / "site.yaml"
    path.write_text(
        f"""\
site: {{id: s, name: 测试学校}}
gateway: {{id: gw-1}}
spaces:
  - {{id: a, name: A, kind: classroom}}
buses:
  - {{id: east, kind: modbus-tcp, host: 127.0.0.1, port: {free_port()}, timeout_s: 0.2}}
brokers:
  - {{id: local, host: 127.0.0.1, port: {free_port()}}}
devices:
  - {{id: main-e, profile: acrel-adl400, bus: east, unit_id: 1, poll_interval_s: 1}}
  - {{id: air, profile: zigbee2mqtt-air, broker: local, topic: z/air, space: a}}
uplinks:
  - {{id: district, kind: district-http, url: "http://127.0.0.1:{free_port()}/v1", token_file: token, interval_s: 1}}
collector: {{port: {free_port()}}}
dashboard: {{port: {free_port()}}}
worker: {{port: {free_port()}}}
""",
        encoding="utf-8",
    )
    return path


@pytest.fixture
def run() -> Run:
    """Run a command to its end: returncode, stdout, stderr."""

    def run_command(*arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "gateway.cli", *map(str, arguments)]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120, check=False)

    return run_command


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a command; whatever still runs at the end of the test is killed."""
    started: list[subprocess.Popen[str]] = []

    def start_command(*arguments: str | Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "gateway.cli", *map(str, arguments)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start_command
    for process in started:
        process.kill()
        process.communicate()
