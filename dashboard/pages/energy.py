"""用电: one picker drives all: total, bars beside the base, sub-items, buildings, meters."""

from __future__ import annotations

from typing import Any

from dashboard.desk import ENERGY, Desk
from dashboard.pages.meters import meter_rows
from dashboard.pages.parts import (
    assigned,
    headline,
    ranking,
    ring,
    span_base,
    span_total,
    surplus,
    usage_chart,
)

COMMODITY = "electricity"


def build(desk: Desk) -> dict[str, Any]:
    span, end, words = desk.span, desk.end_so_far, desk.language
    total = span_total(desk, ENERGY)
    items = desk.views.items(span.start, end)
    return {
        "head": headline(desk, total, span_base(desk)),
        "pupil": _per_pupil(desk, total.value),
        "chart": usage_chart(desk, ENERGY, unit="kWh", commodity=COMMODITY, title=words("energy.usage")),
        "ring": ring(
            desk, assigned(items), chart_id="items", title=words("energy.items"), commodity=COMMODITY
        ),
        "items": ranking(desk, assigned(items)),
        "surplus": surplus(desk, items),
        "buildings": ranking(desk, assigned(desk.views.buildings(ENERGY, span.start, end))),
        "meters": meter_rows(desk, ENERGY, span.start, end),
    }


def _per_pupil(desk: Desk, value: float | None) -> str:
    students = desk.site.file.site.students
    return str(desk.figure(value / students, "kWh")) if students and value is not None else ""
