"""Whose a payload is, by what it says itself: a device that speaks under another's topic is refused. Pure.

Knows the names that payloads carry in known envelopes; does not know brokers or profiles. A payload that names nobody is
its topic's; what user may write which topic is the broker's access list to say.
"""

from __future__ import annotations

import re
from typing import Any

from devices.strict_json import PayloadError, read_object

WRONG_IDENTITY = "wrong_identity"

NAMES: tuple[tuple[str, ...], ...] = (
    ("src",),
    ("devEUI",),
    ("devEui",),
    ("deviceName",),
    ("device", "friendlyName"),
    ("device", "ieeeAddr"),
)
"""Shelly Gen2 RPC; Milesight's LoRaWAN envelope; Zigbee2MQTT with device information switched on."""
_SIGN = re.compile(rb"\"(?:src|devE|deviceN|friendlyN|ieeeA)")
"""In almost every payload no such name stands: one look over its bytes decides, and nothing is parsed twice."""


class Owners:
    """The devices of one broker: each by its ``identity`` where the site file gives one, else by the levels of its topic."""

    def __init__(self) -> None:
        self._identity: dict[str, str] = {}
        self._levels: dict[str, frozenset[str]] = {}
        self._of_level: dict[str, set[str]] = {}

    def add(self, device: str, topic: str, identity: str | None) -> None:
        levels = frozenset(level.lower() for level in topic.split("/"))
        if identity is not None:
            self._identity[device] = identity.lower()
            levels |= {identity.lower()}
        self._levels[device] = levels
        for level in levels:
            self._of_level.setdefault(level, set()).add(device)

    def is_of_another(self, device: str, payload: bytes) -> bool:
        """Whether the payload names somebody else: anybody but ``device`` where its identity is known, else a level of
        one other device's topic. Names are compared without regard to case."""
        if _SIGN.search(payload) is None:
            return False
        try:
            found = read_object(payload)
        except PayloadError:
            return False  # the decoder refuses it with its reason
        said = {name for path in NAMES if (name := _at(found, path))}
        identity = self._identity.get(device)
        if identity is not None:
            return bool(said) and identity not in said
        own = self._levels[device]
        return any(name not in own and len(self._of_level.get(name, ())) == 1 for name in said)


def _at(found: Any, path: tuple[str, ...]) -> str:
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found.lower() if isinstance(found, str) else ""
