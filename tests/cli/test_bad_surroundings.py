"""What goes wrong around a gateway gets one sentence that names the thing and the cure, and stops nothing else."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import Run, Start


def health(site_file: Path) -> dict[str, Any]:
    port = yaml.safe_load(site_file.read_text())["collector"]["port"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=30) as reply:
        return dict(json.load(reply))


def eventually(is_so: Callable[[], bool], what: str, patience_s: float = 60.0) -> None:
    end = time.monotonic() + patience_s
    while True:
        try:
            if is_so():
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pass
        assert time.monotonic() < end, f"not within {patience_s:g} s: {what}"
        time.sleep(0.05)


def refused(result: subprocess.CompletedProcess[str], words: str) -> None:
    """Exit code 1, one message that says ``words``, no trace."""
    assert result.returncode == 1, result.stderr
    assert re.search(words, result.stderr), result.stderr
    assert "Traceback" not in result.stderr


def test_dead_bus_no_broker_and_no_district_leave_the_collector_up(
    site_file: Path, start: Start, run: Run
) -> None:
    collector = start("collect", site_file)
    eventually(lambda: health(site_file)["status"] == "ok", "the collector is healthy")
    eventually(
        lambda: "offline" in run("query", site_file, "devices", "--json").stdout,
        "the dead meter is told as offline",
    )
    status = run("status", site_file).stdout
    assert "main-e" in status or "offline" in status
    collector.terminate()
    _, log = collector.communicate(timeout=60)
    assert collector.returncode == 0, log
    assert "Traceback" not in log
    for named in ("127.0.0.1", "east", "local", "district"):
        assert named in log


def test_an_occupied_health_port_is_named_with_the_cure(site_file: Path, run: Run) -> None:
    port = yaml.safe_load(site_file.read_text())["collector"]["port"]
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", port))
        holder.listen()
        refused(run("collect", site_file), rf"port {port} cannot be used.*collector: \{{port: …\}}")


def test_a_second_collector_on_the_same_buffer_is_refused_and_the_first_goes_on(
    site_file: Path, start: Start, run: Run
) -> None:
    first = start("collect", site_file)
    eventually(lambda: health(site_file)["status"] == "ok", "the first collector is healthy")
    refused(run("collect", site_file), rf"buffer\.db: another collector or replay \(process {first.pid}\)")
    assert health(site_file)["status"] == "ok"


@pytest.mark.parametrize("command", ["collect", "run", "replay", "status", "work", "dashboard"])
def test_every_command_lists_all_errors_of_a_site_file_with_line_and_cure(
    site_file: Path, run: Run, command: str
) -> None:
    text = (
        site_file.read_text()
        .replace("profile: acrel-adl400", "profile: acrel-adl40")
        .replace("unit_id: 1", "unit: 1")
    )
    site_file.write_text(text)
    result = run(command, site_file)
    refused(result, r"site\.yaml:10:\d+: .*acrel-adl40\b.*acrel-adl400")
    assert re.search(r"site\.yaml:10:\d+: .*unit\b.*unit_id", result.stderr)


def test_a_password_file_that_cannot_be_read_is_named(site_file: Path, run: Run) -> None:
    text = site_file.read_text().replace(
        "id: local,", "id: local, username: gateway, password_file: nowhere,"
    )
    site_file.write_text(text)
    refused(run("collect", site_file), r"site\.yaml:8:\d+: .*password_file.*nowhere.*cannot be read")


def test_run_ends_when_one_of_its_processes_cannot_start(site_file: Path, run: Run) -> None:
    port = yaml.safe_load(site_file.read_text())["dashboard"]["port"]
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", port))
        holder.listen()
        refused(run("run", site_file), rf"(?s)port {port}.*dashboard could not start")


def test_a_replay_names_its_wrong_line(site_file: Path, run: Run) -> None:
    good = '{"point": "main-e.power", "measured_at": "2026-09-01T08:00:00+08:00", "value": 1.5}'
    refused(
        run("replay", site_file, "--quiet", stdin=f"{good}\n{{}}\n"), r"<stdin>:2: .*missing required field"
    )
    latest = run("query", site_file, "series", "main-e.power", "--from", "2026-09-01", "--json")
    assert latest.returncode == 0, latest.stderr
