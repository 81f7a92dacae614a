"""``campus-gateway check``: the plan of a site that is right, every error of one that is wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.edge_config.conftest import Folder


def check(site: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway.cli", "check", str(site)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False)


def test_a_site_that_is_right_prints_its_plan(demo: Path) -> None:
    done = check(demo)
    assert (done.returncode, done.stderr) == (0, "")
    assert "配置正确 OK: 示例中学" in done.stdout
    assert "modbus-rtu" in done.stdout
    assert "zigbee2mqtt/air-a101" in done.stdout
    assert "district-http" in done.stdout
    assert "readings a day" in done.stdout
    assert "of 4.00 GiB" in done.stdout


def test_errors_are_listed_with_file_line_and_column_and_the_exit_code_is_1(folder: Folder) -> None:
    folder.write(("unit_id: 1,", "unit_id: 300,"), ("kind: building", "kind: bulding"))
    done = check(folder.site)
    assert done.returncode == 1
    assert f"{folder.site}:4:28: spaces[a].kind: " in done.stdout
    assert f"{folder.site}:13:61: devices[main-e].unit_id: 300 is out of range" in done.stdout
    assert done.stderr == f"campus-gateway: {folder.site} cannot be used: 2 errors, 0 warnings\n"
    assert "Traceback" not in done.stdout + done.stderr


def test_warnings_are_printed_and_do_not_fail(folder: Folder) -> None:
    folder.write(("unit_id: 1,", "unit_id: 1, ct_ratio: 2,"))
    done = check(folder.site)
    assert done.returncode == 0
    assert "警告 warning" in done.stdout


def test_a_bus_that_will_not_keep_its_schedule_is_a_warning_before_it_runs(folder: Folder) -> None:
    folder.write(
        ("unit_id: 3,", "unit_id: 3, poll_interval_s: 0.2,"),
        ("port: /dev/ttyUSB0", "port: /dev/ttyUSB0, baudrate: 1200"),
    )
    done = check(folder.site)
    assert done.returncode == 0
    assert "警告 warning  bus line1: its devices need " in done.stdout
    assert "would fit: poll_interval_s 0.2 → " in done.stdout


def test_a_tick_that_is_too_full_is_a_warning_with_its_cure(folder: Folder) -> None:
    folder.write(
        ("unit_id: 3,", "unit_id: 3, poll_interval_s: 0.2,"),
        ("unit_id: 4}", "unit_id: 4, poll_interval_s: 60}"),
        ("port: /dev/ttyUSB0", "port: /dev/ttyUSB0, baudrate: 4800"),
    )
    done = check(folder.site)
    assert done.returncode == 0
    assert "警告 warning  bus line1: its busiest tick" in done.stdout
    assert "of the 200 ms until the next" in done.stdout
    assert "or part the line" in done.stdout


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    done = check(tmp_path / "nowhere.yaml")
    assert done.returncode == 1
    assert "there is no such file" in done.stdout
    assert "Traceback" not in done.stderr
