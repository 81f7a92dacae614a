"""A piece of work in a process of its own, and what it cost there: CPU seconds from a moment it names, and memory.

The child prints one JSON line; the parent takes the median of ``RUNS`` children.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.measure import RUNS

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Spent:
    """``cpu_s`` is user plus system time of the child while it did ``count`` pieces of work; ``rss_mb`` its peak."""

    cpu_s: float
    count: int
    rss_mb: float

    @property
    def cpu_us(self) -> float:
        """Microseconds for each piece."""
        return 1e6 * self.cpu_s / self.count


class Meter:
    """Starts to measure when made."""

    def __init__(self) -> None:
        self._from_s = _cpu_s()

    def report(self, count: int) -> None:
        """The child's last word."""
        print(json.dumps(asdict(Spent(_cpu_s() - self._from_s, count, _peak_mb()))), flush=True)


def median(module: str, *arguments: str, runs: int = RUNS, beside: Sequence[str] = ()) -> Spent:
    """The median of several children. ``beside`` is a module and its arguments, run once each child says it is ready.

    Raises CalledProcessError for one that fails."""
    spent = [_run(module, arguments, beside) for _ in range(runs)]
    count = spent[0].count
    cpu_us = statistics.median(one.cpu_us for one in spent)
    return Spent(cpu_us * count / 1e6, count, statistics.median(one.rss_mb for one in spent))


def start(module: str, *arguments: str) -> tuple[subprocess.Popen[str], str]:
    """A child that serves, and the line it prints when it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.communicate()


def table(title: str, what: str, own: Spent, other: Spent, goal: float) -> str:
    """Cost of each piece and memory of both, their ratios and the goal."""
    return "\n".join(
        (
            title,
            f"  {'':24}{'ours':>10}{'bare':>10}{'ratio':>8}",
            f"  {what:24}{own.cpu_us:10.2f}{other.cpu_us:10.2f}{own.cpu_us / other.cpu_us:8.2f}   goal {goal:g}",
            f"  {'peak RSS, MB':24}{own.rss_mb:10.1f}{other.rss_mb:10.1f}{own.rss_mb / other.rss_mb:8.2f}",
        )
    )


def _run(module: str, arguments: Sequence[str], beside: Sequence[str]) -> Spent:
    process, first = start(module, *arguments)
    if beside:
        subprocess.run([sys.executable, "-m", *beside], cwd=ROOT, timeout=120, check=True)
    said, _ = process.communicate(timeout=120)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, module)
    return Spent(**json.loads((first + "\n" + said).strip().splitlines()[-1]))


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _peak_mb() -> float:
    """The peak since exec; getrusage would count the parent's memory at the fork."""
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024
