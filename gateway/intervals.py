"""Counter and gauge arithmetic: samples in, one slot's interval out. Pure.

Counters are integers in steps of the register. The register at a slot boundary is one number: linear between the two
samples around it, rounded once; an interval is end − start plus what a rollover adds, so sums telescope exactly. A gap
is thus spread over its slots and marked estimated. Gauges are time-weighted; a sample holds for at most ``hold_ms``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from gateway.model import QUARTER_MS, Content, Interval, Period


class Sample(NamedTuple):
    """A good reading: time, value in steps, and how far (ms) it may stand from a boundary and still count as measured.
    Negative where it is no reading but the register on a boundary whose neighbours stood too far away."""

    at: int
    steps: int
    tolerance_ms: int


@dataclass(frozen=True, slots=True)
class CounterSpec:
    """``modulus`` in steps, None if not known; ``rise_max_per_ms`` the fastest plausible rise, None if not declared;
    ``replaced`` the times of the last samples of meters that were replaced: the next sample is the new meter's first."""

    point: str
    modulus: int | None = None
    rise_max_per_ms: float | None = None
    replaced: frozenset[int] = frozenset()

    def is_too_fast(self, a: Sample, b: Sample) -> bool:
        """Whether more flowed from ``a`` to the later ``b`` than the declared maximum lets through, one step allowed for."""
        return self.rise_max_per_ms is not None and b.steps - a.steps - 1 > self.rise_max_per_ms * (
            b.at - a.at
        )


@dataclass(frozen=True, slots=True)
class GaugeSpec:
    """``num``/``den`` is the step in the point's unit as a ratio; a sample holds for at most its tolerance. Of a state the
    changes are counted too."""

    point: str
    num: int
    den: int
    is_state: bool = False


def rise(spec: CounterSpec, a: Sample, b: Sample) -> int | None:
    """Consumption from ``a`` to the later ``b`` in steps; None when the register fell and no rollover explains it.

    A rollover is believed when the modulus is known and the rise it implies is plausible: below the declared maximum
    rate, or without one, from the last tenth of the register into the first. Between two meters nothing flows.
    """
    if a.at in spec.replaced:
        return 0
    if b.steps >= a.steps:
        return b.steps - a.steps
    if spec.modulus is None or a.steps >= spec.modulus:
        return None
    around = spec.modulus - a.steps + b.steps
    if spec.rise_max_per_ms is not None:
        return around if around <= spec.rise_max_per_ms * (b.at - a.at) + 1 else None
    return around if a.steps * 10 >= spec.modulus * 9 and b.steps * 10 <= spec.modulus else None


def register_at(spec: CounterSpec, boundary: int, a: Sample, b: Sample) -> int:
    """The register at ``boundary`` between ``a`` and ``b`` in ``a``'s frame (it may exceed the modulus), rounded once.

    After a reset (no rollover explains the fall) nothing is known to have flowed: the old register holds.
    """
    flowed = rise(spec, a, b)
    if not flowed or b.at == a.at:
        return a.steps
    part, whole = boundary - a.at, b.at - a.at
    return a.steps + (2 * flowed * part + whole) // (2 * whole)


def counter_interval(spec: CounterSpec, start: int, samples: Sequence[Sample]) -> Interval:
    """The quarter-hour from ``start`` by samples in time order that reach beyond both ends where they can.

    Without a sample at or after the end the register there is not known: missing. Without one before the start the
    slot is a new meter's first: it counts from the first sample, and its share says how much of it that covers.
    """
    end = start + QUARTER_MS
    left = _last_at_or_before(samples, start)
    right = _first_at_or_after(samples, end)
    if right is None:
        return _missing(spec.point, start, end)
    first = 0 if left is None else left
    if left is None and samples[0].at >= end:
        return _missing(spec.point, start, end)
    opening = samples[first].steps if left is None else _boundary(spec, start, samples, left)
    last_in = right if samples[right].at == end else right - 1
    closing = _boundary(spec, end, samples, last_in)
    steps = _flow(spec, samples, first, last_in, opening, closing)
    gaps_ok = is_measured(samples, first if left is None else left, start) and is_measured(
        samples, last_in, end
    )
    share = (end - max(start, samples[first].at)) / QUARTER_MS if gaps_ok else _covered(samples, start, end)
    content = Content.MEASURED if gaps_ok and left is not None else Content.ESTIMATED
    return Interval(
        point=spec.point, period=Period.QUARTER, start=start, end=end, content=content, share=share, steps=steps,
        start_steps=_wrap(spec, opening), end_steps=_wrap(spec, closing),
    )  # fmt: skip


