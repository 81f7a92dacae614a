"""A closed slot computed again from the buffer, with the slots on both sides that share a boundary's neighbours with it.

Late and corrected readings take this way (ARCHITECTURE 5). The arithmetic is that of the open slot, so a slot computed again
from the same readings is the same slot.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from gateway.book.open_slots import GRACE_MAX_MS, OpenSlots
from gateway.intervals import CounterSpec, GaugeSpec, Sample
from gateway.model import QUARTER_MS, Interval
from gateway.slots import quarter_start
from gateway.store import readings

REACHES_MS = tuple(quarters * QUARTER_MS for quarters in (2, 8, 96, 14 * 96))
"""How far to look for a slot's neighbours, further each time: raw readings are kept for 14 days."""


def samples_around(
    connection: sqlite3.Connection, point_id: int, start: int, tolerance_ms: Callable[[int], int]
) -> list[Sample]:
    """Good samples from before the slot of the left neighbour to after that of the right one, where there are any."""
    rows: list[readings.StoredReading] = []
    for reach in REACHES_MS:
        rows = readings.of_point(connection, point_id, start - reach, start + QUARTER_MS + reach)
        if _is_enough(rows, start):
            break
    return [Sample(r.measured_at, r.value, tolerance_ms(r.measured_at)) for r in rows if r.value is not None]


def _is_enough(rows: Sequence[readings.StoredReading], start: int) -> bool:
    left = max((r.measured_at for r in rows if r.measured_at < start), default=None)
    right = min((r.measured_at for r in rows if r.measured_at >= start + QUARTER_MS), default=None)
    if left is None or right is None:
        return False
    return (
        rows[0].measured_at <= quarter_start(left)
        and rows[-1].measured_at >= quarter_start(right) + QUARTER_MS
    )


def slots_again(
    spec: CounterSpec | GaugeSpec,
    expected_interval_ms: int,
    samples: Sequence[Sample],
    start: int,
    known: OpenSlots,
) -> list[Interval]:
    """The slot at ``start`` and its neighbours by ``samples``, as far as ``known`` has closed them; what ``known`` holds of a
    silent counter is corrected by them."""
    if not samples:
        return []
    first = quarter_start(max((s.at for s in samples if s.at < start), default=start))
    held_to = samples[-1].at + samples[-1].tolerance_ms if isinstance(spec, GaugeSpec) else start
    last = min((s.at for s in samples if s.at >= start + QUARTER_MS), default=max(start, held_to))
    if samples[0].at > known.first_at:  # its own first slot lacks the neighbour before it
        first = max(first, quarter_start(samples[0].at) + QUARTER_MS)
    scratch = OpenSlots(spec, expected_interval_ms, samples[0])
    again: list[Interval] = []
    for sample in samples[1:]:
        again += scratch.add(sample)
        while more := scratch.catch_up():
            again += more
    known.correct(scratch)
    if isinstance(spec, GaugeSpec):  # what it held needs no later sample to tell it
        while more := scratch.expire(min(known.closed_to, last + QUARTER_MS) + GRACE_MAX_MS):
            again += more
    return [i for i in again if first <= i.start <= last and i.end <= known.closed_to]
