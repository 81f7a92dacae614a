from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import click
import pytest

from gateway.cli.simulate import _fault
from runtime.clock import format_utc
from simulators.campus import Campus
from simulators.demo_site import write_demo_site
from tests.ports import free_ports
from tests.simulators.processes import get, run, running


def test_truth_is_printed_per_counter(campus: Campus, monday: int) -> None:
    done = run(str(campus.site.path), "--truth", str(monday), format_utc(monday + 86_400_000))
    lines = {line["point"]: line for line in map(json.loads, done.stdout.splitlines())}
    for truth in campus.counter_truth(monday, monday + 86_400_000):
        line = lines[truth.point]
        assert (line["start"], line["end"]) == (float(truth.start), float(truth.end))
        assert line["resolution"] == float(truth.resolution)


def test_history_of_another_process_is_the_same_world(campus: Campus, monday: int) -> None:
    done = run(str(campus.site.path), "--history", "0.02", "--clock-start", f"{format_utc(monday)}")
    header, *lines = map(json.loads, done.stdout.splitlines())
    assert len(lines) == header["replay"]["total"]
    assert all(line["value"] == campus.points[line["point"]].shown(line["measured_at"]) for line in lines)


def test_a_live_simulator_is_healthy_and_ends_in_order_when_told(tmp_path: Path) -> None:
    base = free_ports(10)
    site = write_demo_site(tmp_path / "school", base)
    users, password = site.parent / "var" / "mqtt.users", site.parent / "var" / "sim.password"
    broker_port, health = str(base + 2), f"http://127.0.0.1:{base + 8}"
    with running(
        "--broker", "--port", broker_port, "--users", str(users), "--health-port", str(base + 9)
    ) as broker:
        assert json.loads(get(f"http://127.0.0.1:{base + 9}/healthz", broker))["status"] == "ok"
        with running(
            str(site), "--mqtt-password-file", str(password), "--health-port", str(base + 8)
        ) as simulator:
            while json.loads(get(f"{health}/healthz", simulator))["status"] != "ok":
                time.sleep(0.05)
            counted = 'simulator_modbus_requests_total{device="main-e",outcome="answered"} 0.0'
            assert counted in get(f"{health}/metrics", simulator)
            for process in (simulator, broker):
                process.send_signal(signal.SIGTERM)
                assert process.wait(60) == 0
    assert not (site.parent / "var" / "ttyCampus").is_symlink()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--fault", "nobody=dead"], "--fault names nobody, which the site does not have"),
        (
            ["--history", "1", "--clock-start", "2025-01-01T00:00:00Z"],
            "the simulated campus begins on 2026-01-01",
        ),
    ],
)
def test_what_cannot_be_is_one_sentence_and_no_trace(campus: Campus, arguments: list[str], says: str) -> None:
    done = run(str(campus.site.path), *arguments)
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_fault_that_does_not_exist_is_a_usage_error() -> None:
    with pytest.raises(click.UsageError, match="must be DEVICE=dead, DEVICE=busy or DEVICE=slow"):
        _fault("main-e=odd")
