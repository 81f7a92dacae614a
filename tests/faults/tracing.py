"""Faults by strace: the n-th call of a process on the buffer's files fails, waits or is its last."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.house.source import ROOT

CALLS = "pwrite64,write,fdatasync,fsync,unlink,rename,ftruncate"
NAMES = (
    "",
    "buffer.db",
    "buffer.db-wal",
    "buffer.db-journal",
    "buffer.db.high-water",
    "buffer.db.high-water.new",
)


def traced(folder: Path, log: Path, inject: str = "") -> list[str]:
    """The words before a command: ``CALLS`` on the buffer in ``folder`` are traced, and ``inject`` (``call:fault:when=n``)
    befalls the n-th of its kind. strace counts each thread apart, and one thread writes the buffer: n is the same call
    at every run."""
    words = ["strace", "-f", "-qq", "-o", str(log), "-e", f"trace={CALLS}"]
    for name in NAMES:
        words += ["-P", str(folder / name) if name else str(folder)]
    return [*words, "-e", f"inject={inject}"] if inject else words


def calls_before(folder: Path, log: Path, call: str, step: int, last: int) -> int:
    """How many times ``call`` was called when ``step`` of a run that nothing disturbs was acknowledged."""
    folder.mkdir()
    done = run(
        ["strace", "-f", "-qq", "-o", str(log), "-e", f"trace={call},write", *performing(folder, 1, last)]
    )
    assert done.returncode == 0, done.stderr
    count = 0
    for line in log.read_text(encoding="utf-8").splitlines():
        if re.search(rf'write\(\d+, "{step} \d+\\n"', line):
            return count
        count += f" {call}(" in line
    raise AssertionError(f"step {step} was never acknowledged")


def performing(folder: Path, first: int, last: int, module: str = "tests.power_cuts.perform") -> list[str]:
    """The command that does steps of the scripted run, see ``tests.power_cuts.perform`` and ``tests.faults.observed``."""
    return [sys.executable, "-m", module, str(folder), str(first), str(last)]


def run(words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)


def acknowledged(journal: Path) -> tuple[int, int]:
    """(step, head of the feed) of the last line that was written whole."""
    lines = journal.read_text(encoding="ascii").split("\n")[:-1] if journal.exists() else []
    step, head = map(int, lines[-1].split()) if lines else (0, 0)
    return step, head
