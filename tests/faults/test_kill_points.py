"""SIGKILL at the n-th write, sync, truncation or removal of a scripted run (F2: P1, P2, P6).

Every call is a point where the process may end. ``make test`` takes some of them, spread evenly, and ``make kill-points`` all.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from tests.faults.tracing import acknowledged, performing, run, traced
from tests.power_cuts.perform import JOURNAL
from tests.power_cuts.script import script
from tests.power_cuts.verdict import judge, undisturbed_run

pytestmark = [pytest.mark.real("strace"), pytest.mark.timeout(3600)]

STEPS = script(8)
POINTS = int(os.environ.get("CAMPUS_KILLS", "60"))
SEED = int(os.environ.get("CAMPUS_KILLS_SEED", "1"))
ACCEPTED = ("reading", "correction", "act", "statement", "uplink")


def calls_of_a_whole_run(folder: Path, log: Path) -> list[tuple[str, int]]:
    """Every call on the buffer, by its kind and its number among them."""
    folder.mkdir()
    done = run([*traced(folder, log), *performing(folder, 1, len(STEPS))])
    assert done.returncode == 0, done.stderr
    found = re.findall(r"^\d+ +(\w+)\(", log.read_text(encoding="utf-8"), re.MULTILINE)
    return [(call, number + 1) for call, times in sorted(Counter(found).items()) for number in range(times)]


async def test_a_kill_at_any_call_loses_nothing_acknowledged_and_a_batch_sent_again_counts_once(
    tmp_path: Path,
) -> None:
    log = tmp_path / "calls"
    undisturbed = await undisturbed_run(_made(tmp_path / "undisturbed"), STEPS)
    calls = calls_of_a_whole_run(tmp_path / "whole", log)
    stride = max(1, len(calls) // POINTS)
    first = Random(SEED).randrange(stride)
    print(f"SEED={SEED}: every {stride}th of {len(calls)} calls from {first}")
    steps = set()
    for call, number in calls[first::stride]:
        folder = _made(tmp_path / f"{call}-{number}")
        kill = traced(folder, log, f"{call}:signal=SIGKILL:when={number}")
        run([*kill, *performing(folder, 1, len(STEPS))])
        assert "killed by SIGKILL" in log.read_text(encoding="utf-8"), f"{call} {number}"
        step, head = acknowledged(folder / JOURNAL)
        verdict = await judge(folder, STEPS, step, head, undisturbed)
        assert verdict.faults == (), f"killed at {call} {number}, step {step} acknowledged"
        again = await undisturbed_run(folder, STEPS[step : step + 1])
        wanted = undisturbed[step + 1] if step < len(STEPS) else undisturbed[step]
        assert {name: again[-1][name] for name in ACCEPTED} == {name: wanted[name] for name in ACCEPTED}
        steps.add(step)
    assert len(steps) > min(POINTS, len(STEPS)) // 2


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
