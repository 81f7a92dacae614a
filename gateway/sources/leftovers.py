"""What an older site file may have subscribed to, so that a topic of no device still comes. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.sources.candidates import ANNOUNCEMENTS, covers

LEVELS_MAX = 8


def leftovers(topic: str, in_use: Sequence[str]) -> list[str]:
    """The topic itself and every pattern of ours that would bring it, less those ``in_use``."""
    parts = topic.split("/")
    found = [topic]
    if len(parts) <= LEVELS_MAX:
        found += ["/".join([*parts[:count], "#"]) for count in range(1, len(parts) + 1)]
        found += ["/".join([*parts[:place], "+", *parts[place + 1 :]]) for place in range(len(parts))]
    found += [pattern for pattern in ANNOUNCEMENTS if covers(pattern, topic)]
    return [pattern for pattern in found if pattern not in in_use]
