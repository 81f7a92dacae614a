"""F45: seeds of the simulation. Whatever befalls the gateway, what it acknowledged arrives once, with the meters' figures."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.chaos import FAULTS, Options
from tests.simulation.planted import LONGER_S, PLANTED, STORM_S, refusal_discards
from tests.simulation.recount import between, counted, held, unwrapped
from tests.simulation.run import Planted, Result, never_seen, run, run_many, run_seed, shrink
from tests.simulation.site import POINTS

SEEDS = 6
TRIES = 14
ROOT = Path(__file__).resolve().parents[2]


def test_seeds_of_every_kind_of_trouble_break_no_promise() -> None:
    failed = [result.report() for result in run_many(range(SEEDS), jobs=1) if result.findings]
    assert not failed, "\n\n".join(failed)


def test_without_a_fault_nothing_is_found_and_nothing_seen_to_go_wrong() -> None:
    result = run(Options(1, {}, 1800.0))
    assert result.findings == ()
    assert not set(result.seen) & set(FAULTS)


def test_the_same_seed_is_the_same_run_in_another_process_too() -> None:
    code = "from tests.simulation.run import run_seed; print(run_seed(5).trace)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": "7"}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == run_seed(5).trace == run_seed(5).trace
    assert run_seed(6).trace != run_seed(5).trace


@pytest.mark.campus
@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.__name__)
def test_a_planted_bug_is_caught(bug: Planted) -> None:
    storm_s = LONGER_S.get(bug, STORM_S)
    assert any(run(Options(seed, PLANTED[bug], storm_s), bug).findings for seed in range(TRIES))


@pytest.mark.campus
def test_a_failure_shrinks_to_the_faults_it_needs_and_names_the_line_that_repeats_it() -> None:
    faults = {"refused": 0.7, "late": 0.1, "dip": 0.02, "retained": 1.0, "drift": 1.0}
    failed = _first_failure(faults, refusal_discards)
    small = shrink(failed, refusal_discards)
    assert set(small.options.faults) == {"refused"}
    assert small.report().endswith(
        f"again: make simulate SEEDS=1 FIRST_SEED={failed.options.seed} ONLY=refused"
    )


def test_a_fault_that_no_run_met_is_named() -> None:
    seen = run(Options(2, {"copied": 1.0}, 1500.0)).seen
    assert seen["late copy"]
    assert "crash" in never_seen(seen)
    assert "copied" not in never_seen(seen)


def test_the_oracles_own_arithmetic_on_a_rollover_a_dip_and_a_gap() -> None:
    known, top = POINTS["w2.volume"], 2**32
    line = unwrapped([(0, top - 10), (60_000, top - 4), (120_000, 2), (180_000, 0), (240_000, 14)], known)
    assert line == [(0, 0), (60_000, 6), (120_000, 12), (240_000, 24)]
    assert unwrapped([(0, 50), (9, 60), (10, 7), (20, 9)], known, replaced={9}) == [
        (0, 0),
        (9, 10),
        (10, 10),
        (20, 12),
    ]
    assert unwrapped([(0, 90), (1, 40), (2, 20), (3, 95)], known) == [(0, 0), (3, 5)]
    assert between([(0, 0), (10, 5)], 3) == 2
    assert counted([(0, 0), (890_000, 89), (950_000, 95)], 0) == ("measured", 90)
    assert counted([(0, 0), (1_800_000, 180)], 0) == ("estimated", 90)
    assert counted([(0, 0), (890_000, 89)], 0) == ("missing", None)
    assert held([(0, 10), (60_000, 20)], 0) == ("estimated", (60 * 10 + 120 * 20) / 180)


def _first_failure(faults: dict[str, float], planted: Planted) -> Result:
    results = (run(Options(seed, faults, 1800.0), planted) for seed in range(TRIES))
    return next(result for result in results if result.findings)
