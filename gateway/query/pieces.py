"""A counter's consumption over a span, piece by piece: closed slots, and the open one by its registers.

Knows ``interval`` and the newest register; does not know meters, spaces or days of comparison. Figures stay integer
steps (or exact fractions of them) until a total is given out, so that sums telescope.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from gateway.model import QUARTER_MS
from gateway.query.known_points import KnownPoint
from gateway.query.snapshot import Snapshot

NOTHING_SHED_MS = 30 * 86_400_000
"""Quarter-hours are kept for longer than that whatever happens (ARCHITECTURE 13)."""

DAYS_PAY_FROM_MS = 2 * 86_400_000
"""From this length on, wholly measured days are read as one row each instead of 96."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What flowed in [start, end), and the measured part of it. ``is_open`` marks the registers since the last closed slot."""

    start: int
    end: int
    steps: int | Fraction
    share: float
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Count:
    """What is known of a span: ``measured_ms`` and ``estimated_ms`` of it; None steps when nothing is."""

    steps: Fraction | None
    measured_ms: float
    estimated_ms: float
    updated_at: int | None


def count(snapshot: Snapshot, point: KnownPoint, start: int, end: int) -> Count:
    """Consumption in [start, end). A slot that the span cuts counts by its share of time: within a quarter-hour the
    register is taken as linear, as it is between two readings."""
    until = min(end, snapshot.now)
    return counted(point, pieces(snapshot, point, start, until), start, until)


def counted(point: KnownPoint, found: Iterable[Piece], start: int, until: int) -> Count:
    """What pieces of a point come to within [start, until), which does not lie ahead of now."""
    steps, measured, estimated = Fraction(0), 0.0, 0.0
    updated_at: int | None = None
    for piece in found:
        inside = min(until, piece.end) - max(start, piece.start)
        if inside > 0:
            whole = inside == piece.end - piece.start
            steps += piece.steps if whole else Fraction(piece.steps * inside, piece.end - piece.start)
            measured += piece.share * inside
            estimated += (1 - piece.share) * inside
        if piece.is_open:
            measured += _still_holds(point, piece.end, start, until)
        updated_at = max(updated_at or 0, min(piece.end, until))
    is_known = measured > 0 or estimated > 0
    return Count(steps if is_known else None, measured, estimated, updated_at)


def _still_holds(point: KnownPoint, read_at: int, start: int, until: int) -> int:
    """The stretch since the newest reading counts as measured while the next one is not overdue."""
    since = max(start, read_at)
    return max(0, until - since) if until - read_at <= point.hold_ms else 0


def pieces(snapshot: Snapshot, point: KnownPoint, start: int, end: int) -> list[Piece]:
    """Known pieces that touch [start, end), oldest first; missing slots are absent."""
    if point.parts:
        return _sum_of_parts(snapshot, point, start, end)
    if point.point_id is None or end <= start:
        return []
    return [*_closed(snapshot, point, start, end), *_open_pieces(snapshot, point, start, end)]


def _closed(snapshot: Snapshot, point: KnownPoint, start: int, end: int) -> list[Piece]:
    days: list[Piece] = []
    if end - start >= DAYS_PAY_FROM_MS:
        days = _rows(
            snapshot,
            point.point_id,
            "day",
            "start >= ? AND \"end\" <= ? AND content = 'measured'",
            (start, end),
        )
    found: list[Piece] = []
    at = start
    for day in [*days, None]:
        gap_end = end if day is None else day.start
        if gap_end > at:
            found += _finest(snapshot, point, at, gap_end)
        if day is not None:
            found.append(day)
            at = day.end
    return found


def _finest(snapshot: Snapshot, point: KnownPoint, start: int, end: int) -> list[Piece]:
    """Quarter-hours; before the oldest that retention left, whole hours, and before those whole days."""
    quarters_from = _kept_from(snapshot, point, "15min", "hour", start)
    hours_from = min(quarters_from, _kept_from(snapshot, point, "hour", "day", start))
    whole, first = 'start >= ? AND "end" <= ?', start - start % QUARTER_MS
    found: list[Piece] = []
    if start < hours_from:
        found += _rows(snapshot, point.point_id, "day", whole, (start, min(end, hours_from)))
    if start < quarters_from:
        found += _rows(
            snapshot, point.point_id, "hour", whole, (max(start, hours_from), min(end, quarters_from))
        )
    quarters = (max(first, quarters_from), end)
    return found + _rows(snapshot, point.point_id, "15min", "start >= ? AND start < ?", quarters)


