"""A disk that fails or is slow, under the shipped door (F5, F6, F9: P1, P5, P10, P21, P22)."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest

from tests.faults.collector import cpu_s
from tests.faults.tracing import acknowledged, calls_before, performing, run, traced
from tests.house.source import ROOT
from tests.power_cuts.perform import JOURNAL
from tests.power_cuts.script import script
from tests.power_cuts.verdict import content_of, undisturbed_run

pytestmark = pytest.mark.real("strace")

STEPS = script(8)
HEALTHY_STEPS = 4
"""So many steps are committed before the disk fails."""
LOOKS = 30
"""At the health, a tenth of a second apart: three rounds of the door's retry at least."""
LATE_S_MAX = 0.5
FAILING_WRITES = 3
"""A try at each second ends with the first of them."""
KEPT = ("reading", "correction", "event", "interval", "change", "act", "statement")


@pytest.mark.parametrize(
    ("call", "error"), [("fdatasync", "EIO"), ("pwrite64", "EIO"), ("pwrite64", "EROFS")]
)
async def test_a_commit_that_failed_once_is_not_acknowledged_before_the_buffer_is_open_again(
    call: str, error: str, tmp_path: Path
) -> None:
    folder, log, whole = (tmp_path / name for name in ("run", "calls", "undisturbed"))
    folder.mkdir()
    whole.mkdir()
    undisturbed = await undisturbed_run(whole, STEPS)
    when = calls_before(tmp_path / "learned", log, call, HEALTHY_STEPS, len(STEPS)) + 1
    words = ["strace", "-f", "-qq", "-o", str(log), "-e", "trace=openat,write,fdatasync,pwrite64"]
    done = run([*words, "-e", f"inject={call}:error={error}:when={when}", *performing(folder, 1, len(STEPS))])
    assert done.returncode == 0, done.stderr
    lines = log.read_text(encoding="utf-8").splitlines()
    failed = next(number for number, line in enumerate(lines) if "(INJECTED)" in line)
    after = lines[failed:]
    opened = next(n for n, line in enumerate(after) if f'"{folder}/buffer.db", O_RDWR' in line)
    told = next(n for n, line in enumerate(after) if re.search(r'write\(\d+, "\d+ \d+\\n"', line))
    assert opened < told
    assert acknowledged(folder / JOURNAL)[0] == len(STEPS)
    found = content_of(folder)
    assert {name: found[name] for name in KEPT} == {name: undisturbed[-1][name] for name in KEPT}


@pytest.mark.parametrize(("call", "error"), [("fdatasync", "EIO"), ("pwrite64", "EROFS")])
def test_a_disk_that_fails_for_ever_fails_the_health_acknowledges_nothing_is_read_and_makes_us_not_spin(
    call: str, error: str, tmp_path: Path
) -> None:
    """EROFS is what a disk gives that was mounted read-only under us (F8)."""
    folder = tmp_path / "run"
    folder.mkdir()
    when = calls_before(tmp_path / "learned", tmp_path / "calls", call, HEALTHY_STEPS, len(STEPS)) + 1
    fault = traced(folder, tmp_path / "calls", f"{call}:error={error}:when={when}+")
    with observed(fault, folder) as process:
        assert process.stdout is not None
        pid = json.loads(process.stdout.readline())["pid"]
        problems = next(said["problems"] for said in map(json.loads, process.stdout) if said["problems"])
        assert re.search(r"cannot be written: .*disk I/O error|cannot open the buffer", problems[0])
        step, burnt_s, began_s = acknowledged(folder / JOURNAL)[0], cpu_s(pid), time.monotonic()
        looks = list(islice(map(json.loads, process.stdout), LOOKS))
        assert all(said["problems"] for said in looks)
        assert cpu_s(pid) - burnt_s < 0.5 * (time.monotonic() - began_s)
        assert acknowledged(folder / JOURNAL)[0] == step < len(STEPS)
        assert content_of(folder)["reading"] != []
        os.kill(pid, signal.SIGKILL)


def test_a_disk_that_can_be_written_again_is_written_again_by_itself(tmp_path: Path) -> None:
    """Mounted read-only for some seconds, and then not (F8): the health says so meanwhile, and nothing is lost."""
    folder = tmp_path / "run"
    folder.mkdir()
    when = calls_before(tmp_path / "learned", tmp_path / "calls", "pwrite64", HEALTHY_STEPS, len(STEPS)) + 1
    fault = traced(folder, tmp_path / "calls", f"pwrite64:error=EROFS:when={when}..{when + FAILING_WRITES}")
    with observed(fault, folder) as process:
        assert process.stdout is not None
        said = [json.loads(line) for line in process.stdout]
    assert any(line.get("problems") for line in said)
    assert acknowledged(folder / JOURNAL)[0] == len(STEPS)
    assert content_of(folder)["reading"] != []


def test_a_disk_that_takes_two_seconds_to_sync_holds_up_the_writer_and_not_the_loop(tmp_path: Path) -> None:
    """On a quiet machine the loop is 1 ms late; one that waits for the disk would be late by the whole delay."""
    folder = tmp_path / "run"
    folder.mkdir()
    when = calls_before(tmp_path / "learned", tmp_path / "calls", "fdatasync", HEALTHY_STEPS, len(STEPS)) + 1
    delay = traced(folder, tmp_path / "calls", f"fdatasync:delay_enter=2s:when={when}..{when + 3}")
    with observed(delay, folder) as process:
        assert process.stdout is not None
        said = [json.loads(line) for line in process.stdout]
    print(f"p99 of the loop's lateness: {said[-1]['late_s']:.4f} s")
    assert said[-1]["late_s"] < LATE_S_MAX
    assert not any(line.get("problems") for line in said)
    assert acknowledged(folder / JOURNAL)[0] == len(STEPS)


@contextmanager
def observed(fault: list[str], folder: Path) -> Iterator[subprocess.Popen[str]]:
    words = [*fault, *performing(folder, 1, len(STEPS), "tests.faults.observed")]
    with subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()
