"""The plain values that flow between rooms, and nothing else.

Times are UTC epoch milliseconds. Values are in the point's unit; what the buffer stores are integer multiples of the
point's ``step`` (its register resolution), so that sums of intervals telescope exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum, StrEnum
from itertools import groupby
from typing import Any, NamedTuple

import msgspec

from devices.quantities import Kind

QUARTER_MS = 15 * 60 * 1000


class Quality(IntEnum):
    """How far a reading may be trusted. Only good readings enter intervals and rules."""

    GOOD = 0
    UNCERTAIN = 1
    BAD = 2


class Content(StrEnum):
    """What an interval's value rests on. Missing is never zero."""

    MEASURED = "measured"
    ESTIMATED = "estimated"
    MISSING = "missing"


class Period(StrEnum):
    QUARTER = "15min"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


class Level(IntEnum):
    """Event levels, the gravest first: 紧急, 重要, 一般, 提示."""

    CRITICAL = 1
    MAJOR = 2
    MINOR = 3
    NOTICE = 4


class EventState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Point:
    """A named measured thing as the gateway knows it: profile, device and site file put together.

    ``name`` is ``device.point``. ``step`` is the resolution in ``unit`` with ratios applied; ``modulus_steps`` is
    where a counter rolls over, in steps (None: not known, so a fall is never taken for a rollover).
    ``expected_interval_s`` is how often its source should speak; ``hold_s`` how long a gauge's sample holds.
    """

    name: str
    device: str
    space: str | None
    quantity: str
    unit: str
    kind: Kind
    step: Decimal
    expected_interval_s: float
    range_min: float | None = None
    range_max: float | None = None
    modulus_steps: int | None = None
    rate_max_per_h: float | None = None
    energy_code: str | None = None
    label_zh: str = ""
    label_en: str = ""

    @property
    def hold_s(self) -> float:
        """A gauge's sample holds for at most this long (ARCHITECTURE 4: twice the expected interval, at least 60 s)."""
        return max(60.0, 2 * self.expected_interval_s)


class Reading(NamedTuple):
    """One value of one point. ``value`` is in the point's unit, None only when quality is BAD."""

    point: str
    measured_at: int
    received_at: int
    value: float | None
    quality: Quality = Quality.GOOD
    reason: str | None = None


class Readings(NamedTuple):
    """Readings that have all but point and value in common, as a block or a message gives them: what crosses the seam.

    ``values`` in the order of ``points``; who keeps the tuple of ``points`` is spared its making. A group is taken apart
    only where something is odd: a Reading for each point would cost more than decoding it (docs/decisions/0004)."""

    points: tuple[str, ...]
    measured_at: int
    received_at: int
    values: Sequence[float | None]
    quality: Quality = Quality.GOOD
    reason: str | None = None

    def each(self) -> list[Reading]:
        """Taken apart."""
        _, at, received_at, _, quality, reason = self
        return [
            Reading(point, at, received_at, value, quality, reason)
            for point, value in zip(self.points, self.values, strict=True)
        ]


def groups_of(readings: Iterable[Reading]) -> list[Readings]:
    """In the order given; those that follow each other and have all but point and value in common become one group."""
    return [
        Readings(
            tuple(one.point for one in alike), at, received_at, [one.value for one in alike], quality, reason
        )
        for (at, received_at, quality, reason), found in groupby(readings, _common)
        if (alike := list(found))
    ]


def _common(reading: Reading) -> tuple[int, int, Quality, str | None]:
    return reading.measured_at, reading.received_at, reading.quality, reading.reason


@dataclass(frozen=True, slots=True)
class Interval:
    """A closed slot. For counters ``steps`` is the consumption and ``start_steps``/``end_steps`` the register at the
    two boundaries; for gauges and states ``mean``, ``low`` and ``high`` in the point's unit; for states also ``changes``, how
    often it changed (of a state 0 or 1, ``mean`` is its share of the time measured). ``share`` is the part of the slot that
    was measured, 0 to 1."""

    point: str
    period: Period
    start: int
    end: int
    content: Content
    share: float
    steps: int | None = None
    start_steps: int | None = None
    end_steps: int | None = None
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    revision: int = 1
    changes: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """An episode with a start and, once over, an end. ``start`` never changes the ``event_id``."""

    event_id: str
    kind: str
    subject: str
    start: int
    level: Level
    state: EventState
    end: int | None = None
    evidence: dict[str, Any] = field(default_factory=dict)
    revision: int = 1


class Change(msgspec.Struct, frozen=True, gc=False):
    """One immutable row of the change feed; ``body`` is canonical JSON. A backlog makes them by the thousand: a Struct that the
    garbage collector passes by costs less than a tuple (docs/decisions/0017)."""

    seq: int
    kind: str
    key: str
    revision: int
    body: bytes