def _kept_from(snapshot: Snapshot, point: KnownPoint, period: str, longer: str, start: int) -> int:
    """From when on a point's intervals are to be read: the oldest that is there, or the end of the longer one that it is the rest
    of; from ever where none has been shed."""
    if point.first_at is None or start >= snapshot.now - NOTHING_SHED_MS:
        return 0
    (oldest,) = snapshot.db.execute(
        "SELECT min(start) FROM interval WHERE point_id = ? AND period = ?", (point.point_id, period)
    ).fetchone()
    if oldest is not None and oldest <= point.first_at:
        return 0
    before = snapshot.now if oldest is None else int(oldest)
    (ends,) = snapshot.db.execute(
        'SELECT "end" FROM interval WHERE point_id = ? AND period = ? AND start < ? AND steps IS NOT NULL'
        " ORDER BY start DESC LIMIT 1",
        (point.point_id, longer, before),
    ).fetchone() or (0,)
    return max(before, int(ends))


def _rows(
    snapshot: Snapshot, point_id: int | None, period: str, where: str, values: tuple[int, int]
) -> list[Piece]:
    rows = snapshot.db.execute(
        'SELECT start, "end", steps, share FROM interval'
        f" WHERE point_id = ? AND period = ? AND {where} AND steps IS NOT NULL ORDER BY start",
        (point_id, period, *values),
    )
    return [Piece(*row) for row in rows]


def _open_piece(snapshot: Snapshot, point: KnownPoint) -> Piece | None:
    """From the last boundary whose register is known to the newest reading; None where the register fell since."""
    newest = snapshot.newest_of(point)
    if newest is None or newest.steps is None:
        return None
    boundary = snapshot.db.execute(
        'SELECT "end", end_steps FROM interval'
        " WHERE point_id = ? AND period = '15min' AND end_steps IS NOT NULL ORDER BY start DESC LIMIT 1",
        (point.point_id,),
    ).fetchone()
    at, register = boundary or (point.left_at, point.left_steps)
    if at is None or register is None or newest.measured_at < at:
        return None
    flowed = newest.steps - register - _between_meters(snapshot, point, at, newest.measured_at)
    if flowed < -1:  # a fall by one step is rounding; any other must be settled by the collector first
        return None
    return Piece(at, newest.measured_at, max(0, flowed), 1.0, is_open=True)


def _between_meters(snapshot: Snapshot, point: KnownPoint, start: int, end: int) -> int:
    """The steps by which registers differ where meters were replaced in [start, end]: nothing that flowed."""
    row = snapshot.db.execute(
        "SELECT coalesce(sum(initial_steps - final_steps), 0) FROM replacement WHERE point_id = ? AND at >= ? AND at < ?",
        (point.point_id, start, end),
    ).fetchone()
    return int(row[0])


def _sum_of_parts(snapshot: Snapshot, point: KnownPoint, start: int, end: int) -> list[Piece]:
    """Quarter-hours of a virtual point, or what is left of them, in whole units: known where every part is known."""
    slots: dict[tuple[int, int], list[Piece]] = {}
    for name, sign in point.parts:
        part = snapshot.points[name]
        if part.point_id is None:
            return []
        for piece in [*_finest(snapshot, part, start, end), *_open_pieces(snapshot, part, start, end)]:
            key = (0, 0) if piece.is_open else (piece.start, piece.end)
            signed = Piece(piece.start, piece.end, sign * piece.steps * part.step, piece.share, piece.is_open)
            slots.setdefault(key, []).append(signed)
    complete = (found for found in slots.values() if len(found) == len(point.parts))
    return sorted((_together(found) for found in complete), key=lambda piece: piece.start)


def finest(snapshot: Snapshot, point: KnownPoint, start: int, end: int) -> list[Piece]:
    """As ``pieces``, each as short as it is still kept: quarter-hours, and hours or days where those were shed."""
    if point.parts or point.point_id is None or end <= start:
        return pieces(snapshot, point, start, end)
    return [*_finest(snapshot, point, start, end), *_open_pieces(snapshot, point, start, end)]


def _open_pieces(snapshot: Snapshot, part: KnownPoint, start: int, end: int) -> Iterable[Piece]:
    """The open piece, where it touches [start, end)."""
    last = _open_piece(snapshot, part)
    # Its end may equal start: read at midnight sharp, it says that nothing has flowed since.
    if last is not None and last.start < end and last.end + part.hold_ms > start:
        yield last


def _together(found: list[Piece]) -> Piece:
    """Open pieces end within a poll of each other; the sum is as old as the oldest. One that begins earlier, of a meter that
    still catches up with a silence, counts from where the others begin."""
    start = max(piece.start for piece in found)
    steps = sum((_since(start, piece) for piece in found), Fraction(0))
    end, share = min(piece.end for piece in found), min(piece.share for piece in found)
    return Piece(start, end, steps, share, found[0].is_open)


def _since(start: int, piece: Piece) -> Fraction:
    if piece.start >= start:
        return Fraction(piece.steps)
    return Fraction(piece.steps) * max(0, piece.end - start) / (piece.end - piece.start)
