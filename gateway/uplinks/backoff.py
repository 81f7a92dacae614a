"""How long to wait before trying again: full jitter, so that a thousand gateways do not come back in one second."""

from __future__ import annotations

import random

FIRST_S = 2.0
LONGEST_S = 300.0
SHORTEST_S = 0.5


def wait_s(failures: int, rng: random.Random, at_least_s: float = 0.0) -> float:
    """Seconds to wait after the ``failures``-th failure in a row (1 is the first): somewhere below 2 s doubled each
    time, at most 5 min; never less than what the receiver asked for."""
    ceiling = min(LONGEST_S, FIRST_S * 2.0 ** min(failures - 1, 30))
    return max(SHORTEST_S, rng.uniform(0.0, ceiling), at_least_s)
