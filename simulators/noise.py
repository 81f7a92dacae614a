"""Repeatable chance: the same keys give the same number in every process, for ever.

Nothing here keeps state, so a simulator that is killed and started again goes on in the same world.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise
from random import Random

SLOTS = 288
"""Five-minute slots of a day."""
SLOT_MS = 300_000
DAY_MS = SLOTS * SLOT_MS
_TABLE = 4096


def unit(*keys: str | int) -> float:
    """A number in [0, 1) that depends on the keys alone."""
    text = "\x1f".join(map(str, keys)).encode()
    return int.from_bytes(blake2b(text, digest_size=7).digest(), "big") / (1 << 56)


def span(low: float, high: float, *keys: str | int) -> float:
    """A number in [low, high) that depends on the keys alone."""
    return low + (high - low) * unit(*keys)


def signed(*keys: str | int) -> float:
    """A number in [-1, 1) that depends on the keys alone."""
    return 2 * unit(*keys) - 1


def smooth_day(day: int, *keys: str | int, hours: int = 1) -> list[float]:
    """A wandering line in [-1, 1) through the day: 289 values, one per slot and the next midnight.

    It passes through chance values every ``hours`` hours of absolute time, so that days join without a step."""
    width = 12 * hours
    first = day * 24 // hours
    knots = [signed(first + index, *keys) for index in range(24 // hours + 1)]
    line = [a + (b - a) * step / width for a, b in pairwise(knots) for step in range(width)]
    return [*line, knots[-1]]


def smooth(day: int, every_days: int, *keys: str | int) -> float:
    """A value in [-1, 1) that wanders over weeks: chance values ``every_days`` apart, a straight line between."""
    index, rest = divmod(day, every_days)
    low, high = signed(index, *keys), signed(index + 1, *keys)
    return low + (high - low) * rest / every_days


@lru_cache(maxsize=8)
def _scatter(seed: int) -> tuple[int, ...]:
    """Per-mille factors near 1000, read from a random place for each day and load; quick enough for every slot."""
    chance = Random(seed)
    ring = [chance.randint(930, 1070) for _ in range(_TABLE)]
    return tuple(ring + ring[:SLOTS])


def scatter(seed: int, day: int, *keys: str | int) -> tuple[int, ...]:
    """288 per-mille factors near 1000."""
    offset = int(unit(seed, day, *keys) * _TABLE)
    return _scatter(seed)[offset : offset + SLOTS]


def flicker(ms: int, every_ms: int, *keys: str | int) -> float:
    """A value in [-1, 1) that changes every ``every_ms``."""
    return signed(ms // every_ms, *keys)
