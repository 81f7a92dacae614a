"""One point's open slot: samples go in, closed quarter-hours come out. No I/O; one instance per point, one thread.

A slot closes at the first good sample after its end, or after a grace (ARCHITECTURE 4). A counter's slots that closed
without a right neighbour are missing, and come out again, estimated, when the next sample tells what flowed.
``mark`` and ``restore`` carry the state across a restart without reading more than the newest readings.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from gateway.intervals import (
    CounterSpec,
    GaugeSpec,
    Sample,
    counter_interval,
    gauge_interval,
    is_measured,
    rise,
)
from gateway.model import QUARTER_MS, Interval
from gateway.slots import quarter_start

GRACE_MIN_MS, GRACE_MAX_MS = 30_000, 300_000
CLOSED_MAX = 96
"""Slots that one call closes: after a long silence, or a clock that leapt ahead, the rest follows bit by bit."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What is kept of a point's open slot: see ``watermark`` in the schema. ``open_from`` is the first slot whose value is
    not final; ``left`` the newest sample a restart needs; ``open_steps`` the register at ``open_from`` while waiting. The
    tolerance of ``left`` is then its complement, and negative, where that register lies between readings too far apart."""

    first_at: int
    closed_to: int
    open_from: int
    left: Sample
    open_steps: int | None


class Calm(NamedTuple):
    """A sample newer than the newest does no more than join if it lies in [start, end) and is no counter's fall."""

    start: int
    end: int
    is_counter: bool


