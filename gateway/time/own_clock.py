"""The gateway's own clock: what sources stamp readings by.

A ``Clock`` over the system's, judged by a ``Timekeeper`` with every look at it, so that no reading is ever stamped by a
wall that has just jumped. Timers stay monotonic. Stamps are given on the event loop only.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.timekeeping import Step, Timekeeper
from runtime.clock import Clock

LOOKS_MAX = 5
QUICK_S = 0.001


@dataclass(frozen=True, slots=True)
class Moment:
    """What the writer's thread is told of time. ``now`` is the best guess while in doubt; ``aged`` is the time by which things
    grow old, which stays behind for a day after a leap; ``offset`` makes a monotonic ms a stamp."""

    now: int
    aged: int
    offset: float
    is_trusted: bool
    steps: tuple[Step, ...] = ()


class OwnClock:
    """Implements ``runtime.clock.Clock``; its ``now_ms`` may be a stamp that waits (``timekeeping.is_unsynced``)."""

    __slots__ = ("_clock", "_keeper")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._keeper = Timekeeper(*self._look())

    def begin(self, newest: int | None, since: float | None) -> None:
        """Begin with what the buffer holds: see ``Timekeeper``."""
        self._keeper = Timekeeper(*self._look(), newest, since)

    @property
    def is_trusted(self) -> bool:
        return self._keeper.is_trusted

    def now_ms(self) -> int:
        wall, mono = self._clock.now_ms(), self._clock.monotonic_s() * 1000
        if not self._keeper.is_steady(wall, mono):
            wall, mono = self._look()
        return self._keeper.stamp(wall, mono)

    def best_ms(self) -> int:
        """The best guess at the present moment, never one that waits. Any thread may ask."""
        return self._keeper.now(*self._look())

    def moment(self, before: Moment | None = None) -> Moment:
        """Now, with the steps believed since the last one was asked for, and those of ``before`` where that came to nothing."""
        self.now_ms()
        keeper = self._keeper
        wall, mono = self._look()
        now, steps = keeper.now(wall, mono), (*(before.steps if before else ()), *keeper.steps)
        keeper.steps.clear()
        return Moment(now, now - keeper.leap(mono), keeper.offset, keeper.is_trusted, steps)

    def monotonic_s(self) -> float:
        return self._clock.monotonic_s()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)

    def _look(self) -> tuple[int, float]:
        """Wall and monotonic ms of one moment: a process that is kept waiting between the two would see a step."""
        looks: list[tuple[float, int, float]] = []
        while len(looks) < LOOKS_MAX:
            before = self._clock.monotonic_s()
            wall = self._clock.now_ms()
            took = self._clock.monotonic_s() - before
            looks.append((took, wall, (before + took / 2) * 1000))
            if took < QUICK_S:
                break
        return min(looks)[1:]
