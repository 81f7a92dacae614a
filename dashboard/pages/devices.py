"""设备: by line and broker, how each device is, what it last said, and how complete its day is."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from dashboard.desk import Desk
from dashboard.pages import strangers
from dashboard.words import Figure
from devices.quantities import QUANTITIES, Kind
from gateway.query.views import DeviceRow, Latest

STATES = {"online": "ok", "suspect": "warn", "offline": "off", "unknown": "off"}
ORDER = {"offline": 0, "suspect": 1, "unknown": 2, "online": 3}
FIGURES_MAX = 4


@dataclass(frozen=True, slots=True)
class Row:
    device: str
    name: str
    title: str
    place: str
    address: str
    state: str
    word: str
    seen: str
    detail: str
    rejected: int | None
    completeness: int | None
    figures: list[tuple[str, Figure, bool]]


@dataclass(frozen=True, slots=True)
class Line:
    """A bus or broker and what hangs on it."""

    name: str
    wire: str
    online: int
    rows: list[Row]


def build(desk: Desk) -> dict[str, Any]:
    rows = sorted(
        desk.views.devices(),
        key=lambda row: (_wire(desk, row), row.line, ORDER.get(row.state, 2), row.name),
    )
    lines = [_line(desk, line, list(group)) for line, group in groupby(rows, key=lambda row: row.line)]
    online = sum(row.state == "online" for row in rows)
    return {"lines": lines, "total": len(rows), "online": online, "strangers": strangers.card(desk)}


def _wire(desk: Desk, row: DeviceRow) -> str:
    """At a hub devices stand by their gateway, whatever their wire."""
    return "" if desk.hub is not None else row.wire


def _line(desk: Desk, name: str, rows: list[DeviceRow]) -> Line:
    online = sum(row.state == "online" for row in rows)
    shown = name or desk.language("device.no_gateway")
    return Line(shown, _wire(desk, rows[0]), online, [_row(desk, row) for row in rows])


def _row(desk: Desk, row: DeviceRow) -> Row:
    words = desk.language
    share = row.completeness_today
    return Row(
        row.device,
        desk.name_of(row.device, row.name),
        words.pick(row.title_zh, row.title_en),
        desk.place(row.space),
        row.address,
        STATES.get(row.state, "off"),
        words(f"device.{row.state if row.state in STATES else 'unknown'}"),
        desk.times.ago(row.seen_at),
        row.detail,
        row.rejected,
        None if share is None else int(share * 100),
        [
            (words.pick(one.label_zh, one.label_en), _figure(desk, one), one.is_delayed)
            for one in row.latest[:FIGURES_MAX]
        ],
    )


def _figure(desk: Desk, one: Latest) -> Figure:
    """A state is a word, not a number."""
    known = QUANTITIES.get(one.quantity)
    if known is None or known.kind is not Kind.STATE or one.value is None:
        return desk.figure(one.value, one.unit)
    return Figure(desk.language("device.yes" if one.value >= 0.5 else "device.no"), "")
