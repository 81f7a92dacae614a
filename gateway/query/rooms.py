"""Classroom air: which room is how, and what to do there."""

from __future__ import annotations

from datetime import date

from devices.quantities import QUANTITIES
from edge_config.schema import Space
from gateway.query.alarms import EventRow, open_events
from gateway.query.known_points import KnownPoint
from gateway.query.latest import latest_of
from gateway.query.series import series
from gateway.query.snapshot import Snapshot
from gateway.query.views import Latest, Room, Series
from gateway.slots import day_bounds

INDOOR_AIR = frozenset({"co2", "pm25", "tvoc", "formaldehyde"})
NOTICE = 4


def rooms(snapshot: Snapshot) -> list[Room]:
    """Every classroom with an air sensor, and other rooms whose air is watched, in the order of the site file."""
    events = open_events(snapshot.db)
    return [_room(snapshot, space, points, events) for space, points in _watched(snapshot)]


def air_grid(snapshot: Snapshot, quantity: str, day: date) -> list[Series]:
    """Hours of a day, one series per room that measures the quantity; ``Series.space`` is the room."""
    start, end = day_bounds(day, snapshot.site.zone)
    chosen = [_of_quantity(points, quantity) for _, points in _watched(snapshot)]
    return [series(snapshot, point, start, end, "hour") for point in chosen if point is not None]


def _of_quantity(points: list[KnownPoint], quantity: str) -> KnownPoint | None:
    return next((point for point in points if point.quantity == quantity), None)


def _watched(snapshot: Snapshot) -> list[tuple[Space, list[KnownPoint]]]:
    by_space: dict[str, list[KnownPoint]] = {}
    for point in snapshot.points.real():
        if point.space is not None and QUANTITIES[point.quantity].group == "air":
            by_space.setdefault(point.space, []).append(point)
    return [
        (space, by_space[space.id])
        for space in snapshot.site.file.spaces
        if space.id in by_space and _is_watched(space, by_space[space.id])
    ]


def _is_watched(space: Space, points: list[KnownPoint]) -> bool:
    is_room = space.kind in {"room", "dormitory", "kitchen"}
    return space.kind == "classroom" or (is_room and any(point.quantity in INDOOR_AIR for point in points))


def _room(snapshot: Snapshot, space: Space, points: list[KnownPoint], events: list[EventRow]) -> Room:
    figures: dict[str, Latest] = {}
    for point in points:
        found, known = latest_of(snapshot, point), figures.get(point.quantity)
        if known is None or (found.measured_at or 0) > (known.measured_at or 0):
            figures[point.quantity] = found
    names = {point.name for point in points}
    broken = sorted((event for event in events if event.subject in names), key=lambda event: event.level)
    building = snapshot.site.building_of(space.id)
    return Room(
        space=space.id, name=space.name, building=building.id if building else None,
        state=_state(snapshot, points, figures, broken), figures=figures,
        why=[str(event.evidence.get("rule") or event.kind) for event in broken],
        advice_zh=_first(broken, "advice_zh"), advice_en=_first(broken, "advice_en"),
    )  # fmt: skip


def _state(
    snapshot: Snapshot, points: list[KnownPoint], figures: dict[str, Latest], broken: list[EventRow]
) -> str:
    """What is not known comes before what is wrong: an old figure says nothing of the air now."""
    states = [
        snapshot.device_states.get(device, ("", 0, ""))[0] for device in {point.device for point in points}
    ]
    if all(state == "offline" for state in states) or all(
        figure.value is None for figure in figures.values()
    ):
        return "offline"
    if all(figure.is_delayed for figure in figures.values()):
        return "delayed"
    if not broken:
        return "ok"
    return "advise" if broken[0].level >= NOTICE else "outside"


def _first(events: list[EventRow], key: str) -> str:
    """The words of the gravest event that has some."""
    return next((str(event.evidence[key]) for event in events if event.evidence.get(key)), "")
