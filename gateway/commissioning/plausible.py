"""How likely is it that these registers mean this number? Pure, and never more than a hint for a person.

A wrong byte order or a wrong profile gives numbers that are absurd in ways one can name: outside the declared range,
a counter below zero, a float of 10⁻³⁹, an energy that leaps between two looks a second apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from devices.profile import ByteOrder, RegisterPoint
from devices.profile_base import PointBase
from devices.quantities import Kind
from devices.registers import DecodeError, decoder

NATURAL_MAX, NATURAL_MIN = 1e7, 1e-4
"""Readings of a school lie between these, or are 0: ten million kWh is a town, 10⁻⁴ of any unit is noise."""

POWER_KW_MAX = 2000.0
"""More than a school's transformer gives; an energy that rises faster between two looks was not read rightly."""

RISE_UNITS_PER_H = 10_000.0
"""The same bound for counters of anything else."""

CLEAR_LEAD = 0.3
"""Another order must be better by this much, of 1, to be worth a word."""


@dataclass(frozen=True, slots=True)
class Look:
    """The registers of one point at one moment (monotonic seconds)."""

    registers: tuple[int, ...]
    at_s: float


@dataclass(frozen=True, slots=True)
class OrderRank:
    """One byte order tried on a point: the newest value in the point's unit (None: no number) and its score, 0 to 1."""

    order: ByteOrder
    value: float | None
    score: float


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A point that reads more sensibly in another byte order than its profile says."""

    point: str
    declared: OrderRank
    better: OrderRank


def score(point: PointBase, value: float) -> float:
    """0 (absurd) to 1 (as one would expect) for one value, ratio 1. Zero is possible and proves nothing: 0.5."""
    if point.range is not None and not point.range[0] <= value <= point.range[1]:
        return 0.0
    if point.info.kind is Kind.COUNTER and value < 0:
        return 0.0
    if value == 0:
        return 0.5
    size = abs(value)
    if size > NATURAL_MAX:
        return max(0.0, 0.5 - 0.2 * math.log10(size / NATURAL_MAX))
    if size < NATURAL_MIN:
        return 0.0
    return 1.0


def ranked(point: RegisterPoint, looks: Sequence[Look]) -> list[OrderRank]:
    """All four orders of a point of several registers, the most plausible first, the declared one first among equals.

    Empty for a point of one register, one made of several numbers, and for registers that are all 0."""
    is_plain = point.type.registers > 1 and not point.companions and point.bits is None
    if not is_plain or not any(any(look.registers) for look in looks):
        return []
    ranks = [_rank(point.model_copy(update={"order": order}), looks) for order in ByteOrder]
    return sorted(ranks, key=lambda rank: (-rank.score, rank.order is not point.order))


def suspicion(name: str, point: RegisterPoint, looks: Sequence[Look]) -> Suspicion | None:
    """The better order, where there is one by a clear lead."""
    ranks = ranked(point, looks)
    if not ranks:
        return None
    declared = next(rank for rank in ranks if rank.order is point.order)
    if ranks[0].score - declared.score < CLEAR_LEAD:
        return None
    return Suspicion(name, declared, ranks[0])


def _rank(point: RegisterPoint, looks: Sequence[Look]) -> OrderRank:
    values: list[tuple[float, float]] = []
    for look in looks:
        try:
            values.append((look.at_s, decoder(point)(look.registers)))
        except DecodeError:
            return OrderRank(point.order, None, 0.0)
    scores = [score(point, value) for _, value in values]
    steady = min((_steady(point, *pair) for pair in pairwise(values)), default=1.0)
    return OrderRank(point.order, values[-1][1], min(scores) * steady)


def _steady(point: RegisterPoint, before: tuple[float, float], after: tuple[float, float]) -> float:
    """Whether a value may have changed so between two looks: a counter by what can flow, a gauge by less than tenfold."""
    change, passed_s = after[1] - before[1], after[0] - before[0]
    if point.info.kind is Kind.COUNTER:
        per_h = POWER_KW_MAX if point.info.group == "energy" else RISE_UNITS_PER_H
        possible = per_h * passed_s / 3600 + 2 * float(point.resolution)
        return 1.0 if 0 <= change <= possible else 0.1
    sizes = sorted((abs(before[1]), abs(after[1])))
    return 0.5 if sizes[1] > 10 * sizes[0] > 0 else 1.0
