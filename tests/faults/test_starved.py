"""F17: a collector that is given too little memory, or no thread, says so in one sentence and ends; nothing is harmed."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from gateway.cli.main import STARVED
from tests.faults.collector import PATIENCE_S, Plant, eventually, running
from tests.ports import free_port

MIB = 1 << 20
SIZES_MIB = (40, 60, 70, 80, 100, 130, 200, 400)


def plant_in(folder: Path) -> Plant:
    """One whose buffer is there already."""
    plant = Plant(folder, free_port(), free_port())
    assert begins(plant)
    return plant


def begins(plant: Plant) -> bool:
    """Whether it can run when it has what it needs."""
    log = plant.folder / "log"
    log.unlink(missing_ok=True)
    with running(plant.command(), log) as process:
        eventually(
            lambda: process.poll() is not None or "collecting" in log.read_text("utf-8"), "it is collecting"
        )
        if process.poll() is not None:
            return False
        process.terminate()
        return process.wait(PATIENCE_S) == 0


@pytest.mark.real("strace")
@pytest.mark.parametrize("first", [1, 2, 3])
def test_a_collector_that_is_given_no_thread_says_so_and_ends(first: int, tmp_path: Path) -> None:
    plant = plant_in(tmp_path)
    fault = f"inject=clone,clone3:error=EAGAIN:when={first}+"
    words = ["strace", "-f", "-qq", "-o", str(tmp_path / "calls"), "-e", "trace=clone,clone3", "-e", fault]
    done = subprocess.run(
        [*words, *plant.command()], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 1
    assert STARVED in done.stderr
    assert "Traceback" not in done.stderr
    assert begins(plant)


@pytest.mark.real("util-linux")
@pytest.mark.timeout(900)
def test_a_collector_with_too_little_memory_ends_by_itself_or_runs_and_harms_nothing(tmp_path: Path) -> None:
    """From too little for Python itself to enough. What it does not do is hang, or leave a buffer that cannot be used."""
    plant, said, ran = plant_in(tmp_path), 0, 0
    for size in SIZES_MIB:
        log = tmp_path / f"log-{size}"
        with running(["prlimit", f"--as={size * MIB}", *plant.command()], log) as process:
            end = time.monotonic() + PATIENCE_S
            while process.poll() is None and "collecting" not in log.read_text("utf-8"):
                assert time.monotonic() < end, f"neither runs nor ends with {size} MiB"
                time.sleep(0.05)
            ran += process.poll() is None
            said += process.poll() == 1 and STARVED in log.read_text("utf-8")
    print(f"{said} said so, {ran} ran")
    assert said > 0
    assert ran > 0
    assert begins(plant)
    assert plant.rows("PRAGMA integrity_check") == [("ok",)]
