"""How often one sender may ask. Pure: the time is given, in seconds of a monotonic clock.

A bucket per sender, in the memory of this process: of N processes behind one address each counts its own.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass

SENDERS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Rate:
    """``burst`` at once, and ``per_s`` on the long run."""

    per_s: float
    burst: int


BATCHES = Rate(per_s=30.0, burst=600)
"""Of one gateway; a back-fill of full batches at this rate is 30,000 records a second."""
ENROLMENTS = Rate(per_s=0.1, burst=10)
"""Of one address; a token has 256 random bits, so this bounds work and not guessing."""


class Buckets:
    """The senders that asked of late; the one that was silent longest is forgotten when there are too many."""

    __slots__ = ("_left", "_rate")

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, sender: str, now_s: float) -> int:
        """0: go on, and this request is counted. Otherwise whole seconds until one more may be made."""
        left, at = self._left.pop(sender, (float(self._rate.burst), now_s))
        left = min(float(self._rate.burst), left + max(0.0, now_s - at) * self._rate.per_s)
        is_free = left >= 1
        self._left[sender] = (left - 1 if is_free else left, now_s)
        if len(self._left) > SENDERS_MAX:
            self._left.popitem(last=False)
        return 0 if is_free else math.ceil((1 - left) / self._rate.per_s)
