"""What of a device is read at every poll and what more rarely, and how both are spread over a bus's ticks. Pure.

Knows blocks, intervals and estimated costs; does not know wires, health or what a bus really costs. A counter is
linear between two readings, so once a minute is enough; what shares a block with a fast point comes with it for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from devices.profile import RegisterPoint
from gateway.sources.request_plan import Block

SLOW_S = 60.0
"""A slow group is read this often, or as often as its device is polled if that is more rarely."""

SLOTS_MAX = 360
"""How many ticks are looked at when work is spread: an hour of polls every ten seconds."""


def slow_points(points: Mapping[str, RegisterPoint], blocks: Iterable[Block]) -> frozenset[str]:
    """The points whose blocks hold slow ones only; none of a device that has no fast point to wait for."""
    names = [{place.name for place in block.places} for block in blocks]
    fast = [group for group in names if any(points[name].group == "fast" for name in group)]
    if not fast:
        return frozenset()
    return frozenset().union(*names) - frozenset().union(*fast)


def slow_every(interval_s: float) -> int:
    """At which poll of a device its slow group is read again: the 6th at ten seconds, each at a minute or more."""
    return max(1, int(SLOW_S // interval_s))


@dataclass(frozen=True, slots=True)
class Work:
    """What one device asks of its bus: seconds for its fast blocks at every poll, and for its slow ones."""

    interval_ms: int
    fast_s: float
    slow_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Turn:
    """A group of blocks of one device (by its place in the list given) and its aligned ticks, ``offset_ms`` late."""

    device: int
    is_slow: bool
    interval_ms: int
    offset_ms: int


def spread(works: Sequence[Work]) -> list[Turn]:
    """A turn for every group, in the order of the devices, each where the bus is least busy.

    Everything stays on the ticks of the shortest interval, so that all buses start a tick together."""
    if not works:
        return []
    base_ms = min(work.interval_ms for work in works)
    slots = [0.0] * min(SLOTS_MAX, max(_slow_ms(work) for work in works) // base_ms)
    turns: dict[tuple[int, bool], Turn] = {}
    for index, work in sorted(enumerate(works), key=lambda item: (item[1].interval_ms, -item[1].fast_s)):
        offsets = range(0, work.interval_ms - base_ms + 1, base_ms)
        at = _place(slots, work.fast_s, work.interval_ms, offsets, base_ms)
        turns[index, False] = Turn(index, False, work.interval_ms, at)
    for index, work in sorted(enumerate(works), key=lambda item: -item[1].slow_s):
        if work.slow_s:
            slow_ms, first = _slow_ms(work), turns[index, False].offset_ms
            offsets = range(first, slow_ms, work.interval_ms)
            at = _place(slots, work.slow_s, slow_ms, offsets, base_ms)
            turns[index, True] = Turn(index, True, slow_ms, at)
    return [turns[key] for key in sorted(turns)]


def _slow_ms(work: Work) -> int:
    return work.interval_ms * (slow_every(work.interval_ms / 1000) if work.slow_s else 1)


def _place(slots: list[float], cost_s: float, interval_ms: int, offsets: range, base_ms: int) -> int:
    """The offset at which the busiest tick that the work falls on is least busy; the work is added there."""
    within = [offset for offset in offsets if offset // base_ms < len(slots)]
    best = min(within, key=lambda offset: max(slots[_hits(slots, interval_ms, offset, base_ms)]))
    hits = _hits(slots, interval_ms, best, base_ms)
    slots[hits] = [busy_s + cost_s for busy_s in slots[hits]]
    return best


def _hits(slots: list[float], interval_ms: int, offset_ms: int, base_ms: int) -> slice:
    return slice(offset_ms // base_ms, len(slots), max(1, interval_ms // base_ms))
