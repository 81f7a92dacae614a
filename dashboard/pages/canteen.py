"""食堂: each fridge, freezer, hot-holding and sample cabinet with its band and its last 24 hours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dashboard.desk import Desk
from dashboard.pictures import Picture, picture
from dashboard.words import DAY_MS, HOUR_MS, Figure
from gateway.query.views import ColdUnit, Slot

STATES = {"ok": "ok", "outside": "alarm", "delayed": "off", "offline": "off", "unknown": "off"}
ORDER = {"outside": 0, "delayed": 1, "offline": 2, "unknown": 2, "ok": 3}
QUARTER_MS = 900_000


@dataclass(frozen=True, slots=True)
class UnitTile:
    id: str
    name: str
    place: str
    kind: str
    state: str
    word: str
    figure: Figure
    band: str
    outside: str
    door: str
    seen: str
    curve: Picture | None
    sentence: str
    hours: list[tuple[str, Figure]]


def build(desk: Desk) -> dict[str, Any]:
    units = sorted(desk.views.cold(), key=lambda unit: (ORDER[unit.state], unit.name))
    return {
        "units": [_tile(desk, unit) for unit in units],
        "bad": sum(unit.state == "outside" for unit in units),
        "silent": sum(unit.state in {"delayed", "offline"} for unit in units),
    }


def _tile(desk: Desk, unit: ColdUnit) -> UnitTile:
    words, latest = desk.language, unit.latest
    state, word = unit_state(unit)
    start = (desk.now_ms - DAY_MS) // QUARTER_MS * QUARTER_MS
    slots = {slot.start: slot for slot in desk.views.cold_series(unit.device, start, desk.now_ms).slots}
    values = [_mean(slots.get(at)) for at in range(start, desk.now_ms, QUARTER_MS)]
    known = [value for value in values if value is not None]
    band = band_words(unit.low_limit, unit.high_limit)
    low, high = (desk.figure(min(known), "℃"), desk.figure(max(known), "℃")) if known else ("—", "—")
    return UnitTile(
        unit.device,
        unit.name,
        desk.place(unit.space),
        words(f"canteen.kind.{unit.kind}") if words.has(f"canteen.kind.{unit.kind}") else unit.kind,
        state,
        words(f"canteen.state.{word}"),
        desk.figure(latest.value, latest.unit),
        band,
        desk.times.span(unit.minutes_outside_today * 60_000) if unit.minutes_outside_today >= 1 else "",
        ""
        if unit.door_open is None
        else words("canteen.door_open" if unit.door_open else "canteen.door_shut"),
        desk.heard(latest.measured_at),
        picture(values, width=320, height=88, floor=None, limits=(unit.low_limit, unit.high_limit)),
        words("canteen.sentence", name=unit.name, low=low, high=high, band=band),
        [(desk.times.stamp(at), desk.figure(_mean(slots.get(at)), "℃")) for at in _hours(desk, start)],
    )


def unit_state(unit: ColdUnit) -> tuple[str, str]:
    """Colour and word. Out of its band without an alarm: hot holding is not serving, cold is within its allowed delay."""
    if unit.state == "ok" and _is_out_of_band(unit):
        return ("off", "idle") if unit.kind == "hot" else ("warn", "watching")
    return STATES[unit.state], unit.state


def _is_out_of_band(unit: ColdUnit) -> bool:
    value = unit.latest.value
    if value is None:
        return False
    is_low = unit.low_limit is not None and value < unit.low_limit
    return is_low or (unit.high_limit is not None and value > unit.high_limit)


def _mean(slot: Slot | None) -> float | None:
    return None if slot is None else slot.mean


def _hours(desk: Desk, start: int) -> list[int]:
    first = -(-start // HOUR_MS) * HOUR_MS
    return list(range(first, desk.now_ms - QUARTER_MS, HOUR_MS))


def band_words(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"{low:g} – {high:g} ℃"
    if high is not None:
        return f"≤ {high:g} ℃"
    return f"≥ {low:g} ℃" if low is not None else "—"
