"""What the tester saw: clocks, words of devices, PUBACKs and receipts. The oracle knows this, and nothing of the gateway."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from typing import Any

LATE_MS = 25 * 60_000
"""A message this late finds its quarter-hour closed."""


@dataclass
class Clock:
    """The gateway's clocks: the wall may be wrong, drift and be set; the monotonic one is the loop's."""

    loop: asyncio.AbstractEventLoop
    drift: float = 0.0
    marks: list[tuple[float, float]] = field(default_factory=lambda: [(0.0, 0.0)])
    """(virtual second, wall ms) at the start and after each step."""

    def now_ms(self) -> int:
        at_s, wall_ms = self.marks[-1]
        return int(wall_ms + (self.loop.time() - at_s) * 1000 * (1 + self.drift))

    def monotonic_s(self) -> float:
        return self.loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

    def step(self, to_ms: float) -> None:
        self.marks.append((self.loop.time(), to_ms))


@dataclass
class Message:
    """A published message: what it says, when by the device's own clock, and when it was handed over."""

    topic: str
    payload: bytes
    values: dict[str, int]
    """Point → value in steps."""
    time_ms: int | None
    arrivals: list[int] = field(default_factory=list)
    """Wall ms of each delivery."""
    is_acknowledged: bool = False
    is_retained: bool = False
    """Kept by the broker from before; the flag a subscriber sees."""


@dataclass
class Journal:
    clock: Clock
    said: dict[str, dict[int, list[int]]] = field(default_factory=lambda: defaultdict(dict))
    """Point → wall ms at which a reply arrived → values in steps."""
    messages: list[Message] = field(default_factory=list)
    effects: Counter[int] = field(default_factory=Counter)
    """How often the district said that a seq took effect."""
    receipts: list[tuple[int, int]] = field(default_factory=list)
    """Ranges whose receipt, or last refusal of a single record, reached the gateway."""
    poisoned: dict[int, str] = field(default_factory=dict)
    zone: str = "UTC"
    device_ms: float = 0.0
    """Wall ms at second 0 by the devices' own clock, which is right."""
    replaced: dict[str, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))
    """Point → last ms of a meter that was changed → the register of the next one, as staff were told it was kept."""
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Command key → what staff were answered."""
    overfull: dict[str, str] = field(default_factory=dict)
    """Queues that held more than they may."""
    lines: Any = field(default_factory=sha256)

    def reply(self, values: dict[str, int]) -> None:
        for point, value in values.items():
            self.said[point].setdefault(self.clock.now_ms(), []).append(value)

    def watch(self, queue: str, waits: int, most: int) -> None:
        """Of a queue, how much waits in it."""
        if waits > most:
            self.overfull.setdefault(queue, f"{waits} {queue}, at most {most} may wait")

    @property
    def was_set(self) -> bool:
        """Whether the wall clock ever jumped."""
        return len(self.clock.marks) > 1

    def note(self, *what: object) -> None:
        """A line of the trace: the same seed gives the same lines."""
        self.lines.update(repr((round(self.clock.loop.time(), 6), *what)).encode())

    def counts(self) -> Iterator[tuple[str, int]]:
        """What is only known at the end: how often a register rolled over or fell, and messages that came after their slot."""
        falls = [
            (before, after)
            for said in self.said.values()
            for (_, [*_, before]), (_, [after, *_]) in pairwise(sorted(said.items()))
            if after < before
        ]
        yield "rolled over", sum(before > 0.99 * 2**32 > 2**31 > after for before, after in falls)
        yield "register fell", sum(before < 2**31 for before, after in falls)
        yield (
            "late reading re-opened a slot",
            sum(
                bool(one.time_ms and one.arrivals and one.arrivals[0] - one.time_ms > LATE_MS)
                for one in self.messages
            ),
        )

    def true_s(self, wall_ms: int, *, is_own: bool = False) -> float | None:
        """The virtual second at which the gateway's wall clock (or a device's ``own``) showed this; None where it never did,
        or not by a straight line from a few minutes before to a few after."""
        if is_own:
            return (wall_ms - self.device_ms) / 1000
        ends = [at_s for at_s, _ in self.clock.marks[1:]] + [self.clock.loop.time()]
        for (at_s, wall), end_s in zip(self.clock.marks, ends, strict=True):
            found = at_s + (wall_ms - wall) / (1000 * (1 + self.clock.drift))
            if at_s + 260 <= found <= end_s - 260 or (at_s == 0.0 <= found <= end_s - 260):
                return found
        return None
