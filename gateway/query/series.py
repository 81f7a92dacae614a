"""The stored intervals of a point over a span, and its raw readings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any

from devices.quantities import Kind
from gateway.errors import QueryError
from gateway.model import Content, Period
from gateway.query.known_points import KnownPoint
from gateway.query.newest import QUALITY
from gateway.query.snapshot import Snapshot
from gateway.query.views import Series, Slot
from gateway.store import readings

PERIODS = tuple(period.value for period in Period)

LONGEST_MS = 32 * 86_400_000
"""No interval is longer: one that touches a span began no earlier before it."""


def series(snapshot: Snapshot, point: KnownPoint, start: int, end: int, period: str) -> Series:
    """Closed slots that touch [start, end), oldest first; the open slot is not among them. Raises QueryError for a
    period that is not kept."""
    if period not in PERIODS:
        raise QueryError(f"there are no intervals of {period!r}; write one of {', '.join(PERIODS)}")
    if point.over:
        slots = _ratio(snapshot, point, start, end, period)
    elif point.parts:
        slots = _sum_of_parts(snapshot, point, point.parts, start, end, period)
    else:
        slots = _slots(snapshot, point, start, end, period)
    return Series(
        point.name, point.quantity, point.unit, period, point.label_zh, point.label_en, slots, point.space
    )


def raw(
    snapshot: Snapshot, point: KnownPoint, start: int, end: int, limit: int
) -> list[tuple[int, float | None, str]]:
    """(measured_at, value, quality) of [start, end), the oldest ``limit`` of them; ask again from the last one on.
    A damaged row is left out: the collector's scrub takes it out and tells it."""
    newest = snapshot.db.execute(
        "SELECT measured_at FROM reading WHERE measured_at >= ? AND measured_at < ? AND point_id = ?"
        " ORDER BY measured_at DESC LIMIT 1",
        (start, end, point.point_id),
    ).fetchone()
    if newest is None:
        return []
    # Asked of every row between the point's own, the span's end would cost a third of the scan.
    rows = snapshot.db.execute(
        f"SELECT {readings.PROVEN} FROM reading WHERE measured_at >= ? AND point_id = ? AND +measured_at <= ?"
        " ORDER BY measured_at LIMIT ?",
        (start, point.point_id, newest[0], limit),
    )
    return [
        (row[0], point.figure(row[3]), QUALITY[row[4]])
        for row in _up_to(newest[0], rows)
        if readings.is_proven(row)
    ]


def _up_to(newest: int, rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """The rows until the one of ``newest``, without a step beyond it."""
    for row in rows:
        yield row
        if row[0] == newest:
            return


def _slots(snapshot: Snapshot, point: KnownPoint, start: int, end: int, period: str) -> list[Slot]:
    rows = snapshot.db.execute(
        'SELECT start, "end", content, share, steps, mean, low, high FROM interval'
        ' WHERE point_id = ? AND period = ? AND start > ? AND start < ? AND "end" > ? ORDER BY start',
        (point.point_id, period, start - LONGEST_MS, end, start),
    )
    return [
        Slot(at, until, content, share, point.figure(steps), mean, low, high)
        for at, until, content, share, steps, mean, low, high in rows
    ]


def _ratio(snapshot: Snapshot, point: KnownPoint, start: int, end: int, period: str) -> list[Slot]:
    """Sum by sum, in each slot that both have; missing where the lower one is 0."""
    upper = {slot.start: slot for slot in _sum_of_parts(snapshot, point, point.parts, start, end, period)}
    lower = _sum_of_parts(snapshot, point, point.over, start, end, period)
    return [_divided(upper[below.start], below) for below in lower if below.start in upper]


def _divided(above: Slot, below: Slot) -> Slot:
    share = min(above.share, below.share)
    upper = above.mean if above.value is None else above.value
    lower = below.mean if below.value is None else below.value
    if upper is None or not lower:
        return Slot(above.start, above.end, Content.MISSING.value, share)
    is_measured = above.content == below.content == Content.MEASURED.value
    content = Content.MEASURED if is_measured else Content.ESTIMATED
    return Slot(above.start, above.end, content.value, share, mean=upper / lower)


def _sum_of_parts(
    snapshot: Snapshot, point: KnownPoint, parts: Sequence[tuple[str, int]], start: int, end: int, period: str
) -> list[Slot]:
    """Slots of a virtual point's parts: those that every part has; missing where any part is missing."""
    signed = [
        (sign, {slot.start: slot for slot in _slots(snapshot, snapshot.points[name], start, end, period)})
        for name, sign in parts
    ]
    common = set.intersection(*(set(slots) for _, slots in signed))
    return [_together(point.kind, [(sign, slots[at]) for sign, slots in signed]) for at in sorted(common)]


def _together(kind: Kind, parts: list[tuple[int, Slot]]) -> Slot:
    slots = [slot for _, slot in parts]
    first, share = slots[0], min(slot.share for slot in slots)
    contents = {slot.content for slot in slots}
    if Content.MISSING.value in contents:
        return Slot(first.start, first.end, Content.MISSING.value, share)
    content = Content.MEASURED.value if contents == {Content.MEASURED.value} else Content.ESTIMATED.value
    if kind is Kind.COUNTER and first.value is not None:
        return Slot(
            first.start,
            first.end,
            content,
            share,
            value=_signed_sum((sign, slot.value) for sign, slot in parts),
        )
    # The sum's own lowest and highest value are not known from those of its parts.
    return Slot(
        first.start, first.end, content, share, mean=_signed_sum((sign, slot.mean) for sign, slot in parts)
    )


def _signed_sum(parts: Iterable[tuple[int, float | None]]) -> float | None:
    """Added as the decimal numbers that the floats stand for, so that 0.3 − 0.1 is 0.2."""
    total = Fraction(0)
    for sign, value in parts:
        if value is None:
            return None
        total += sign * Fraction(repr(value))
    return float(total)
