"""One limit on one point: outside for long enough opens an event, back inside its dead-band closes it.

A limit's averaging window is part of the limit: with ``mean_minutes`` the mean over that window is judged, and only
once four fifths of it is covered. Outside its hours (``during``) a limit does not judge, and an open event ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from edge_config.schema import Limit
from gateway.model import Event, Level, Point
from gateway.rules.episode import closed, opened

LEVELS = {"critical": Level.CRITICAL, "major": Level.MAJOR, "minor": Level.MINOR, "notice": Level.NOTICE}
COLD_CHAIN = frozenset({"cold_temperature", "hot_temperature"})


def shown(value: float) -> str:
    """A figure as people read it: three significant digits or all before the point, no tail of a mean."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{round(value, digits):g}" if abs(value) < 1e5 else f"{value:.0f}"


class MeanWindow:
    """The mean of the samples of the last ``span_ms``, None until four fifths of it is covered."""

    __slots__ = ("_hold_ms", "_samples", "_span_ms", "_total")

    def __init__(self, span_ms: float, hold_ms: float) -> None:
        self._span_ms, self._hold_ms = span_ms, hold_ms
        self._samples: deque[tuple[int, float]] = deque()
        self._total = 0.0

    def add(self, at: int, value: float) -> float | None:
        if self._samples and at - self._samples[-1][0] > self._span_ms:
            self._samples.clear()
            self._total = 0.0
        self._samples.append((at, value))
        self._total += value
        while self._samples[0][0] <= at - self._span_ms:
            self._total -= self._samples.popleft()[1]
        covered = at - self._samples[0][0] + self._hold_ms
        return self._total / len(self._samples) if covered >= 0.8 * self._span_ms else None


class LimitWatch:
    """The state of one limit on one point."""

    __slots__ = ("_applies", "_event", "_kind", "_limit", "_mean", "_point", "_since", "_site", "_worst")

    def __init__(self, site: str, limit: Limit, point: Point, applies: Callable[[int], bool]) -> None:
        self._site, self._limit, self._point, self._applies = site, limit, point, applies
        self._kind = "cold_excursion" if point.quantity in COLD_CHAIN else "limit"
        self._mean = (
            MeanWindow(limit.mean_minutes * 60_000, point.hold_s * 1000) if limit.mean_minutes else None
        )
        self._since: int | None = None
        self._worst = 0.0
        self._event: Event | None = None

    def resume(self, event: Event) -> None:
        """Take up an event that was open when the collector stopped."""
        self._event, self._since = event, event.start
        self._worst = float(event.evidence.get("worst", 0.0))

    def owns(self, event: Event) -> bool:
        return (event.kind, event.subject, event.evidence.get("rule")) == (
            self._kind,
            self._point.name,
            self._limit.id,
        )

    def step(self, at: int, value: float) -> Event | None:
        """Judge one good reading, newer than the last; the event it opens or closes."""
        judged = value if self._mean is None else self._mean.add(at, value)
        if judged is None:
            return None
        if not self._applies(at):
            return self._back(at)
        if self._is_outside(judged):
            return self._out(at, judged)
        return self._back(at) if self._is_clear(judged) else None

    def _is_outside(self, value: float) -> bool:
        limit = self._limit
        return (limit.above is not None and value > limit.above) or (
            limit.below is not None and value < limit.below
        )

    def _is_clear(self, value: float) -> bool:
        limit = self._limit
        if self._event is None or limit.clear is None:
            return True
        return value <= limit.clear if limit.above is not None else value >= limit.clear

    def _out(self, at: int, value: float) -> Event | None:
        if self._since is None:
            self._since, self._worst = at, value
        elif abs(value - self._bound(value)) > abs(self._worst - self._bound(self._worst)):
            self._worst = value
        if self._event is not None or at - self._since < self._limit.for_minutes * 60_000:
            return None
        level = LEVELS[self._limit.level]
        self._event = opened(
            self._site,
            self._kind,
            self._point.name,
            self._limit.id,
            self._since,
            level,
            self._evidence(value),
        )
        return self._event

    def _back(self, at: int) -> Event | None:
        event, self._event, self._since = self._event, None, None
        return closed(event, at, {"worst": self._worst}) if event is not None else None

    def _bound(self, value: float) -> float:
        above, below = self._limit.above, self._limit.below
        if above is not None and (below is None or value > above):
            return above
        return below if below is not None else 0.0

    def _evidence(self, value: float) -> dict[str, object]:
        limit, bound, unit = self._limit, self._bound(value), self._point.unit
        words = {"value": shown(value), "unit": unit, "limit": f"{bound:g}"}
        return {
            "text_zh": limit.text.format(**words), "text_en": limit.text_en.format(**words),
            "advice_zh": limit.advice, "advice_en": limit.advice_en, "limit": bound, "unit": unit,
            "worst": self._worst, "for_minutes": limit.for_minutes, "mean_minutes": limit.mean_minutes, "source": limit.source,
        }  # fmt: skip
