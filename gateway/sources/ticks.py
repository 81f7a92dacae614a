"""When to poll: ticks of an interval aligned to the wall clock, so that all buses fire together. Pure.

A stall or a step of the wall clock costs ticks, never a burst: at most one catch-up poll, then the next
aligned tick; a step back of any size delays the next tick by two intervals at most.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Ticks:
    """The ticks of one interval, ``offset_ms`` after its alignment. Times are wall milliseconds; the first tick is due
    at once."""

    interval_ms: int
    due_ms: int = 0
    offset_ms: int = 0

    def wait_ms(self, now_ms: int) -> int:
        """How long until the next tick; 0 or less when it is due."""
        if self.due_ms - now_ms > 2 * self.interval_ms:
            self.move_on(now_ms)
        return self.due_ms - now_ms

    def move_on(self, now_ms: int) -> None:
        """The tick is done: the next is the first aligned one after ``now_ms``; any in between are skipped."""
        passed = (now_ms - self.offset_ms) // self.interval_ms
        self.due_ms = (passed + 1) * self.interval_ms + self.offset_ms
