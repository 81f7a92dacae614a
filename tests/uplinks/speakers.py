"""Who speaks, for tests of a kind: a site of a few lines, its points, and a feed in memory."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from devices.quantities import QUANTITIES
from edge_config.schema import SiteFile
from edge_config.site import LoadedSite
from gateway.model import Point
from gateway.uplinks.feed import Feed, Identity
from gateway.uplinks.kinds import Speaker
from runtime.clock import Clock
from tests.district.campus import METER, WATER
from tests.uplinks.memory import SelfMovingClock

SITE = {
    "site": {"id": "demo", "name": "示例中学"},
    "gateway": {"id": "gw-1"},
    "spaces": [
        {"id": "a", "name": "教学楼A", "kind": "building"},
        {"id": "a-101", "name": "101教室", "in": "a"},
    ],
}
AIR = {
    "air-101.pm25": "pm25", "air-101.pm10": "pm10", "air-101.temperature": "temperature",
    "air-101.humidity": "humidity", "air-101.co2": "co2",
}  # fmt: skip
QUANTITY = {METER: "active_energy_import", WATER: "water_volume", "lamp-1.lamp_on": "lamp_on", **AIR}


def point(name: str, quantity: str, space: str | None = "a-101") -> Point:
    known = QUANTITIES[quantity]
    return Point(
        name, name.partition(".")[0], space, quantity, known.unit, known.kind, Decimal("0.01"), 60.0,
        label_zh=known.label_zh, label_en=known.label_en,
    )  # fmt: skip


def points(quantities: Mapping[str, str] = QUANTITY) -> dict[str, Point]:
    return {name: point(name, quantity) for name, quantity in quantities.items()}


def speaker(feed: Feed, clock: Clock | None = None, folder: Path = Path()) -> Speaker:
    site = LoadedSite(SiteFile.model_validate(SITE), folder, folder / "site.yaml", {})
    known = points()
    return Speaker(Identity("demo", "gw-1", "e-1"), site, lambda: known, feed, clock or SelfMovingClock())
