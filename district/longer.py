"""Days and months as their gateway sent them: which of them stand for all their quarter-hours, and which may not. SQL only.

A buffer that was renewed, and a gateway that a point was moved to, know nothing of what came before: their day or month
has a figure and begins in the middle, while what is here of the quarter-hours begins at its start.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from district.pieces import Meter, Piece
from district.store.database import Connection, Row

NAMED_MAX = 40
"""More points than this are read by the stretch of their key and not one by one."""


@dataclass(frozen=True, slots=True)
class Longer:
    """By point and start: ``sure`` ones stand for their whole stretch, ``in_doubt`` are those that may begin in its middle."""

    sure: dict[tuple[str, int], Piece] = field(default_factory=dict)
    in_doubt: dict[tuple[str, int], Piece] = field(default_factory=dict)


def longer(
    connection: Connection, site: str, known: Mapping[str, Meter], period: str, bounds: Mapping[int, int]
) -> Longer:
    """Those with a figure that lie in ``bounds`` (start → end) exactly; others are days or months of another time zone."""
    found = Longer()
    pieces = [
        one
        for one in _intervals(connection, site, known, period, list(bounds))
        if bounds[one.start] == one.end
    ]
    asked = {
        (one.point, _opens_at(known[one.point], one)) for one in pieces if _may_be_cut(known[one.point], one)
    }
    opening = _registers(connection, site, asked)
    for one in pieces:
        at = (one.point, _opens_at(known[one.point], one))
        is_whole = at not in asked or (
            one.register_start is not None and opening.get(at) == one.register_start
        )
        (found.sure if is_whole else found.in_doubt)[one.point, one.start] = one
    return found


def known_better(piece: Piece, parts: Sequence[Piece]) -> bool:
    """Whether an interval in doubt tells more than the parts of it that are here."""
    return sum(one.known_ms for one in parts) < piece.measured_ms or not parts


def _may_be_cut(meter: Meter, piece: Piece) -> bool:
    """What is measured is so in each of its quarter-hours; of a point that sends none nothing better is known."""
    return (
        meter.is_counter and piece.is_estimated and meter.first_at is not None and meter.first_at < piece.end
    )


def _opens_at(meter: Meter, piece: Piece) -> int:
    return max(piece.start, meter.first_at or 0)


def _registers(
    connection: Connection, site: str, asked: set[tuple[str, int]]
) -> dict[tuple[str, int], float]:
    """The registers at which these quarter-hours (point, start) begin, as far as they are known."""
    if not asked:
        return {}
    points, starts = sorted({point for point, _ in asked}), sorted({start for _, start in asked})
    of_points = f" AND point IN ({marks(points)})" if len(points) <= NAMED_MAX else ""
    rows = connection.rows(
        "SELECT point, start, register_start FROM interval WHERE site_id = ? AND period = '15min'"
        f" AND start IN ({marks(starts)}){of_points} AND register_start IS NOT NULL",
        site, *starts, *(points if of_points else ()),
    )  # fmt: skip
    return {(point, start): register for point, start, register in rows if (point, start) in asked}


def _intervals(
    connection: Connection, site: str, known: Mapping[str, Meter], period: str, starts: Sequence[int]
) -> list[Piece]:
    """The intervals with these starts that have a figure."""
    if not starts or not known:
        return []
    one_by_one = len(known) <= NAMED_MAX
    points = f" AND point IN ({marks(known)})" if one_by_one else ""
    rows = connection.rows(
        'SELECT point, start, "end", share, value, mean, low, high, register_start, register_end, content FROM interval'
        f" WHERE site_id = ? AND period = ? AND start IN ({marks(starts)}){points}"
        " AND (value IS NOT NULL OR mean IS NOT NULL)",
        site, period, *starts, *(known if one_by_one else ()),
    )  # fmt: skip
    return [_piece(known[row[0]], row) for row in rows if row[0] in known]


def _piece(meter: Meter, row: Row) -> Piece:
    point, start, end, share, value, mean, low, high, begin, done, content = row
    measured = share * (end - start)
    # A meter that came in the middle of the stretch was not due before.
    known = end - start if meter.is_counter else measured
    if meter.is_counter and meter.first_at is not None and meter.first_at > start:
        known = max(0, end - meter.first_at)
    return Piece(
        point, start, end, known, min(measured, known), value, mean, low, high, begin, done, content == "estimated"
    )  # fmt: skip


def marks(values: Iterable[object]) -> str:
    return ", ".join("?" for _ in values)
