"""A point's figures over a span, put together from the intervals that cover it. Pure. None is not known, never 0.

A gateway sends quarter-hours and, of the same readings, days and months. A counter's day is known only when each of its
quarter-hours is. So a span is covered by the longest intervals that are known, and a quarter-hour stands where nothing longer
does: the sum is the sum of the quarter-hours, whatever it was read from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from district.figures import on_step


@dataclass(frozen=True, slots=True)
class Meter:
    """A point, as far as sums need it. ``first_at`` is the start of its first quarter-hour."""

    point: str
    step: str
    first_at: int | None
    is_counter: bool = True


class Piece(NamedTuple):
    """One stretch of a point that is known. ``known_ms`` is how much of it has a figure, ``measured_ms`` how much of it was
    measured; the difference is estimated. A tuple: a page makes 10,000 of them, each in a fifth of a dataclass's time."""

    point: str
    start: int
    end: int
    known_ms: float
    measured_ms: float
    value: float | None = None
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    register_start: float | None = None
    register_end: float | None = None
    is_estimated: bool = False
    """Its sender calls it estimated; that may be so though all of its time was measured."""


@dataclass(frozen=True, slots=True)
class PointSum:
    """A point over a span. Registers are those at the outer boundaries that are known; ``data_to`` is the end of the newest
    piece, None when there is none."""

    value: float | None
    mean: float | None
    low: float | None
    high: float | None
    register_start: float | None
    register_end: float | None
    known_ms: float
    measured_ms: float
    data_to: int | None
    is_estimated: bool = False


NOTHING = PointSum(None, None, None, None, None, None, 0, 0, None)


def fold(pieces: Sequence[Piece], step: str) -> PointSum:
    """Add up the pieces of one point, in any order; a counter's value is a whole number of register steps."""
    if not pieces:
        return NOTHING
    known_ms = measured_ms = 0.0
    values: list[float] = []
    gauged: list[Piece] = []
    for piece in pieces:  # one pass: a page folds 10,000 pieces
        known_ms += piece.known_ms
        measured_ms += piece.measured_ms
        if piece.value is not None:
            values.append(piece.value)
        elif piece.mean is not None:
            gauged.append(piece)
    ordered = sorted(pieces, key=_start)
    return PointSum(
        value=on_step(sum(values), step) if values else None,
        mean=_mean(gauged),
        low=min((piece.low for piece in gauged if piece.low is not None), default=None),
        high=max((piece.high for piece in gauged if piece.high is not None), default=None),
        register_start=_first(piece.register_start for piece in ordered),
        register_end=_first(piece.register_end for piece in reversed(ordered)),
        known_ms=known_ms,
        measured_ms=measured_ms,
        data_to=ordered[-1].end,
        is_estimated=any(piece.is_estimated for piece in ordered),
    )


def _start(piece: Piece) -> int:
    return piece.start


def _mean(gauged: Sequence[Piece]) -> float | None:
    """Weighted by the time that was measured."""
    weight = sum(piece.measured_ms for piece in gauged)
    return sum((piece.mean or 0.0) * piece.measured_ms for piece in gauged) / weight if weight else None


def _first(figures: Iterable[float | None]) -> float | None:
    return next((figure for figure in figures if figure is not None), None)


def exact(values: Sequence[tuple[float, str]]) -> float | None:
    """The sum of (value, register step) pairs, without the dust of adding floats."""
    if not values:
        return None
    return float(sum((Decimal(repr(on_step(value, step))) for value, step in values), Decimal(0)))
