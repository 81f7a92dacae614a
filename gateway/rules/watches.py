"""Which rules watch which points, put together once from the limits file; the one entry for readings."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from typing import Protocol

from edge_config.schema import Limit, LimitsFile
from edge_config.site import LoadedSite
from gateway.model import Event, Point
from gateway.rules.disinfection import RunWatch
from gateway.rules.limits import LimitWatch

MINUTES_5_MS = 300_000


class Watch(Protocol):
    def step(self, at: int, value: float) -> Event | None: ...

    def owns(self, event: Event) -> bool: ...

    def resume(self, event: Event) -> None: ...


def watches(
    site: LoadedSite, points: Iterable[Point], open_events: Iterable[Event]
) -> dict[str, list[Watch]]:
    """Point name → its watches, with events that were open at the last stop taken up again."""
    limits = site.limits or LimitsFile(valid_from="")
    hours = _hours(site)
    found = {point.name: _of_point(site.file.site.id, limits, point, hours) for point in points}
    for event in open_events:
        for watch in (watch for group in found.values() for watch in group if watch.owns(event)):
            watch.resume(event)
    return {name: group for name, group in found.items() if group}


def _of_point(site: str, limits: LimitsFile, point: Point, hours: Callable[[str, int], bool]) -> list[Watch]:
    group: list[Watch] = [
        LimitWatch(site, limit, point, _applies(limit, hours))
        for limit in limits.limits
        if point.name in limit.points or (limit.quantity == point.quantity and not limit.points)
    ]
    group += [RunWatch(site, rule, point) for rule in limits.disinfection if rule.quantity == point.quantity]
    return group


def _applies(limit: Limit, hours: Callable[[str, int], bool]) -> Callable[[int], bool]:
    if limit.during == "always":
        return lambda _at: True
    return lambda at: hours(limit.during, at // MINUTES_5_MS)


def _hours(site: LoadedSite) -> Callable[[str, int], bool]:
    """Is a five-minute piece of time within lessons, a school day or the night (22:00 to 06:00)?"""

    @lru_cache(maxsize=2048)
    def within(during: str, piece: int) -> bool:
        local = datetime.fromtimestamp(piece * MINUTES_5_MS / 1000, site.zone)
        if during == "lesson":
            return site.calendar.is_lesson(local)
        if during == "meal":
            return site.calendar.is_meal(local)
        if during == "night":
            return local.hour >= 22 or local.hour < 6
        return site.calendar.is_school_day(local.date())

    return within
