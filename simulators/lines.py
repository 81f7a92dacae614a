"""Shapes of truth over time: a line with a value per five minutes, and spells that begin and end.

Both are built a day at a time from a pure function of the day, and keep the last few days only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from simulators.noise import SLOT_MS
from simulators.schoolday import Almanac

_DAYS_KEPT = 4
Spans = list[tuple[int, int]]
"""(first, end) in milliseconds since local midnight, in order, within the day."""


class Line:
    """A gauge: straight between the 289 values that ``build`` gives for a local day."""

    __slots__ = ("_almanac", "_build", "_days")

    def __init__(self, almanac: Almanac, build: Callable[[int], Sequence[float]]) -> None:
        self._almanac, self._build = almanac, build
        self._days: dict[int, Sequence[float]] = {}

    def day(self, day: int) -> Sequence[float]:
        values = self._days.get(day)
        if values is None:
            if len(self._days) >= _DAYS_KEPT:
                self._days.clear()
            values = self._days[day] = self._build(day)
        return values

    def __call__(self, ms: int) -> float:
        day, rest = self._almanac.day_of(ms)
        slot, part = divmod(rest, SLOT_MS)
        values = self.day(day)
        start = values[slot]
        return start + (values[slot + 1] - start) * part / SLOT_MS


class Spells:
    """A state: on within the spans that ``build`` gives for a local day, and for how long in all since the epoch."""

    __slots__ = ("_almanac", "_build", "_days", "_first_day", "_totals")

    def __init__(self, almanac: Almanac, build: Callable[[int], Spans]) -> None:
        self._almanac, self._build = almanac, build
        self._days: dict[int, Spans] = {}
        self._first_day = almanac.day_of(almanac.epoch_ms)[0]
        self._totals = [0]

    def day(self, day: int) -> Spans:
        spans = self._days.get(day)
        if spans is None:
            if len(self._days) >= _DAYS_KEPT:
                self._days.clear()
            spans = self._days[day] = self._build(day)
        return spans

    def is_on(self, ms: int) -> bool:
        day, rest = self._almanac.day_of(ms)
        return any(first <= rest < end for first, end in self.day(day))

    def since_on_ms(self, ms: int) -> int | None:
        """How long it has been on, or None when it is off."""
        day, rest = self._almanac.day_of(ms)
        return next((rest - first for first, end in self.day(day) if first <= rest < end), None)

    def on_ms(self, ms: int) -> int:
        """Milliseconds it has been on since the campus epoch."""
        day, rest = self._almanac.day_of(ms)
        index = day - self._first_day
        while len(self._totals) <= index:
            spans = self._build(self._first_day + len(self._totals) - 1)
            self._totals.append(self._totals[-1] + sum(end - first for first, end in spans))
        today = sum(min(end, rest) - first for first, end in self.day(day) if first < rest)
        return self._totals[index] + today

    def next_change_ms(self, ms: int) -> int:
        """The first begin or end after ``ms``, or the next local midnight where there is none before it."""
        day, rest = self._almanac.day_of(ms)
        edges = [edge for span in self.day(day) for edge in span if edge > rest]
        return self._almanac.midnight_ms(day) + min(edges) if edges else self._almanac.midnight_ms(day + 1)
