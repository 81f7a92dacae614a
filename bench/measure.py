"""What a piece of work cost: CPU seconds of this process, and bytes it handed to the kernel to write."""

from __future__ import annotations

import resource
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

RUNS = 3


@dataclass(frozen=True, slots=True)
class Cost:
    """``cpu_s`` is user plus system time, ``written`` what /proc counts as written to files."""

    cpu_s: float
    written: int


def cost(work: Callable[[], object]) -> Cost:
    """The median cost of three runs."""
    runs = [_once(work) for _ in range(RUNS)]
    return Cost(
        statistics.median(run.cpu_s for run in runs), round(statistics.median(run.written for run in runs))
    )


def _once(work: Callable[[], object]) -> Cost:
    cpu_s, written = _cpu_s(), _written()
    work()
    return Cost(_cpu_s() - cpu_s, _written() - written)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _written() -> int:
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text(encoding="ascii").splitlines())
    return int(fields["wchar"])
