"""Covering a span of months with the intervals a school sent: months, else days, else quarter-hours. SQL only.

A year of one meter is then some hundred look-ups by key and not 35,000, and what is not known as a whole is still added up
from the parts that are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from district.longer import NAMED_MAX, Longer, known_better, longer, marks
from district.months import Day, Month
from district.pieces import Meter, Piece
from district.spans import QUARTER_MS
from district.store.database import Connection, Row
from district.usage import Commodity


@dataclass(frozen=True, slots=True)
class Span:
    """Whole local months, as far as ``until`` (UTC ms): what ended later is not asked for as a whole."""

    months: Sequence[Month]
    zone: ZoneInfo
    until: int


def meters(connection: Connection, site: str, commodity: Commodity) -> list[Meter]:
    """The meters whose sum is the school's: those that are no part of another. One that counts in another unit is not among
    them: added up as it is, a sum would be wrong and look right."""
    found = connection.rows(
        "SELECT unit, point, step, first_at FROM point WHERE site_id = ? AND quantity = ? AND role = 'total'"
        " AND value_kind = 'counter' ORDER BY point",
        site,
        commodity.quantity,
    )
    return [Meter(*row) for unit, *row in found if commodity.is_in(unit)]


def cover(
    connection: Connection, site: str, points: Sequence[Meter], span: Span, *, by_month: bool = True
) -> dict[str, list[Piece]]:
    """The pieces of each point inside the span; they do not overlap. ``by_month`` off: days are the longest."""
    found: dict[str, list[Piece]] = {meter.point: [] for meter in points}
    if not points:
        return found
    known = {meter.point: meter for meter in points}
    whole = [month for month in span.months if month.end(span.zone) <= span.until] if by_month else []
    bounds = {month.start(span.zone): month.end(span.zone) for month in whole}
    months = longer(connection, site, known, "month", bounds)
    for (point, _), piece in months.sure.items():
        found[point].append(piece)
    parts = _by_day(connection, site, known, _lacking(known, span, months.sure.keys()))
    for point, pieces in parts.items():
        found[point] += _chosen(point, pieces, months, bounds)
    return found


def _chosen(point: str, parts: list[Piece], months: Longer, bounds: Mapping[int, int]) -> list[Piece]:
    """The parts, but of a month of which they tell less than the interval in doubt does."""
    chosen = parts
    for (name, start), piece in months.in_doubt.items():
        inside = [one for one in parts if start <= one.start < bounds[start]] if name == point else []
        if name == point and known_better(piece, inside):
            chosen = [piece, *(one for one in chosen if one not in inside)]
    return chosen


def _lacking(
    known: Mapping[str, Meter], span: Span, have: AbstractSet[tuple[str, int]]
) -> list[tuple[Day, list[str]]]:
    """The days, begun by ``until``, that no month stands for, and the points that lack them."""
    lacking: list[tuple[Day, list[str]]] = []
    for month in span.months:
        start = month.start(span.zone)
        if start >= span.until:
            break
        names = [name for name in known if (name, start) not in have]
        if names:
            lacking += [(day, names) for day in month.days(span.zone) if day.start < span.until]
    return lacking


def _by_day(
    connection: Connection, site: str, known: Mapping[str, Meter], lacking: list[tuple[Day, list[str]]]
) -> dict[str, list[Piece]]:
    found: dict[str, list[Piece]] = {name: [] for _, names in lacking for name in names}
    asked = {name: known[name] for name in found}
    days = longer(connection, site, asked, "day", {day.start: day.end for day, _ in lacking})
    newest = _newest_slot(connection, site)
    for day, names in lacking:
        rest: list[Meter] = []
        for name in names:
            piece = days.sure.get((name, day.start))
            if piece is not None:
                found[name].append(piece)
            elif _may_have(known[name], day, newest):
                rest.append(known[name])
        parts = {one.point: one for one in quarters(connection, site, rest, day.start, day.end)}
        for name in names:
            piece, part = days.in_doubt.get((name, day.start)), parts.get(name)
            if piece is not None and known_better(piece, [part] if part else []):
                part = piece
            if part is not None:
                found[name].append(part)
    return found


def _newest_slot(connection: Connection, site: str) -> int:
    return int(connection.rows("SELECT coalesce(max(start), -1) FROM slot WHERE site_id = ?", site)[0][0])


def _may_have(meter: Meter, day: Day, newest: int) -> bool:
    """Whether quarter-hours of the day can be there at all."""
    return meter.first_at is not None and meter.first_at < day.end and day.start <= newest


def quarters(connection: Connection, site: str, points: Sequence[Meter], start: int, end: int) -> list[Piece]:
    """One piece for each point that has known quarter-hours inside [start, end)."""
    if not points:
        return []
    known = {meter.point: meter for meter in points}
    if len(known) <= NAMED_MAX:
        starts = range(start, end, QUARTER_MS)
        where = f"start IN ({marks(starts)}) AND point IN ({marks(known)})"
        rows = connection.rows(_SUMS.format(where=where), site, *starts, *known, site, site)
    else:
        rows = connection.rows(_SUMS.format(where="start >= ? AND start < ?"), site, start, end, site, site)
    return [_sum(known[row[0]], row) for row in rows if row[0] in known]


_SUMS = """
WITH span AS (
    SELECT point, count(*) AS known, sum(share) AS share, sum(value) AS value, sum(mean * share) AS mean, min(low) AS low,
        max(high) AS high, count(*) FILTER (WHERE content = 'estimated') AS estimated, min(start) AS first_at,
        max(start) AS last_at
    FROM interval WHERE site_id = ? AND period = '15min' AND {where} AND (value IS NOT NULL OR mean IS NOT NULL)
    GROUP BY point)
SELECT span.point, span.first_at, span.last_at, span.known, span.share, span.value, span.mean, span.low, span.high,
    a.register_start, b.register_end, span.estimated
FROM span
JOIN interval a ON a.site_id = ? AND a.period = '15min' AND a.start = span.first_at AND a.point = span.point
JOIN interval b ON b.site_id = ? AND b.period = '15min' AND b.start = span.last_at AND b.point = span.point
"""


def _sum(meter: Meter, row: Row) -> Piece:
    point, first, last, count, share, value, weighted, low, high, begin, done, estimated = row
    measured = share * QUARTER_MS
    known = count * QUARTER_MS if meter.is_counter else measured
    mean = weighted / share if weighted is not None and share else None
    return Piece(
        point, first, last + QUARTER_MS, known, min(measured, known), value, mean, low, high, begin, done, estimated > 0
    )  # fmt: skip