class OpenSlots:
    """The running account of one point, after its first good sample."""

    __slots__ = (
        "_calm_to",
        "_grace_ms",
        "_held",
        "_is_counter",
        "_is_state",
        "_pending",
        "_samples",
        "_spec",
        "closed_to",
        "dips",
        "first_at",
        "open_from",
        "resets",
    )

    def __init__(self, spec: CounterSpec | GaugeSpec, expected_interval_ms: int, first: Sample) -> None:
        self._spec, self._is_counter = spec, isinstance(spec, CounterSpec)
        self._is_state = isinstance(spec, GaugeSpec) and spec.is_state
        self._grace_ms = min(max(2 * expected_interval_ms, GRACE_MIN_MS), GRACE_MAX_MS)
        self._samples = [first]
        self._pending: Sample | None = None
        self._held: list[Sample] = []
        """Those after ``_pending`` that say the same."""
        self.first_at = first.at
        self.closed_to = self.open_from = quarter_start(first.at)
        self.dips: list[Sample] = []
        self.resets: list[tuple[Sample, Sample]] = []
        """(before, after) of falls that no rollover explains; the caller takes and clears both lists."""
        self._calm_to = self._end_of_calm()

    @property
    def newest(self) -> Sample:
        return self._samples[-1]

    @property
    def fallen_at(self) -> int | None:
        """When the sample was measured that waits for the next one to tell a dip from a reset, of a slot that is closed."""
        return self._pending.at if self._pending is not None and self._pending.at < self.closed_to else None

    @property
    def waits_at(self) -> int | None:
        """When the first of the samples was measured that wait for the next one to tell a dip from a reset."""
        return None if self._pending is None else self._pending.at

    @property
    def is_waiting(self) -> bool:
        """Whether slots are closed whose value the next sample will tell; until then every sample moves the mark."""
        return self.open_from < self.closed_to

    @property
    def is_behind(self) -> bool:
        """Whether ``catch_up`` has more to give; until then the mark kept last is the one to keep."""
        return self.newest.at >= self.open_from + QUARTER_MS

    def take(self, sample: Sample) -> bool:
        """Take a good sample newer than the newest if it does no more than join the open slot, as nearly all do; False,
        and nothing is done, for one that ``add`` must take."""
        samples = self._samples
        at = sample[0]
        if not self.open_from <= at < self._calm_to or (self._is_counter and sample[1] < samples[-1][1]):
            return False
        samples.append(sample)
        return True

    def add(self, sample: Sample) -> list[Interval]:
        """Take a good sample newer than the newest; the quarter-hours that it closes or makes known, at most ``CLOSED_MAX`` of
        them: ``catch_up`` gives the others."""
        closed = self._added(sample)
        self._calm_to = self._end_of_calm()
        return closed

    def _added(self, sample: Sample) -> list[Interval]:
        if isinstance(self._spec, CounterSpec) and sample.steps < self._samples[-1].steps:
            settled = self._fall(self._spec, sample)
            if settled is None:
                return []
            sample = settled
        else:
            self._drop_pending()
        self._samples.append(sample)
        if sample.at >= self.open_from + QUARTER_MS:
            return self._close_before(quarter_start(sample.at))
        if isinstance(self._spec, CounterSpec) and self.is_waiting:
            self._collapse(
                self._spec
            )  # a mark keeps two registers, and no fall or change of meters between them
        return []

    def catch_up(self) -> list[Interval]:
        """More quarter-hours that the newest sample closes; none when it has closed them all."""
        if not self.is_behind:
            return []
        closed = self._close_before(quarter_start(self.newest.at))
        self._calm_to = self._end_of_calm()
        return closed

    def insert(self, sample: Sample) -> bool:
        """Take a late sample into the open slot; False when what it does must be computed again from the buffer: its slot is
        closed, or it makes a counter fall, and only all samples in the order of time tell a dip from a reset."""
        first = self._samples[0].at
        is_first = self.closed_to <= sample.at <= first and self.open_from < first
        if sample.at < self.closed_to or (sample.at <= first and not is_first):
            if first <= sample.at <= self.open_from:
                self._put(sample)  # a nearer left neighbour of the open slot's first boundary
                self._trim()
            elif sample.at < self.open_from < first + self._is_state:  # see ``_trim``
                self._take_left(sample)
            return False
        if self._is_counter and not self._is_on_the_way(sample):
            return False
        self.first_at = min(self.first_at, sample.at)
        self._put(sample)
        return True

    def _put(self, sample: Sample) -> None:
        """In its place in time; another sample of the same time gives way."""
        self._samples = [known for known in self._samples if known.at != sample.at]
        insort(self._samples, sample)

    def _is_on_the_way(self, sample: Sample) -> bool:
        """Whether a counter can have passed a late sample on its way up from the sample before it to the one after it."""
        if self._pending is not None and self._pending.at <= sample.at:
            return False
        before = [known for known in self._samples if known.at < sample.at][-1:]
        after = [known for known in self._samples if known.at > sample.at][:1]
        return all(known.steps <= sample.steps for known in before) and all(
            sample.steps <= known.steps for known in after
        )

    def _take_left(self, sample: Sample) -> None:
        """The open slot's first boundary had no left neighbour: the point's first samples are still in it."""
        self.first_at = min(self.first_at, sample.at)
        self._samples.insert(0, sample)
        if isinstance(self._spec, CounterSpec) and self.is_waiting:
            self._collapse(self._spec)

    def reaches_back(self, sample: Sample) -> bool:
        """Whether the slot before the open one ends by this sample: a counter's first one from their boundary on."""
        place = bisect_left(self._samples, (self.open_from,))
        return self._is_counter and 0 < place < len(self._samples) and self._samples[place].at == sample.at

    def take_over(self, again: OpenSlots) -> None:
        """Take what late samples have changed of a counter's open slot from all the samples, counted ``again`` in the order of
        time: those between a silent one's register and its newest, and what fell. Not from a count that lacks the left
        neighbour of the open slot."""
        is_whole = again._samples[0].at <= again.open_from or again.first_at <= self.first_at
        is_settled = not (self.is_behind or again.is_behind) and again.seen_to == self.seen_to
        if not (isinstance(self._spec, CounterSpec) and is_whole and is_settled):
            return
        self._samples, self._pending, self._held = again._samples, again._pending, again._held
        self.open_from = again.open_from
        self.closed_to = max(self.closed_to, again.closed_to)
        if self.is_waiting:
            self._collapse(self._spec)
        self._calm_to = self._end_of_calm()

    @property
    def seen_to(self) -> int:
        """When the newest sample was measured, one that fell and waits among them."""
        return (self._held[-1:] or [self._pending or self.newest])[0].at

    @property
    def calm(self) -> Calm:
        """What ``take`` asks of a sample, until another method is called."""
        return Calm(self.open_from, self._calm_to, self._is_counter)

    def join(self, samples: Iterable[Sample]) -> None:
        """Samples that ``take`` would have taken one after another."""
        self._samples.extend(samples)

    def is_due(self, now: int) -> bool:
        """Whether ``expire`` has anything to close."""
        return self.is_behind or quarter_start(now - self._grace_ms) > self.closed_to

    def expire(self, now: int) -> list[Interval]:
        """Close what is over and past its grace, at most ``CLOSED_MAX`` slots; a counter stays open for the sample that will
        tell."""
        if caught_up := self.catch_up():
            return caught_up
        limit = min(quarter_start(now - self._grace_ms), self.closed_to + CLOSED_MAX * QUARTER_MS)
        if limit <= self.closed_to:
            return []
        closed: list[Interval] = []
        for start in range(self.closed_to, limit, QUARTER_MS):
            closed.append(self._interval(start))
        self.closed_to = limit
        if isinstance(self._spec, GaugeSpec):
            self.open_from = limit
            self._trim()
        else:
            self._collapse(self._spec)
        self._calm_to = self._end_of_calm()
        return closed

    def mark(self) -> Mark:
        """The state to keep; read it after every change that is committed."""
        if self.open_from < self.closed_to and len(self._samples) > 1 and isinstance(self._spec, CounterSpec):
            opening, newest = self._samples[0], self._samples[-1]
            if opening.tolerance_ms < 0:
                newest = newest._replace(tolerance_ms=~newest.tolerance_ms)
            return Mark(self.first_at, self.closed_to, self.open_from, newest, opening.steps)
        return Mark(self.first_at, self.closed_to, self.open_from, self._samples[0], None)

    @classmethod
    def restore(cls, spec: CounterSpec | GaugeSpec, expected_interval_ms: int, mark: Mark) -> OpenSlots:
        """The account as it stood; feed it the good readings after ``mark.left`` again."""
        is_near = mark.left.tolerance_ms >= 0
        left = mark.left if is_near else mark.left._replace(tolerance_ms=~mark.left.tolerance_ms)
        slots = cls(spec, expected_interval_ms, left)
        slots.first_at, slots.closed_to, slots.open_from = mark.first_at, mark.closed_to, mark.open_from
        if mark.open_steps is not None and mark.left.at > mark.open_from:
            opened_at = max(mark.open_from, mark.first_at)
            opening = Sample(opened_at, mark.open_steps, left.at - opened_at if is_near else -1)
            slots._samples = [opening, left]
        slots._calm_to = slots._end_of_calm()
        return slots

    def _end_of_calm(self) -> int:
        """Before when a sample can close nothing and settle nothing: at once where a fall or a closed slot waits to be told."""
        is_waiting = self._pending is not None or self.open_from < self.closed_to
        return self.first_at if is_waiting else self.open_from + QUARTER_MS

    def _fall(self, spec: CounterSpec, sample: Sample) -> Sample | None:
        """A register that fell: one step back is rounding, a rollover goes on, else wait for the next sample to tell a
        dip from a reset, and not believe a register that only repeats itself for as long as a meter takes to begin: taken for a
        reset, all it has ever counted would flow when it is back. None while waiting."""
        newest, pending = self._samples[-1], self._pending
        goes_on = (
            pending is not None and pending.steps <= sample.steps and not spec.is_too_fast(pending, sample)
        )
        # What goes on from a register that no rollover explained is none either, however much time has passed since.
        if newest.at in spec.replaced or (not goes_on and rise(spec, newest, sample) is not None):
            self._drop_pending()
            return sample
        if newest.steps - sample.steps == 1:
            self._drop_pending()
            return Sample(sample.at, newest.steps, sample.tolerance_ms)
        if pending is None or not goes_on:
            self._drop_pending()  # nobody went on from there: it was a dip, and this may be another
            self._pending = sample
            return None
        if sample.steps == pending.steps and sample.at - pending.at <= sample.tolerance_ms:
            self._held.append(sample)
            return None
        self.resets.append((newest, pending))
        self._samples += [pending, *self._held]
        self._pending, self._held = None, []
        return sample

    def _drop_pending(self) -> None:
        if self._pending is not None:
            self.dips += [self._pending, *self._held]
            self._pending, self._held = None, []

    def _interval(self, start: int) -> Interval:
        if isinstance(self._spec, CounterSpec):
            return counter_interval(self._spec, start, self._samples)
        return gauge_interval(self._spec, start, self._samples)

    def _close_before(self, end: int) -> list[Interval]:
        end = min(end, self.open_from + CLOSED_MAX * QUARTER_MS)
        closed = [self._interval(start) for start in range(self.open_from, end, QUARTER_MS)]
        self.open_from = end
        self.closed_to = max(self.closed_to, end)
        self._trim()
        if isinstance(self._spec, CounterSpec) and self.is_waiting and not self.is_behind:
            self._collapse(self._spec)  # what came was late itself: its own slot is closed as well
        return closed

    def _trim(self) -> None:
        """Keep the last sample at or before ``open_from`` and what follows; of a state the last one before it, which says
        whether the one at ``open_from`` is a change."""
        samples, limit = self._samples, self.open_from - self._is_state
        for index in range(len(samples) - 1, 0, -1):
            if samples[index].at <= limit:
                del samples[:index]
                return

    def _collapse(self, spec: CounterSpec) -> None:
        """While a counter is silent keep only the register at ``open_from`` and the newest sample."""
        newest = self._samples[-1]
        if newest.at <= self.open_from or (len(self._samples) <= 2 and self._samples[0].at >= self.open_from):
            self._trim()
            return
        known = counter_interval(
            spec, self.open_from, [*self._samples, Sample(self.open_from + QUARTER_MS, newest.steps, 0)]
        )
        opening = newest.steps - (known.steps or 0)
        opened_at = max(self.open_from, self.first_at)  # a new meter's first slot begins at its first sample
        before = max(0, bisect_left(self._samples, (self.open_from + 1,)) - 1)
        is_near = opened_at > self.open_from or is_measured(self._samples, before, self.open_from)
        self._samples = [Sample(opened_at, opening, newest.at - opened_at if is_near else -1), newest]
