"""空气: which room to air now, worst first, and the day of every room hour by hour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dashboard.desk import Desk
from dashboard.words import HOUR_MS, Figure
from devices.quantities import QUANTITIES
from edge_config.schema import Limit
from gateway.query.views import Room, Series

METRICS = ("co2", "pm25", "temperature", "humidity")
ORDER = {"outside": 0, "advise": 1, "delayed": 2, "offline": 3, "unknown": 3, "ok": 4}
AHEAD = 8
STATES = {
    "outside": "alarm",
    "advise": "warn",
    "delayed": "off",
    "offline": "off",
    "unknown": "off",
    "ok": "ok",
}


@dataclass(frozen=True, slots=True)
class RoomRow:
    name: str
    building: str
    state: str
    word: str
    advice: str
    figures: dict[str, Figure]
    seen: str


@dataclass(frozen=True, slots=True)
class HeatCell:
    """``grade`` 0 not known, 1 well inside … 4 far outside the limit; 8 lies ahead, 9 has no limit."""

    hour: str
    text: str
    grade: int
    is_estimated: bool


@dataclass(frozen=True, slots=True)
class HeatRow:
    name: str
    building: str
    cells: list[HeatCell]


def build(desk: Desk) -> dict[str, Any]:
    metric = desk.query.get("m", METRICS[0])
    metric = metric if metric in METRICS else METRICS[0]
    rooms = desk.views.rooms()
    limits = _limits(desk, metric)
    names = {room.space: room for room in rooms}
    series = desk.views.air_grid(metric, desk.span.first.isoformat())
    heat = [_heat_row(desk, one, names, limits) for one in series]
    return {
        "rooms": [
            _room(desk, room) for room in sorted(rooms, key=lambda room: (ORDER[room.state], _badness(room)))
        ],
        "bad": sum(room.state == "outside" for room in rooms),
        "known": sum(room.state not in {"offline", "delayed", "unknown"} for room in rooms),
        "metric": metric,
        "metrics": [(name, desk.language(f"air.metric.{name}")) for name in METRICS],
        "unit": QUANTITIES[metric].unit,
        "heat": sorted(heat, key=lambda row: (row.building, row.name)),
        "hours": [desk.times.clock(start) for start in desk.span.starts()],
        "limit_words": [_limit_words(desk, limit, metric) for limit in limits],
    }


def _badness(room: Room) -> float:
    co2 = room.figures.get("co2")
    return -(co2.value or 0.0) if co2 else 0.0


def _room(desk: Desk, room: Room) -> RoomRow:
    figures = {
        name: desk.figure(room.figures[name].value, QUANTITIES[name].unit)
        for name in METRICS
        if name in room.figures
    }
    seen = max(
        (one.measured_at for one in room.figures.values() if one.measured_at is not None), default=None
    )
    advice = desk.language.pick(room.advice_zh, room.advice_en) or desk.language(f"air.advice.{room.state}")
    word = desk.language(f"air.state.{room.state}")
    building = desk.site.building_of(room.space) if room.space in desk.site.spaces else None
    return RoomRow(
        room.name,
        building.name if building else "",
        STATES[room.state],
        word,
        advice,
        figures,
        desk.heard(seen),
    )


def _limits(desk: Desk, metric: str) -> list[Limit]:
    found = desk.site.limits.limits if desk.site.limits else ()
    return [limit for limit in found if limit.quantity == metric]


def _limit_words(desk: Desk, limit: Limit, metric: str) -> str:
    unit = QUANTITIES[metric].unit
    if limit.above is not None:
        return desk.language("air.limit_above", limit=f"{limit.above:g} {unit}", source=limit.source)
    return desk.language("air.limit_below", limit=f"{limit.below:g} {unit}", source=limit.source)


def _heat_row(desk: Desk, series: Series, rooms: dict[str, Room], limits: list[Limit]) -> HeatRow:
    space = series.space or ""
    name = rooms[space].name if space in rooms else series.point
    building = desk.site.building_of(space) if space in desk.site.spaces else None
    by_start = {slot.start - (slot.start - desk.span.start) % HOUR_MS: slot for slot in series.slots}
    cells = []
    for start in desk.span.starts():
        slot = by_start.get(start)
        value = slot.mean if slot else None
        is_ahead = start + HOUR_MS > desk.now_ms
        cells.append(
            HeatCell(
                desk.times.clock(start),
                "" if is_ahead else desk.figure(value, series.unit).text,
                AHEAD if is_ahead else grade(value, limits),
                slot is not None and slot.content == "estimated",
            )
        )
    return HeatRow(name, building.name if building else "", cells)


def grade(value: float | None, limits: list[Limit]) -> int:
    """How an hour's mean stands to the limits: 1 inside, 2 near (last fifth below an upper limit), 3 outside, 4 far out."""
    if value is None:
        return 0
    if not limits:
        return 9
    worst = 1
    for limit in limits:
        if limit.above is not None:
            worst = max(
                worst, 1 + (value > 0.8 * limit.above) + (value > limit.above) + (value > 1.5 * limit.above)
            )
        if limit.below is not None and value < limit.below:
            worst = max(worst, 3)
    return worst
