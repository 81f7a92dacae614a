"""What is published: a topic, its bytes, and whether the broker keeps it. Pure values for the encoders of MQTT."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from devices.quantities import QUANTITIES
from edge_config.uplinks import UplinkFilter
from gateway.model import Point

as_json = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True)
class Said:
    """One message, always with QoS 1."""

    topic: str
    payload: bytes
    is_retained: bool = False


@dataclass(frozen=True, slots=True)
class Names:
    """Who speaks, in people's words: names of devices and of the rooms their points are in."""

    site: str
    devices: Mapping[str, str]
    spaces: Mapping[str, str]


def said(topic: str, body: Mapping[str, Any], *, is_retained: bool = False) -> Said:
    return Said(topic, as_json(body), is_retained)


def wanted(points: Mapping[str, Point], only: UplinkFilter) -> dict[str, Point]:
    """The points whose quantities an uplink's filter lets through."""
    if only.quantities is None:
        return dict(points)
    return {
        name: point
        for name, point in points.items()
        if point.quantity in QUANTITIES and QUANTITIES[point.quantity].group in only.quantities
    }
