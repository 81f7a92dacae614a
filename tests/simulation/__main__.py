"""``make simulate SEEDS=100000 FIRST_SEED=1``: many seeds on all cores; a failing one is shrunk and its line printed."""

from __future__ import annotations

import os
import sys
from collections import Counter

from tests.simulation.run import never_seen, run_many, shrink

FAILURES_MAX = 5
SEEDS_FOR_ALL = 500
"""From so many on every fault and moment must have been seen."""


def main() -> int:
    count, first = int(os.environ.get("SEEDS") or 2000), int(os.environ.get("FIRST_SEED") or 0)
    chosen = os.environ.get("ONLY")
    only = frozenset(chosen.split(",")) if chosen else None
    seen: Counter[str] = Counter()
    failures = 0
    for done, result in enumerate(
        run_many(range(first, first + count), len(os.sched_getaffinity(0)), only), 1
    ):
        seen += result.seen
        if result.findings:
            failures += 1
            print(f"\n{result.report()}\nshrunk, {shrink(result).report()}", flush=True)
            if failures == FAILURES_MAX:
                break
        if sys.stderr.isatty():
            print(f"\r{done}/{count} seeds, {failures} failed", end="", file=sys.stderr, flush=True)
    lacking = never_seen(seen) if count >= SEEDS_FOR_ALL and not failures else []
    print(f"{done} seeds from {first}: {failures} failed{f'; never seen: {lacking}' if lacking else ''}")
    return 1 if failures or lacking else 0


if __name__ == "__main__":
    sys.exit(main())
