"""How long the buffer goes on as it is: until raw readings must go before their time. Pure."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

HOUR_MS = 3_600_000
SAMPLE_MS, SPAN_MS, SPAN_MIN_MS = 60_000, HOUR_MS, 300_000
"""Bytes in use are noted every minute and compared over an hour, or over what there is of it from five minutes on."""


@dataclass(slots=True)
class Trend:
    """Bytes in use over the last hour."""

    _samples: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=SPAN_MS // SAMPLE_MS + 1))

    def note(self, now: int, used: int) -> None:
        """A clock that was set back begins a new comparison."""
        if self._samples and now < self._samples[-1][0]:
            self._samples.clear()
        if not self._samples or now >= self._samples[-1][0] + SAMPLE_MS:
            self._samples.append((now, used))

    def bytes_per_h(self) -> float | None:
        """The rate of growth, below 0 where more goes than comes; None while there is too little to compare."""
        if not self._samples or self._samples[-1][0] - self._samples[0][0] < SPAN_MIN_MS:
            return None
        (first_at, first), (last_at, last) = self._samples[0], self._samples[-1]
        return (last - first) * HOUR_MS / (last_at - first_at)


def hours_left(bytes_per_h: float | None, room: int, held_in_h: float) -> float | None:
    """Hours until ``room`` bytes are used at this rate; infinite where nothing grows, or where retention takes as much as
    comes before (``held_in_h``: in how many hours the oldest raw reading is due; at 0 the rate is what retention leaves).
    None while the rate is not known."""
    if bytes_per_h is None:
        return None
    if room <= 0:
        return 0.0
    hours = room / bytes_per_h if bytes_per_h > 0 else math.inf
    return hours if held_in_h <= 0 or hours < held_in_h else math.inf
