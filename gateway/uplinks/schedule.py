"""When an uplink looks at the change feed. Pure.

Quarter-hours close everywhere at once. So a gateway's first look after each comes 0 to 40 s into it, by its id and the
same every time; then one every interval. With the default of 20 s a closed interval waits 40 s at most.
"""

from __future__ import annotations

import hashlib

QUARTER_S = 900.0
JITTER_S = 40.0


def spread(gateway: str) -> float:
    """0 to 1, by a gateway's id."""
    return int.from_bytes(hashlib.sha256(gateway.encode()).digest()[:8], "big") / 2**64


def next_look_s(gateway: str, now_ms: int, interval_s: float) -> float:
    """Seconds from ``now_ms`` (UTC) until the next look, more than 0."""
    into_s = now_ms / 1000 % QUARTER_S
    first_s = spread(gateway) * JITTER_S
    if into_s < first_s:
        return first_s - into_s
    next_s = interval_s - (into_s - first_s) % interval_s
    return next_s if into_s + next_s < QUARTER_S else QUARTER_S - into_s + first_s
