"""The table of meters that electricity and water share."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.desk import Desk
from dashboard.pages.parts import honesty
from dashboard.words import Figure


@dataclass(frozen=True, slots=True)
class MeterRow:
    name: str
    place: str
    code: str
    figure: Figure
    notes: list[str]
    is_root: bool
    parent: str


def meter_rows(desk: Desk, quantity: str, start: int, end: int) -> list[MeterRow]:
    rows = []
    for meter in desk.meters(quantity):
        total = desk.views.total(quantity, start, end, points=[meter.point])
        parent = desk.site.devices.get(meter.device.parent or "")
        rows.append(
            MeterRow(
                meter.name,
                desk.place(meter.device.space),
                meter.device.energy_code or "",
                desk.figure(total.value, total.unit),
                honesty(desk, total),
                meter.is_root,
                (parent.name or parent.id) if parent else "",
            )
        )
    return rows
