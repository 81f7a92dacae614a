"""One seed, run and judged; a failing one shrunk to the faults it needs; many seeds, on all cores."""

from __future__ import annotations

import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import structlog

from tests.simulation import balance
from tests.simulation.chaos import FAULTS, Options
from tests.simulation.oracle import findings
from tests.simulation.world import World

FINDINGS_MAX = 5
RAM = Path("/dev/shm")
INTERESTING = (
    "crash inside a transaction", "crash inside a migration", "crash before COMMIT",
    "crash between COMMIT and acknowledgement", "crash between district commit and reply",
    "crash between PUBACK and the next commit", "clock step inside a slot", "clock step back inside a slot",
    "commit that failed", "commit reported as failed although it happened", "restart", "redelivered", "old broker",
    "broker held back", "late reply taken", "late copy", "duplicate batch", "district says covered",
    "district says invalid", "district says too_large", "late reading re-opened a slot", "rolled over", "register fell",
    "two resets in a row", "meter replaced", "command given again", "door full", "boot in 1970", "boot a year ahead",
    *(f"HTTP {status}" for status in (301, 400, 401, 403, 404, 408, 429, 500, 502, 503, 504)),
    *(f"exception {code}" for code in (1, 2, 3, 4, 5, 6, 7, 8, 10, 11)),
    *(f"reply spoilt: {kind}" for kind in ("login page", "no content", "cut off", "other digest", "other range", "firewall")),
)  # fmt: skip
"""What every long run must have met at least once, beside each fault."""


@dataclass(frozen=True)
class Result:
    """``trace`` is a digest of all that was sent, acknowledged and kept."""

    options: Options
    findings: tuple[str, ...]
    seen: Counter[str]
    trace: str

    def report(self) -> str:
        return "\n".join(
            [
                f"seed {self.options.seed}: {self.options.faults}",
                *self.findings,
                f"again: {self.options.line()}",
            ]
        )


Planted = Callable[[], AbstractContextManager[object]]


def run(options: Options, planted: Planted = nullcontext) -> Result:
    """Live through one seed on a RAM disk and judge it; ``planted`` puts a bug into the shipped code meanwhile."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    try:
        with tempfile.TemporaryDirectory(dir=RAM if RAM.is_dir() else None) as folder, planted():
            world = World(options, Path(folder))
            try:
                world.run()
                found = [
                    *world.failures,
                    *islice(findings(world.journal, world.truths, world.buffer, world.district.path), 50),
                    *islice(balance.findings(world.journal, world.buffer, world.district.path), 50),
                ]
            except Exception as error:  # noqa: BLE001 - whatever ends a run is a finding
                found = ["".join(traceback.format_exception(error))]
            for what, count in world.journal.counts():
                world.chaos.seen[what] += count
            return Result(
                options, tuple(found[:FINDINGS_MAX]), world.chaos.seen, world.journal.lines.hexdigest()
            )
    finally:
        structlog.reset_defaults()


def shrink(failed: Result, planted: Planted = nullcontext) -> Result:
    """The same seed with only the faults without which it does not fail: halves first, then one by one."""
    size = max(1, len(failed.options.faults) // 2)
    while True:
        names = list(failed.options.faults)
        for begin in range(0, len(names), size):
            less = run(failed.options.only([*names[:begin], *names[begin + size :]]), planted)
            if less.findings:
                failed = less
                break
        else:
            if size == 1:
                return failed
            size //= 2
            continue
        size = min(size, max(1, len(failed.options.faults) // 2))


def run_seed(seed: int, only: frozenset[str] | None = None) -> Result:
    options = Options.of(seed)
    return run(options if only is None else options.only(only))


def run_many(seeds: Iterable[int], jobs: int, only: frozenset[str] | None = None) -> Iterator[Result]:
    """In the order of the seeds."""
    if jobs == 1:
        yield from map(partial(run_seed, only=only), seeds)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(partial(run_seed, only=only), seeds, chunksize=4)


def never_seen(seen: Counter[str]) -> list[str]:
    """Faults and moments that no run met: a fault that never happens is no test."""
    return [what for what in (*FAULTS, *INTERESTING) if not seen[what]]
