"""总览: is today normal, and what has to be done. Every number is the one of ``Views.overview``."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from dashboard.desk import ENERGY, SOLAR, WATER, Desk
from dashboard.pages.alarms import alarm_rows
from dashboard.pages.parts import (
    QUARTER_MS,
    Headline,
    assigned,
    headline,
    power_today,
    ranking,
    ring,
    surplus,
    week_base,
)
from dashboard.pages.upload import UplinkCard, uplink_card
from dashboard.period import span
from dashboard.pictures import Picture, picture
from dashboard.words import DASH, DAY_MS, HOUR_MS, Change, Figure, percent
from gateway.query.views import Overview

TODO_MAX, BUILDINGS_MAX = 6, 6


@dataclass(frozen=True, slots=True)
class Hero:
    """A card with a large number and a curve of the day."""

    id: str
    href: str
    commodity: str
    icon: str
    label: str
    figure: Figure
    curve: Picture | None
    changes: list[Change] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    running: bool = False


@dataclass(frozen=True, slots=True)
class Tile:
    """A state in one look: a number of a number, and a word with its icon."""

    id: str
    href: str
    commodity: str
    icon: str
    label: str
    value: str
    of: str
    state: str
    word: str


def build(desk: Desk) -> dict[str, Any]:
    overview = desk.views.overview()
    today = span("day", desk.today, desk.site.zone)
    alarms = alarm_rows(desk, overview.alarms)
    chart = power_today(desk, ENERGY)
    items = desk.views.items(today.start, desk.now_ms)
    states = Counter(row.state for row in desk.views.devices())
    words = desk.language
    return {
        "overview": overview,
        "heroes": _heroes(desk, overview),
        "tiles": _tiles(desk, overview, states),
        "chart": chart,
        "ring": ring(desk, assigned(items), chart_id="items-today",
                     title=words("energy.items"), commodity="electricity"),
        "buildings": ranking(desk, assigned(desk.views.buildings(ENERGY, today.start, desk.now_ms)))[:BUILDINGS_MAX],
        "todo": alarms[:TODO_MAX],
        "todo_more": max(0, len(alarms) - TODO_MAX),
        "offline": states["offline"] + states["suspect"],
        "surplus": surplus(desk, items),
        "uplinks": _uplinks(desk, overview),
    }  # fmt: skip


def _heroes(desk: Desk, overview: Overview) -> list[Hero]:
    words = desk.language
    week, yesterday = week_base(desk), words("compare.yesterday_now")
    energy = headline(desk, overview.electricity_today, week, yesterday)
    water = headline(desk, overview.water_today, week, yesterday)
    heroes = [
        _usage(desk, "electricity", "bolt", "/energy", energy, _curve(desk, ENERGY)),
        _usage(desk, "water", "drop", "/water", water, _curve(desk, WATER)),
        _power(desk, overview),
    ]
    if overview.solar_today is not None:
        solar = headline(desk, overview.solar_today, week, yesterday)
        heroes.append(_usage(desk, "solar", "sun", "/energy", solar, _curve(desk, SOLAR)))
    return heroes


def _usage(desk: Desk, commodity: str, icon: str, href: str, head: Headline, curve: Picture | None) -> Hero:
    label = desk.language(f"overview.{commodity}_today")
    return Hero(
        f"hero-{commodity}",
        href,
        commodity,
        icon,
        label,
        head.figure,
        curve,
        head.changes,
        head.notes,
        running=True,
    )


def _curve(desk: Desk, quantity: str) -> Picture | None:
    """Consumption hour by hour over the last 24 hours."""
    last = desk.now_ms // HOUR_MS * HOUR_MS
    slots = desk.whole(quantity, last - DAY_MS, last, "hour")
    return picture([slots[at].value if at in slots else None for at in range(last - DAY_MS, last, HOUR_MS)])


def _power(desk: Desk, overview: Overview) -> Hero:
    latest, words = overview.power_now, desk.language
    lines = []
    if overview.power_max_today is not None:
        peak = desk.figure(overview.power_max_today, "kW")
        lines.append(words("overview.power_max", figure=peak, at=desk.times.clock(overview.power_max_at)))
    if latest is not None and latest.is_delayed and latest.measured_at is not None:
        lines.append(words("data.delayed", span=desk.times.span(desk.now_ms - latest.measured_at)))
    last = desk.now_ms // QUARTER_MS * QUARTER_MS
    slots = desk.whole(ENERGY, last - DAY_MS, last, "15min")
    curve = picture(
        [slots[at].value if at in slots else None for at in range(last - DAY_MS, last, QUARTER_MS)]
    )
    shown = desk.figure(latest.value if latest else None, latest.unit if latest else "kW")
    return Hero(
        "hero-power",
        "/energy",
        "electricity",
        "pulse",
        words("overview.power_now"),
        shown,
        curve,
        [],
        lines,
    )


def _tiles(desk: Desk, overview: Overview, states: Counter[str]) -> list[Tile]:
    return [
        _air(desk, overview),
        _cold(desk, overview),
        _disinfection(desk, overview),
        _devices(desk, overview, states),
    ]


def _air(desk: Desk, overview: Overview) -> Tile:
    if desk.hub is not None:
        return _unheard(desk, "tile-air", "/air", "wind", "air", len(overview.rooms))
    bad = sum(room.state == "outside" for room in overview.rooms)
    silent = sum(room.state in {"offline", "delayed"} for room in overview.rooms)
    state = "warn" if bad else "ok" if overview.rooms and silent < len(overview.rooms) else "off"
    word = desk.language(f"overview.air_{state}", n=bad)
    return Tile(
        "tile-air",
        "/air",
        "air",
        "wind",
        desk.language("overview.air"),
        str(bad),
        str(len(overview.rooms)),
        state,
        word,
    )


def _cold(desk: Desk, overview: Overview) -> Tile:
    if desk.hub is not None:
        return _unheard(desk, "tile-cold", "/canteen", "snow", "cold", len(overview.cold))
    bad = sum(unit.state == "outside" for unit in overview.cold)
    silent = sum(unit.state in {"offline", "delayed"} for unit in overview.cold)
    state = "alarm" if bad else "off" if silent or not overview.cold else "ok"
    word, label = desk.language(f"overview.cold_{state}", n=bad or silent), desk.language("overview.cold")
    return Tile(
        "tile-cold",
        "/canteen",
        "canteen",
        "snow",
        label,
        str(bad),
        str(len(overview.cold)),
        state,
        word,
    )


def _disinfection(desk: Desk, overview: Overview) -> Tile:
    units = overview.disinfection
    if desk.hub is not None:
        return _unheard(desk, "tile-disinfection", "/disinfection", "shield", "disinfection", len(units))
    done = sum(unit.complete_today > 0 for unit in units)
    short = sum(unit.runs_today > unit.complete_today for unit in units)
    state = "warn" if short else "ok" if done and done == len(units) else "off"
    key = "free" if state == "off" and not desk.is_school_day(desk.today) else state
    word = desk.language(f"overview.disinfection_{key}", n=short, left=len(units) - done)
    label = desk.language("overview.disinfection")
    return Tile(
        "tile-disinfection",
        "/disinfection",
        "disinfection",
        "shield",
        label,
        str(done),
        str(len(units)),
        state,
        word,
    )


def _devices(desk: Desk, overview: Overview, states: Counter[str]) -> Tile:
    total, online = overview.devices_total, overview.devices_online
    if online is None:
        return _unheard(desk, "tile-devices", "/devices", "chip", "devices", total)
    lost = states["offline"] + states["suspect"]
    state = "warn" if lost else "ok" if total and online == total else "off"
    key = "silent" if state == "off" and total else state
    word = desk.language(f"overview.devices_{key}", n=lost or total - online, pct=percent(online, total))
    return Tile(
        "tile-devices",
        "/devices",
        "plain",
        "chip",
        desk.language("overview.devices"),
        str(online),
        str(total),
        state,
        word,
    )


def _unheard(desk: Desk, tile: str, href: str, icon: str, label: str, of: int) -> Tile:
    """A present state that is not known here."""
    commodity = {"cold": "canteen", "devices": "plain"}.get(label, label)
    word = desk.language("hub.tile")
    return Tile(tile, href, commodity, icon, desk.language(f"overview.{label}"), DASH, str(of), "off", word)


def _uplinks(desk: Desk, overview: Overview) -> list[UplinkCard]:
    return [uplink_card(desk, row) for row in overview.uplinks]
