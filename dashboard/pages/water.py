"""用水: the same grammar as electricity, and the night minimum of each meter, where leaks show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from dashboard.desk import WATER, Desk, Meter
from dashboard.pages.meters import meter_rows
from dashboard.pages.parts import QUARTERS_PER_HOUR, headline, ranking, span_base, span_total, usage_chart
from dashboard.period import day_start
from dashboard.words import HOUR_MS, Figure

NIGHT_FROM_H, NIGHT_TO_H = 2, 4  # the usual window of night-flow analysis, when nobody draws water

# Below 20 litres an hour a pulse meter's own steps and a float valve look like flow (design).
AT_REST_M3H = 0.02


@dataclass(frozen=True, slots=True)
class NightRow:
    """``state`` ok (came to rest), warn (never did), off (not enough data)."""

    name: str
    place: str
    flow: Figure
    per_day: Figure
    state: str
    word: str


def build(desk: Desk) -> dict[str, Any]:
    span, end = desk.span, desk.end_so_far
    total = span_total(desk, WATER)
    students = desk.site.file.site.students
    night = _last_night(desk)
    return {
        "head": headline(desk, total, span_base(desk)),
        "pupil": str(desk.figure(total.value * 1000 / students, "L"))
        if students and total.value is not None
        else "",
        "chart": usage_chart(desk, WATER, unit="m³", commodity="water", title=desk.language("water.usage")),
        "buildings": ranking(desk, desk.views.buildings(WATER, span.start, end)),
        "meters": meter_rows(desk, WATER, span.start, end),
        "night": [_night_row(desk, meter, night) for meter in desk.meters(WATER)],
        "night_day": f"{night:%m-%d}",
    }


def _last_night(desk: Desk) -> date:
    """The night of the span's last day, or the newest that is over."""
    ends = day_start(desk.span.last, desk.site.zone) + NIGHT_TO_H * HOUR_MS
    if ends <= desk.now_ms:
        return desk.span.last
    is_over = day_start(desk.today, desk.site.zone) + NIGHT_TO_H * HOUR_MS <= desk.now_ms
    return desk.today if is_over else desk.today - timedelta(days=1)


def _night_row(desk: Desk, meter: Meter, night: date) -> NightRow:
    start = day_start(night, desk.site.zone)
    series = desk.views.series(
        meter.point, start + NIGHT_FROM_H * HOUR_MS, start + NIGHT_TO_H * HOUR_MS, "15min"
    )
    flow = night_minimum([slot.value for slot in series.slots])
    state = "off" if flow is None else "warn" if flow >= AT_REST_M3H else "ok"
    return NightRow(
        meter.name,
        desk.place(meter.device.space),
        desk.figure(None if flow is None else flow * 1000, "L/h"),
        desk.figure(None if flow is None else flow * 24, "m³"),
        state,
        desk.language(f"water.night_{state}"),
    )


def night_minimum(quarters: list[float | None]) -> float | None:
    """The smallest rolling hour of the window in m³/h; None unless every quarter-hour of it is known."""
    due = (NIGHT_TO_H - NIGHT_FROM_H) * QUARTERS_PER_HOUR
    known = [value for value in quarters if value is not None]
    if len(known) < due:
        return None
    return min(sum(known[n : n + QUARTERS_PER_HOUR]) for n in range(len(known) - QUARTERS_PER_HOUR + 1))
