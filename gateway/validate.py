"""Is a reading plausible? Gives each reading its quality, with the reason. Pure, and on the hot path.

Knows points and readings; does not know profiles, wires or time other than the reading's own two times. A group with
nothing odd in it comes back as the same object; a bad reading without its value, which goes to the rejection's example.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import le
from typing import NamedTuple

from devices.quantities import Kind
from gateway.model import Point, Quality, Reading, Readings, groups_of
from gateway.timekeeping import is_unsynced

CLOCK_AHEAD_MS_MAX = 5 * 60 * 1000
CLOCK_BEHIND_MS_MAX = 7 * 24 * 3600 * 1000
"""ARCHITECTURE 3: a device clock further off than this says nothing of when a value was measured."""

MS_PER_HOUR = 3_600_000

LOTS_MAX = 10_000
"""Sets of points whose limits are kept side by side; a message that brings other fields each time must not fill the memory."""

RANGE, NOT_A_NUMBER, RATE, DEVICE_CLOCK, UNKNOWN_POINT = (
    "range",
    "not_a_number",
    "rate",
    "device_clock",
    "unknown_point",
)


@dataclass(frozen=True, slots=True)
class Rejection:
    """Something that never became a good reading, as ``Sink.reject`` takes it."""

    subject: str
    reason: str
    example: str


class Judged(NamedTuple):
    """Readings with their quality, in the order given, and what was rejected on the way."""

    groups: list[Readings]
    rejections: list[Rejection]

    @property
    def readings(self) -> list[Reading]:
        """Each by itself."""
        return [reading for group in self.groups for reading in group.each()]


class _Bounds(NamedTuple):
    """A point's limits as plain numbers; without a range, every finite number lies within."""

    low: float
    high: float
    rise_per_ms: float | None
    step: float
    hold_ms: float


class _Lot(NamedTuple):
    """The limits of a group's points side by side, and the places of the counters whose rise is limited."""

    low: tuple[float, ...]
    high: tuple[float, ...]
    limited: tuple[int, ...]
    is_known: bool
    """Whether all points exist."""


class Validator:
    """Judges the readings of the site's points; remembers each limited counter's newest value."""

    def __init__(self, points: Mapping[str, Point]) -> None:
        self._bounds = {name: _bounds(point) for name, point in points.items()}
        self._newest: dict[str, Reading] = {}
        self._fallen: dict[str, Reading] = {}
        """Values below the newest that nothing has confirmed yet: a dip must not make what follows it too fast a rise."""
        self._lots: dict[tuple[str, ...], _Lot] = {}

    def add(self, points: Mapping[str, Point]) -> None:
        """Points that join while we run."""
        self._bounds.update({name: _bounds(point) for name, point in points.items()})
        self._lots.clear()

    def forget(self, points: Iterable[str]) -> None:
        """The newest readings of these points say nothing of the next ones."""
        for point in points:
            self._newest.pop(point, None)
            self._fallen.pop(point, None)

    def recall(self, readings: Iterable[Reading]) -> None:
        """What limited counters said before a start; what has come since counts for more."""
        for reading in readings:
            bounds = self._bounds.get(reading.point)
            if bounds is not None and bounds.rise_per_ms is not None:
                self._newest.setdefault(reading.point, reading)

    def judge_all(self, groups: Iterable[Readings], *, exempt_clock: bool = False) -> Judged:
        """Judge in the order given. ``exempt_clock`` is for a replay or an import, which carry their own times: only what lies
        ahead of us, which cannot have been measured, is told from a wrong clock then.

        A reading of a point that does not exist is left out and rejected."""
        judged: list[Readings] = []
        rejections: list[Rejection] = []
        lots, good = self._lots.get, Quality.GOOD
        for group in groups:
            points, measured_at, received_at, values, quality, _ = group
            low, high, limited, is_known = lots(points) or self._lot(points)
            if (
                is_known
                and quality is good
                and (
                    measured_at == received_at or not _is_wrong_clock(measured_at, received_at, exempt_clock)
                )
                and all(map(le, low, values))  # type: ignore[arg-type]  # no good value is None
                and all(map(le, values, high))  # type: ignore[arg-type]
                and not (limited and self._rise_too_fast(group, limited))
            ):
                judged.append(group)  # nearly all of them end here, so each value costs two comparisons
            else:
                is_wrong = _is_wrong_clock(measured_at, received_at, exempt_clock)
                judged += groups_of(self._each(group, is_wrong, rejections))
        return Judged(judged, rejections)

    def _each(self, group: Readings, is_wrong_clock: bool, rejections: list[Rejection]) -> Iterator[Reading]:
        for reading in group.each():
            bounds = self._bounds.get(reading.point)
            if bounds is None:
                rejections.append(Rejection(reading.point, UNKNOWN_POINT, repr(reading.value)))
                continue
            result = self._judged(bounds, reading, is_wrong_clock)
            if result is not reading and result.reason is not None:
                rejections.append(Rejection(reading.point, result.reason, _example(reading)))
            if bounds.rise_per_ms is not None:
                self._remember(result)
            yield result

    def _rise_too_fast(self, group: Readings, limited: Iterable[int]) -> bool:
        """Whether any of the limited counters does; if none, their values are the newest from now on."""
        points, measured_at, received_at, values, _, _ = group
        fresh = [Reading(points[at], measured_at, received_at, values[at]) for at in limited]
        for reading in fresh:
            if self._judged(self._bounds[reading.point], reading, is_wrong_clock=False) is not reading:
                return True
        for reading in fresh:
            self._remember(reading)
        return False

    def _judged(self, bounds: _Bounds, reading: Reading, is_wrong_clock: bool) -> Reading:
        """By the point's newest; where its register fell and nothing has gone on from there yet, what does not go on from
        before the fall either must be near the fallen one: a rollover makes no garbage behind it plausible."""
        newest, fallen = self._newest.get(reading.point), self._fallen.get(reading.point)
        result = _judge(bounds, reading, newest, is_wrong_clock)
        if result is reading and fallen is not None and not _goes_on(newest, reading):
            return _judge(bounds, reading, fallen, is_wrong_clock)
        return result

    def _lot(self, points: tuple[str, ...]) -> _Lot:
        bounds = [self._bounds.get(point) for point in points]
        known = [one for one in bounds if one is not None]
        lot = _Lot(
            tuple(one.low for one in known),
            tuple(one.high for one in known),
            tuple(at for at, one in enumerate(known) if one.rise_per_ms is not None),
            len(known) == len(points),
        )
        if len(self._lots) >= LOTS_MAX:
            self._lots.clear()
        self._lots[points] = lot
        return lot

    def _remember(self, reading: Reading) -> None:
        """Only a good reading says what may come next; a value that fell does when one after it goes on from there."""
        point, last = reading.point, self._newest.get(reading.point)
        if reading.value is None or reading.quality is not Quality.GOOD:
            return
        if last is not None and reading.measured_at <= last.measured_at:
            return
        fallen = self._fallen.get(point)
        if _goes_on(last, reading) or (fallen is not None and self._confirms(fallen, reading)):
            self._newest[point] = reading
            self._fallen.pop(point, None)
        elif fallen is None or not _goes_on(fallen, reading):
            self._fallen[point] = reading

    def _confirms(self, fallen: Reading, reading: Reading) -> bool:
        """Whether a register that fell has gone on from there, as ``OpenSlots`` sees it too: risen, or stood still for longer
        than a meter takes to begin."""
        is_longer = reading.measured_at - fallen.measured_at > self._bounds[reading.point].hold_ms
        return _goes_on(fallen, reading) and (reading.value != fallen.value or is_longer)


