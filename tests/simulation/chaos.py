"""What may go wrong in a run: a seed turns on some of the faults, each with a rate of its own, and decides every hit.

Each fault draws from a stream of its own, so that a run without one of them leaves the others where they were.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace

RATES: dict[str, tuple[float, float]] = {
    # per Modbus request
    "late": (0.01, 0.3), "silent": (0.01, 0.3), "exception": (0.01, 0.2), "garbled": (0.01, 0.2), "crossed": (0.01, 0.2),
    # per reply of a TCP bus that says nothing
    "torn": (0.1, 1.0),
    # per reply of a water meter
    "dip": (0.005, 0.03), "garbage": (0.005, 0.03),
    # per message, connection or PUBACK
    "held": (0.02, 0.3), "correction": (0.02, 0.2), "bad_payload": (0.02, 0.2), "bad_time": (0.01, 0.1),
    "dropped": (0.01, 0.1), "puback_lost": (0.01, 0.1), "connect_fails": (0.2, 0.7), "session_lost": (0.1, 0.6),
    "retained": (0.5, 1.0),
    # per request to the district
    "request_lost": (0.02, 0.3), "reply_lost": (0.02, 0.3), "copied": (0.1, 0.5), "busy": (0.05, 0.4),
    "refused": (0.05, 0.4), "portal": (0.05, 0.4), "too_large": (0.1, 1.0), "poison": (0.01, 0.05),
    # per answer to a command of staff
    "answer_lost": (0.1, 0.6),
    # per statement, COMMIT, reply or PUBACK of the process
    "crash_sql": (0.0002, 0.002), "crash_commit": (0.001, 0.01), "crash_post": (0.02, 0.2), "crash_ack": (0.005, 0.05),
    "commit_fails": (0.001, 0.02), "slow_disk": (0.001, 0.02),
}  # fmt: skip

SPANS: dict[str, tuple[int, float, float]] = {
    # how many at most, and how long at least and at most (seconds)
    "dead": (3, 60, 1500), "line_down": (2, 30, 900), "broker_down": (2, 30, 900), "outage": (2, 60, 1500),
    "crash": (4, 0, 0), "stall": (2, 20, 400), "step": (3, 0, 0), "reset": (2, 0, 0), "replaced": (1, 0, 0),
    "acknowledged": (3, 0, 0),
}  # fmt: skip

ONCE = ("rollover", "wrong_boot", "year_boot", "drift")
FAULTS = (*RATES, *SPANS, *ONCE)
CHANCE = 0.35
"""Of each fault to be in a run at all: most histories are found between a few of them."""

CALM_S, LONG = 11 * 60.0, 0.03


@dataclass(frozen=True)
class Options:
    """One run: its seed, the faults that are on with their rates, and how long they last in virtual seconds."""

    seed: int
    faults: dict[str, float]
    storm_s: float

    @classmethod
    def of(cls, seed: int) -> Options:
        rng = random.Random(f"{seed}/options")
        faults = {}
        for name in FAULTS:
            dice, (low, high) = random.Random(f"{seed}/options/{name}"), RATES.get(name, (1.0, 1.0))
            if dice.random() < CHANCE:
                faults[name] = round(low * (high / low) ** dice.random(), 5)
        storm_s = rng.uniform(1200, 2100) if rng.random() > LONG else rng.uniform(5000, 9000)
        return cls(seed, faults, storm_s)

    def only(self, names: Collection[str]) -> Options:
        return replace(self, faults={name: rate for name, rate in self.faults.items() if name in names})

    def line(self) -> str:
        """The one line that replays it."""
        return f"make simulate SEEDS=1 FIRST_SEED={self.seed} ONLY={','.join(self.faults) or 'none'}"


class Chaos:
    """Decides, and remembers what was seen."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.is_on = True
        self.seen: Counter[str] = Counter()
        self._streams: dict[str, random.Random] = {}
        self._spans: dict[tuple[str, str], list[tuple[float, float]]] = {}

    def stream(self, name: str) -> random.Random:
        """The dice of one part of the world."""
        if name not in self._streams:
            self._streams[name] = random.Random(f"{self.options.seed}/{name}")
        return self._streams[name]

    def hits(self, name: str) -> bool:
        rate = self.options.faults.get(name)
        if rate is None or not self.is_on or self.stream(name).random() >= rate:
            return False
        self.saw(name)
        return True

    def saw(self, what: str) -> None:
        self.seen[what] += 1

    def has(self, name: str) -> bool:
        return name in self.options.faults

    def spans(self, name: str, key: str = "") -> list[tuple[float, float]]:
        """When something is down or happens, as (start, end) in virtual seconds inside the storm."""
        if not self.has(name):
            return []
        most, shortest, longest = SPANS[name]
        rng, storm_s = self.stream(f"{name}/{key}"), self.options.storm_s
        starts = [rng.uniform(0, storm_s) for _ in range(rng.randint(0 if key else 1, most))]
        return [(start, min(storm_s, start + rng.uniform(shortest, longest))) for start in sorted(starts)]

    def is_down(self, name: str, now_s: float, key: str = "") -> bool:
        """Whether ``key`` (a device, a bus) is in one of its spans."""
        if (name, key) not in self._spans:
            self._spans[name, key] = self.spans(name, key)
        is_down = any(start <= now_s < end for start, end in self._spans[name, key])
        if is_down:
            self.saw(name)
        return is_down
