"""What a newcomer sees of the demo: where to look within seconds, then history that live values carry on without a seam."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.campus.running import RunningDemo, crowding, demo

pytestmark = [pytest.mark.campus, pytest.mark.timeout(300)]

START_MS = 1_789_455_600_000  # 2026-09-15 15:00 in Shanghai
RATE = 20.0
QUARTER_MS = 900_000


def banner(running: RunningDemo) -> str:
    """What the demo prints first; fails when it takes longer than ten seconds of a machine that does nothing else."""
    assert running.process.stdout is not None
    lines: list[str] = []
    began = time.monotonic()
    while not lines or "logs" not in lines[-1]:
        assert running.process.poll() is None, lines
        lines.append(running.process.stdout.readline())
    took_s = time.monotonic() - began
    assert took_s < 10 * crowding(), lines
    return "".join(lines)


def live_since(running: RunningDemo) -> int:
    """The end of the replayed span."""
    return int(str(running.rows('SELECT max("end") FROM replay_span')[0][0]))


def test_history_is_followed_by_live_values_without_a_seam(tmp_path: Path) -> None:
    with demo(tmp_path / "demo", rate=RATE, start_ms=START_MS, history=1) as running:
        said = banner(running)
        assert re.search(r"http://127\.0\.0\.1:\d+/login\?token=\S{20,}", said)
        assert f"http://127.0.0.1:{running.port_base + 1}/" in said
        running.wait_for("a replay", lambda: running.rows("SELECT * FROM replay_span"))
        seam = live_since(running)
        live = f"SELECT count(DISTINCT point_id) FROM reading WHERE measured_at > {seam}"
        running.wait_for("all meters are live", lambda: int(str(running.rows(live)[0][0])) > 60)
        running.wait_until(seam - seam % QUARTER_MS + QUARTER_MS + 120_000)
        counters = "SELECT point_id FROM point WHERE kind = 'counter' AND device IN ('main-e', 'pv', 'main-w', 'lift-e')"
        around = (
            f"SELECT DISTINCT content, revision FROM interval WHERE period = '15min' AND start <= {seam}"
            f' AND "end" > {seam}'
            f" AND point_id IN ({counters})"
        )
        running.wait_for("the slot with the seam is closed", lambda: running.rows(around))
        assert running.rows(around) == [("measured", 1)]
        assert running.rows("SELECT * FROM event WHERE kind = 'reset'") == []
        assert running.rows("SELECT * FROM rejection WHERE reason = 'dip'") == []
        uplink = "SELECT (SELECT max(seq) FROM change) - cursor FROM uplink"
        running.wait_for("all of it is at the district", lambda: int(str(running.rows(uplink)[0][0])) < 300)
        assert running.stop() <= 5.0
        assert running.pids() == []


def test_an_occupied_port_ends_the_demo_with_its_name_and_leaves_nothing(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        command = [
            sys.executable,
            "-m",
            "gateway.cli",
            "demo",
            "--data",
            str(tmp_path / "d"),
            "--port-base",
            str(port),
            "--history",
            "0",
        ]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1
    assert str(port) in result.stderr
    assert "Traceback" not in result.stderr


def test_a_folder_that_is_not_a_demos_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    command = [sys.executable, "-m", "gateway.cli", "demo", "--data", str(tmp_path), "--history", "0"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, (tmp_path / "thesis.txt").read_text()) == (1, "years of work")
    assert "--data" in result.stderr
