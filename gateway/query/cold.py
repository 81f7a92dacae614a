"""Fridges, freezers, sample cabinets and hot-holding: inside their band or not, and for how long today."""

from __future__ import annotations

from edge_config.schema import Limit
from gateway.errors import QueryError
from gateway.query.alarms import COLUMNS, EventRow, event_rows
from gateway.query.known_points import KnownPoint
from gateway.query.latest import latest_of
from gateway.query.series import series
from gateway.query.snapshot import Snapshot
from gateway.query.views import ColdUnit, Latest, Series

QUANTITIES = ("cold_temperature", "hot_temperature")
FREEZER_BELOW_C = -5.0
"""A cold unit whose upper limit lies below this is a freezer (frozen food: −12 ℃, GB 31654)."""


def cold(snapshot: Snapshot) -> list[ColdUnit]:
    events = _today(snapshot)
    return [_unit(snapshot, point, events) for point in _points(snapshot)]


def cold_series(snapshot: Snapshot, device: str, start: int, end: int) -> Series:
    """Quarter-hours of a unit's temperature. Raises QueryError for a device that is no such unit."""
    for point in _points(snapshot):
        if point.device == device:
            return series(snapshot, point, start, end, "15min")
    raise QueryError(f"device {device!r} measures no cold-chain temperature")


def _points(snapshot: Snapshot) -> list[KnownPoint]:
    """One temperature per unit: the first its profile names."""
    found: dict[str, KnownPoint] = {}
    for point in snapshot.points.real():
        if point.quantity in QUANTITIES:
            found.setdefault(point.device, point)
    return list(found.values())


def _unit(snapshot: Snapshot, point: KnownPoint, events: list[EventRow]) -> ColdUnit:
    latest, (low, high) = latest_of(snapshot, point), band(snapshot, point)
    own = [event for event in events if event.subject == point.name]
    door = _door(snapshot, point.device)
    return ColdUnit(
        device=point.device, name=snapshot.device_name(point.device), space=point.space,
        kind=_kind(snapshot, point, high), latest=latest, low_limit=low, high_limit=high,
        state=_state(snapshot, point, latest, own), minutes_outside_today=_minutes(snapshot, own),
        door_open=None if door is None or door.value is None else door.value >= 0.5,
    )  # fmt: skip


def band(snapshot: Snapshot, point: KnownPoint) -> tuple[float | None, float | None]:
    """The narrowest band of the limits on a point, ℃; limits that name the point stand before those of its quantity."""
    limits = snapshot.site.limits.limits if snapshot.site.limits else ()
    own = [limit for limit in limits if point.name in limit.points]
    chosen: list[Limit] = own or [
        limit for limit in limits if limit.quantity == point.quantity and not limit.points
    ]
    low = max((limit.below for limit in chosen if limit.below is not None), default=None)
    high = min((limit.above for limit in chosen if limit.above is not None), default=None)
    return low, high


def _kind(snapshot: Snapshot, point: KnownPoint, high: float | None) -> str:
    if point.quantity == "hot_temperature":
        return "hot"
    if "留样" in snapshot.device_name(point.device) or "sample" in point.device:
        return "sample"
    return "freezer" if high is not None and high < FREEZER_BELOW_C else "fridge"


def _state(snapshot: Snapshot, point: KnownPoint, latest: Latest, events: list[EventRow]) -> str:
    if latest.value is None or snapshot.device_states.get(point.device, ("", 0, ""))[0] == "offline":
        return "offline"
    if latest.is_delayed:
        return "delayed"
    return "outside" if any(event.state == "open" for event in events) else "ok"


def _door(snapshot: Snapshot, device: str) -> Latest | None:
    """The door of the unit itself, or of a door sensor that names it as its parent."""
    for point in snapshot.points.real():
        known = snapshot.site.devices.get(point.device)
        is_own = point.device == device or (known is not None and known.parent == device)
        if point.quantity == "door_open" and is_own:
            return latest_of(snapshot, point)
    return None


def _today(snapshot: Snapshot) -> list[EventRow]:
    """Excursions that touch today, oldest first."""
    start, end = snapshot.day
    rows = snapshot.db.execute(
        f"SELECT {COLUMNS} FROM event WHERE kind IN ('cold_excursion', 'limit') AND start < ?"
        " AND (state = 'open' OR (state = 'closed' AND \"end\" > ?)) ORDER BY start",
        (end, start),
    )
    return event_rows(rows)


def _minutes(snapshot: Snapshot, events: list[EventRow]) -> float:
    """Minutes of today outside the band; where two limits overlap, the time counts once."""
    start, until = snapshot.day[0], snapshot.now
    outside_ms, counted_to = 0, start
    for event in events:
        end = min(until, event.end if event.end is not None else until)
        outside_ms += max(0, end - max(counted_to, event.start))
        counted_to = max(counted_to, end)
    return outside_ms / 60_000
