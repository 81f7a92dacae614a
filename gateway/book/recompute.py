"""A closed slot computed again from the buffer, with the slots on both sides that share a boundary's neighbours with it.

Late and corrected readings take this way (ARCHITECTURE 5). The arithmetic is that of the open slot, so a slot computed again
from the same readings is the same slot.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from gateway.intervals import CounterSpec, GaugeSpec, Sample
from gateway.model import QUARTER_MS, Interval
from gateway.open_slots import GRACE_MAX_MS, OpenSlots
from gateway.slots import quarter_start
from gateway.store import readings
from gateway.store.corrections import Span

REACHES_MS = tuple(quarters * QUARTER_MS for quarters in (2, 8, 96, 14 * 96))
"""How far to look for a slot's neighbours, further each time: raw readings are kept for 14 days."""


class Again(NamedTuple):
    """What a window of samples comes to: closed slots, and the (before, after) of falls that no rollover explains in the
    ``settled`` span, where another count of the same readings cannot find others."""

    slots: list[Interval]
    resets: list[tuple[Sample, Sample]]
    settled: Span


NOTHING = Again([], [], (0, -1))


def samples_around(
    connection: sqlite3.Connection, point_id: int, start: int, tolerance_ms: Callable[[int], int], life: Span
) -> list[Sample]:
    """Good samples from before the slot of the left neighbour to after that of the right one, where there are any. The point
    has none before or after its ``life``: two weeks of everybody's readings are seconds of the writer's time."""
    samples: list[Sample] = []
    for reach in REACHES_MS:
        since, until = start - reach, start + QUARTER_MS + reach
        rows = readings.of_point(connection, point_id, since, until)
        samples = [
            Sample(r.measured_at, r.value, tolerance_ms(r.measured_at)) for r in rows if r.value is not None
        ]
        left, right = _neighbours(samples, start)
        is_left = left is not None and samples[1].at <= quarter_start(left)
        is_right = right is not None and samples[-1].at >= quarter_start(right) + QUARTER_MS
        if (is_left or since <= life[0]) and (is_right or until > life[1]):
            break
    return samples


def _neighbours(samples: Sequence[Sample], start: int) -> tuple[int | None, int | None]:
    """When the slot's neighbours on both sides were measured. The next but one of each: the next may be a counter's dip, which
    is none."""
    before = [one.at for one in samples if one.at < start]
    after = [one.at for one in samples if one.at >= start + QUARTER_MS]
    return before[-2] if len(before) > 1 else None, after[1] if len(after) > 1 else None


def slots_again(
    spec: CounterSpec | GaugeSpec,
    expected_interval_ms: int,
    samples: Sequence[Sample],
    start: int,
    known: OpenSlots,
) -> Again:
    """The slot at ``start`` and its neighbours by ``samples``, as far as ``known`` has closed them; what ``known`` holds of a
    silent counter is corrected by them."""
    if not samples:
        return NOTHING
    left, right = _neighbours(samples, start)
    first = quarter_start(samples[0].at if left is None else left)
    last = samples[-1].at + samples[-1].tolerance_ms if right is None else right
    if samples[0].at > known.first_at:
        first = max(first, _whole_from(spec, samples))
    scratch = OpenSlots(spec, expected_interval_ms, samples[0])
    again: list[Interval] = []
    for sample in samples[1:]:
        again += scratch.add(sample)
        while more := scratch.catch_up():
            again += more
    known.take_over(scratch)
    if isinstance(spec, GaugeSpec):  # what it held needs no later sample to tell it
        while more := scratch.expire(min(known.closed_to, last + QUARTER_MS) + GRACE_MAX_MS):
            again += more
    slots = [i for i in again if first <= i.start <= last and i.end <= known.closed_to]
    settled = first, (samples[-1].at if scratch.waits_at is None else scratch.waits_at - 1)
    return Again(slots, [one for one in scratch.resets if settled[0] <= one[1].at <= settled[1]], settled)


def leaps(spec: CounterSpec | GaugeSpec, samples: Sequence[Sample]) -> list[Sample]:
    """Samples above what can have flowed since the one before, where the next one is back on the way. In time they would have
    been judged at the door; late ones are first seen between their neighbours here."""
    found: list[Sample] = []
    if isinstance(spec, GaugeSpec) or spec.rise_max_per_ms is None:
        return found
    before = samples[0]
    for one, after in pairwise(samples[1:]):
        is_back = before.steps <= after.steps < one.steps and not spec.is_too_fast(before, after)
        if before.at not in spec.replaced and spec.is_too_fast(before, one) and is_back:
            found.append(one)
        else:
            before = one
    return found


def _whole_from(spec: CounterSpec | GaugeSpec, samples: Sequence[Sample]) -> int:
    """The first slot that has all it needs in a window of samples. What was before a counter's first sample nobody sees, so it
    may be a dip or a step back; by its second one that is over."""
    if isinstance(spec, GaugeSpec) or len(samples) == 1:
        return quarter_start(samples[0].at) + QUARTER_MS
    return quarter_start(samples[1].at - 1) + QUARTER_MS
