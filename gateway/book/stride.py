"""Samples of points that are read together and whose open slots are calm: they go in one stride, and join their slots later.

Knows of a lot of points within which times and above which values a sample can do no more than join its slot; does not know
points. Pure. Nearly all readings go this way, at a fraction of the cost of asking each slot (docs/decisions/0010). A stride is
begun from the slots as they stand, and ended, all samples joined, before anybody else may look at one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress, repeat
from operator import le

from gateway.intervals import Sample
from gateway.open_slots import OpenSlots

NEVER = 2**62
FEW, REST = 4, 16
"""After a stride that carried fewer groups than the one, so many groups take the long way before it begins again: points that
come in ever other company would begin a stride for each."""

_new = tuple.__new__


class Stride:
    """One lot's; it has ended when it is made."""

    __slots__ = ("_at", "_begins", "_ends", "_is_counter", "_least", "_rest", "_slots", "_steps", "newest_at")

    def __init__(self) -> None:
        self.newest_at = NEVER
        """When the newest sample of every point was measured; ``NEVER`` while the stride has ended."""
        self._slots: Sequence[tuple[OpenSlots, int]] = ()
        self._begins = self._ends = self._rest = 0
        self._least: list[int] = []
        self._is_counter: list[bool] = []
        self._at: list[int] = []
        self._steps: list[Sequence[int]] = []

    def may_begin(self) -> bool:
        """To be asked for each group that took the long way."""
        self._rest -= self._rest > 0
        return not self._rest

    def begin(self, slots: Sequence[tuple[OpenSlots, int]], newest_at: int) -> None:
        """Carry samples newer than ``newest_at`` to these slots, in this order; each slot with its samples' tolerance in ms."""
        calm = [one.calm for one, _ in slots]
        self._begins, self._ends = max(one.start for one in calm), min(one.end for one in calm)
        self._is_counter = [one.is_counter for one in calm]
        self._least = list(compress([one.newest.steps for one, _ in slots], self._is_counter))
        self._slots, self.newest_at = slots, newest_at

    def end(self) -> None:
        """Somebody is about to look at one of the slots."""
        if self.newest_at == NEVER:
            return
        self.newest_at, self._rest = NEVER, REST if len(self._at) < FEW else 0
        for (slots, tolerance_ms), steps in zip(self._slots, zip(*self._steps, strict=True), strict=False):
            samples = zip(self._at, steps, repeat(tolerance_ms), strict=False)
            slots.join(map(_new, repeat(Sample), samples))
        self._slots, self._at, self._steps = (), [], []

    def take(self, at: int, steps: Sequence[int]) -> bool:
        """Take a good sample of each point if none does more than join; False, and nothing is done, if any may."""
        if not (self.newest_at < at < self._ends and self._begins <= at):
            return False
        counts = list(compress(steps, self._is_counter))
        if not all(map(le, self._least, counts)):
            return False
        self.newest_at, self._least = at, counts
        self._at.append(at)
        self._steps.append(steps)
        return True