def _goes_on(last: Reading | None, reading: Reading) -> bool:
    return last is None or last.value is None or reading.value is None or reading.value >= last.value


def judge(
    point: Point, reading: Reading, previous: Reading | None = None, *, exempt_clock: bool = False
) -> Reading:
    """One reading with its quality. ``previous`` is the point's newest reading before it that has a value.

    Bad, without a value: ``not_a_number``, ``range``, ``device_clock``. Uncertain: ``rate``, a counter that rose
    faster than the site says it can, one step of resolution allowed for."""
    is_wrong_clock = _is_wrong_clock(reading.measured_at, reading.received_at, exempt_clock)
    return _judge(_bounds(point), reading, previous, is_wrong_clock)


def _bounds(point: Point) -> _Bounds:
    biggest = sys.float_info.max
    rate = point.rate_max_per_h if point.kind is Kind.COUNTER else None
    return _Bounds(
        low=-biggest if point.range_min is None else point.range_min,
        high=biggest if point.range_max is None else point.range_max,
        rise_per_ms=None if rate is None else rate / MS_PER_HOUR,
        step=float(point.step),
        hold_ms=point.hold_s * 1000,
    )


def _judge(bounds: _Bounds, reading: Reading, previous: Reading | None, is_wrong_clock: bool) -> Reading:
    low, high, rise_per_ms, step, _ = bounds
    value = reading.value
    if value is None:
        return reading
    if not low <= value <= high:
        return _bad(reading, RANGE if math.isfinite(value) else NOT_A_NUMBER)
    if is_wrong_clock:
        return _bad(reading, DEVICE_CLOCK)
    if rise_per_ms is None or previous is None or previous.value is None:
        return reading
    passed_ms = reading.measured_at - previous.measured_at
    if passed_ms > 0 and value - previous.value - step > rise_per_ms * passed_ms:
        return _with(reading, value, Quality.UNCERTAIN, RATE)
    return reading


def is_ahead(measured_at: int, now: int) -> bool:
    """Whether something was measured further in the future than clocks differ."""
    return measured_at - now > CLOCK_AHEAD_MS_MAX


def _is_wrong_clock(measured_at: int, received_at: int, exempt_clock: bool) -> bool:
    """While our own clock is in doubt nobody can judge another one; see ``settling``."""
    if is_unsynced(received_at):
        return False
    is_old = received_at - measured_at > CLOCK_BEHIND_MS_MAX
    return is_ahead(measured_at, received_at) or (is_old and not exempt_clock)


def _bad(reading: Reading, reason: str) -> Reading:
    return _with(reading, None, Quality.BAD, reason)


def _with(reading: Reading, value: float | None, quality: Quality, reason: str) -> Reading:
    quality = max(quality, reading.quality)
    return Reading(reading.point, reading.measured_at, reading.received_at, value, quality, reason)


def _example(reading: Reading) -> str:
    return f"{reading.value!r} measured_at={reading.measured_at} received_at={reading.received_at}"