def gauge_interval(spec: GaugeSpec, start: int, samples: Sequence[Sample]) -> Interval:
    """The time-weighted mean, the lowest and highest value of a quarter-hour; share is the part its samples cover."""
    end = start + QUARTER_MS
    weight = total = 0
    low = high = None
    for index, sample in enumerate(samples):
        if sample.at >= end:
            break
        until = min(end, sample.at + sample.tolerance_ms)
        if index + 1 < len(samples) and samples[index + 1].at < until:
            until = samples[index + 1].at
        held = until - max(start, sample.at)
        if held <= 0:
            continue
        weight += held
        total += held * sample.steps
        low = sample.steps if low is None or sample.steps < low else low
        high = sample.steps if high is None or sample.steps > high else high
    if low is None or high is None:
        return _missing(spec.point, start, end)
    share = weight / QUARTER_MS
    return Interval(
        point=spec.point, period=Period.QUARTER, start=start, end=end,
        content=Content.MEASURED if share >= 0.9 else Content.ESTIMATED, share=share,
        mean=total * spec.num / (weight * spec.den), low=low * spec.num / spec.den, high=high * spec.num / spec.den,
        changes=_changes(samples, start, end) if spec.is_state else None,
    )  # fmt: skip


def _changes(samples: Sequence[Sample], start: int, end: int) -> int:
    """How often a state changed in [start, end): at the time of the first sample that has another value."""
    return sum(a.steps != b.steps for a, b in pairwise(samples) if start <= b.at < end)


def _missing(point: str, start: int, end: int) -> Interval:
    return Interval(
        point=point, period=Period.QUARTER, start=start, end=end, content=Content.MISSING, share=0.0
    )


def _last_at_or_before(samples: Sequence[Sample], instant: int) -> int | None:
    for index in range(len(samples) - 1, -1, -1):
        if samples[index].at <= instant:
            return index
    return None


def _first_at_or_after(samples: Sequence[Sample], instant: int) -> int | None:
    found = None
    for index in range(len(samples) - 1, -1, -1):
        if samples[index].at < instant:
            break
        found = index
    return found


def _boundary(spec: CounterSpec, instant: int, samples: Sequence[Sample], before: int) -> int:
    """The register at ``instant``; ``before`` is the last sample at or before it."""
    if samples[before].at == instant or before + 1 == len(samples):
        return samples[before].steps
    return register_at(spec, instant, samples[before], samples[before + 1])


def _flow(
    spec: CounterSpec, samples: Sequence[Sample], first: int, last: int, opening: int, closing: int
) -> int:
    """Steps consumed from the opening to the closing register along the samples between them."""
    jumps = 0
    for index in range(first, last):
        a, b = samples[index], samples[index + 1]
        if b.steps < a.steps or a.at in spec.replaced:
            jumps += (rise(spec, a, b) or 0) - (b.steps - a.steps)
    return closing - opening + jumps


def is_measured(samples: Sequence[Sample], before: int, boundary: int) -> bool:
    """Both neighbours of a boundary lie within their tolerance of it."""
    a = samples[before]
    if a.at >= boundary:
        return a.tolerance_ms >= 0
    if before + 1 == len(samples):
        return False
    b = samples[before + 1]
    return boundary - a.at <= a.tolerance_ms and b.at - boundary <= max(a.tolerance_ms, b.tolerance_ms)


def _covered(samples: Sequence[Sample], start: int, end: int) -> float:
    """The part of the slot that lies between samples no further apart than both their tolerances allow."""
    covered = 0
    for a, b in pairwise(samples):
        if b.at - a.at <= a.tolerance_ms + b.tolerance_ms:
            covered += max(0, min(end, b.at) - max(start, a.at))
    return covered / (end - start)


def _wrap(spec: CounterSpec, register: int) -> int:
    return register if spec.modulus is None else register % spec.modulus


def roll_up(period: Period, start: int, end: int, quarters: Sequence[Interval], is_counter: bool) -> Interval:
    """An hour or a day from its quarter-hours (those of the time the point was in service), in time order.

    A counter's value is known only when every quarter's is; a missing one is never taken for zero.
    """
    point, due = quarters[0].point, len(quarters)
    known = [quarter for quarter in quarters if quarter.content is not Content.MISSING]
    share = sum(quarter.share for quarter in quarters) * QUARTER_MS / (end - start)
    if not known or (is_counter and len(known) < due):
        return Interval(
            point=point, period=period, start=start, end=end, content=Content.MISSING, share=share
        )
    measured = (
        all(quarter.content is Content.MEASURED for quarter in quarters) and due * QUARTER_MS == end - start
    )
    content = Content.MEASURED if measured else Content.ESTIMATED
    if is_counter:
        return Interval(
            point=point, period=period, start=start, end=end, content=content, share=share,
            steps=sum(quarter.steps or 0 for quarter in known),
            start_steps=known[0].start_steps, end_steps=known[-1].end_steps,
        )  # fmt: skip
    weight = sum(quarter.share for quarter in known)
    return Interval(
        point=point, period=period, start=start, end=end, content=content, share=share,
        mean=sum((quarter.mean or 0.0) * quarter.share for quarter in known) / weight,
        low=min(quarter.low for quarter in known if quarter.low is not None),
        high=max(quarter.high for quarter in known if quarter.high is not None),
        changes=_sum_of(quarter.changes for quarter in known),
    )  # fmt: skip


def _sum_of(counts: Iterable[int | None]) -> int | None:
    """None where nothing was counted: the intervals are of no state."""
    found = [count for count in counts if count is not None]
    return sum(found) if found else None
