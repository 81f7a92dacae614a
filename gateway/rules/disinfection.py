"""Disinfection runs found in readings: a lamp that burns or a cabinet that is hot, from when to when, and was it enough.

The warm-up does not count. A run with a hole longer than ``GAP_MAX_MS`` ends at its last reading: what nobody saw is
not claimed.
"""

from __future__ import annotations

from edge_config.schema import DisinfectionRule
from gateway.model import Event, Level, Point
from gateway.rules.episode import closed, opened

KIND = "disinfection"
GAP_MAX_MS = 20 * 60_000


class RunWatch:
    """The state of one disinfection rule on one point; the event's subject is the device."""

    __slots__ = ("_event", "_last_at", "_peak", "_point", "_rule", "_site")

    def __init__(self, site: str, rule: DisinfectionRule, point: Point) -> None:
        self._site, self._rule, self._point = site, rule, point
        self._event: Event | None = None
        self._last_at = 0
        self._peak = 0.0

    def resume(self, event: Event) -> None:
        self._event, self._last_at = event, event.start
        self._peak = float(event.evidence.get("peak", 0.0))

    def owns(self, event: Event) -> bool:
        return (event.kind, event.subject, event.evidence.get("rule")) == (
            KIND,
            self._point.device,
            self._rule.id,
        )

    def step(self, at: int, value: float) -> Event | None:
        """Judge one good reading, newer than the last; the run it begins or ends."""
        if self._event is not None and at - self._last_at > GAP_MAX_MS:
            return self._end(self._last_at)
        if value >= self._rule.at_least:
            self._last_at, self._peak = at, max(self._peak, value)
            return self._begin(at) if self._event is None else None
        return self._end(at) if self._event is not None else None

    def _begin(self, at: int) -> Event:
        rule = self._rule
        evidence = {
            "point": self._point.name,
            "needed_minutes": rule.minutes,
            "warm_up_minutes": rule.warm_up_minutes,
            "source": rule.source,
        }
        self._event = opened(self._site, KIND, self._point.device, rule.id, at, Level.NOTICE, evidence)
        return self._event

    def _end(self, at: int) -> Event | None:
        event, self._event = self._event, None
        if event is None:
            return None
        peak, self._peak = self._peak, 0.0
        minutes = round(max(0.0, (at - event.start) / 60_000 - self._rule.warm_up_minutes), 1)
        return closed(
            event, at, {"minutes": minutes, "complete": minutes >= self._rule.minutes, "peak": peak}
        )
