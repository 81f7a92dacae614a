"""What a bus really costs, and by how much all polls are stretched when they do not fit. Pure.

Knows shares of time; does not know devices. Every interval is stretched by the same factor, so that each device loses
the same share of its polls and none is starved; three rounds in a row decide, so that one slow reply changes nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

ROUNDS = 3
FULL, ROOMY = 1.0, 0.9
"""Shares of a bus's time above which a schedule does not fit, and below which it fits again."""

AIM = 0.8
"""What a stretched schedule takes of the bus's time (ARCHITECTURE 8); the rest is for probes and slow replies."""

STRETCH_CHANGE = 0.1
"""A stretch that is off by less than this stays as it is: ticks should not move at every round."""


@dataclass(slots=True)
class Overload:
    """The state of one bus. ``stretch`` is what every interval is multiplied by, 1 while all is well."""

    stretch: float = 1.0
    rounds: int = 0

    def judge(self, load: float) -> bool:
        """Take the load of a round as a share of the bus's time; whether ``stretch`` has changed by it."""
        wanted = stretch_for(load, is_stretched=self.stretch > 1)
        if abs(wanted - self.stretch) <= STRETCH_CHANGE * self.stretch and (wanted > 1) == (self.stretch > 1):
            self.rounds = 0
            return False
        self.rounds += 1
        if self.rounds < ROUNDS:
            return False
        self.stretch, self.rounds = wanted, 0
        return True


def stretch_for(load: float, *, is_stretched: bool) -> float:
    """The factor at which a schedule of this load fits, in tenths; a schedule that is stretched stays so a little longer."""
    if load <= (ROOMY if is_stretched else FULL):
        return 1.0
    return max(1.1, math.ceil(round(10 * load / AIM, 6)) / 10)
