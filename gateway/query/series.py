"""The stored intervals of a point over a span, and its raw readings."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from devices.quantities import Kind
from gateway.errors import QueryError
from gateway.model import Content, Period
from gateway.query.known_points import KnownPoint
from gateway.query.newest import QUALITY
from gateway.query.snapshot import Snapshot
from gateway.query.views import Series, Slot

PERIODS = tuple(period.value for period in Period)


def series(snapshot: Snapshot, point: KnownPoint, start: int, end: int, period: str) -> Series:
    """Closed slots that touch [start, end), oldest first; the open slot is not among them. Raises QueryError for a
    period that is not kept."""
    if period not in PERIODS:
        raise QueryError(f"there are no intervals of {period!r}; write one of {', '.join(PERIODS)}")
    slots = (
        _sum_of_parts(snapshot, point, start, end, period)
        if point.parts
        else _slots(snapshot, point, start, end, period)
    )
    return Series(
        point.name, point.quantity, point.unit, period, point.label_zh, point.label_en, slots, point.space
    )


def raw(
    snapshot: Snapshot, point: KnownPoint, start: int, end: int, limit: int
) -> list[tuple[int, float | None, str]]:
    """(measured_at, value, quality) of [start, end), the oldest ``limit`` of them; ask again from the last one on."""
    rows = snapshot.db.execute(
        "SELECT measured_at, value, quality FROM reading WHERE measured_at >= ? AND measured_at < ? AND point_id = ?"
        " ORDER BY measured_at LIMIT ?",
        (start, end, point.point_id, limit),
    )
    return [(measured_at, point.figure(steps), QUALITY[quality]) for measured_at, steps, quality in rows]


def _slots(snapshot: Snapshot, point: KnownPoint, start: int, end: int, period: str) -> list[Slot]:
    rows = snapshot.db.execute(
        'SELECT start, "end", content, share, steps, mean, low, high FROM interval'
        ' WHERE point_id = ? AND period = ? AND start > ? AND start < ? AND "end" > ? ORDER BY start',
        (point.point_id, period, start - 2 * 86_400_000, end, start),
    )
    return [
        Slot(at, until, content, share, point.figure(steps), mean, low, high)
        for at, until, content, share, steps, mean, low, high in rows
    ]


def _sum_of_parts(snapshot: Snapshot, point: KnownPoint, start: int, end: int, period: str) -> list[Slot]:
    """A virtual point's slots: those that every part has; missing where any part is missing."""
    parts = [
        (sign, {slot.start: slot for slot in _slots(snapshot, snapshot.points[name], start, end, period)})
        for name, sign in point.parts
    ]
    common = set.intersection(*(set(slots) for _, slots in parts))
    return [_together(point.kind, [(sign, slots[at]) for sign, slots in parts]) for at in sorted(common)]


def _together(kind: Kind, parts: list[tuple[int, Slot]]) -> Slot:
    slots = [slot for _, slot in parts]
    first, share = slots[0], min(slot.share for slot in slots)
    contents = {slot.content for slot in slots}
    if Content.MISSING.value in contents:
        return Slot(first.start, first.end, Content.MISSING.value, share)
    content = Content.MEASURED.value if contents == {Content.MEASURED.value} else Content.ESTIMATED.value
    if kind is Kind.COUNTER:
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
