"""用电: one picker drives all: total, bars beside the base, sub-items, buildings, meters."""

from __future__ import annotations

from typing import Any

from dashboard.desk import ENERGY, Desk
from dashboard.pages.meters import meter_rows
from dashboard.pages.parts import (
    Ranked,
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
        "tariffs": _tariffs(desk, span.start, end),
        "meters": meter_rows(desk, ENERGY, span.start, end),
    }


def _tariffs(desk: Desk, start: int, end: int) -> list[Ranked]:
    """尖峰平谷 in their order, with what each cost; nothing for a site that has no tariffs."""
    if desk.site.tariffs is None:
        return []
    shares = desk.views.tariffs(ENERGY, start, end)
    top = max((share.value for share in shares), default=0.0)
    return [
        Ranked(
            share.tariff,
            desk.language(f"tariff.{share.tariff or 'none'}"),
            desk.figure(share.value, share.unit),
            round(share.value / top * 100, 1) if top > 0 else 0.0,
            f"{share.share * 100:.0f}%" + _cost(desk, share.cost),
        )
        for share in shares
    ]


def _cost(desk: Desk, cost: float | None) -> str:
    return "" if cost is None else f" · {desk.language('tariff.cost', yuan=f'{cost:,.0f}')}"


def _per_pupil(desk: Desk, value: float | None) -> str:
    students = desk.site.file.site.students
    return str(desk.figure(value / students, "kWh")) if students and value is not None else ""
