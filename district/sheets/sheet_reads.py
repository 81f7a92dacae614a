"""What the sheets of one school are made of: a month's days of every point, a day's quarter-hours. SQL and its rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from district.months import Day, Month
from district.piece_reads import Span, cover
from district.pieces import Meter, PointSum, fold
from district.school_line import Who
from district.spans import QUARTER_MS
from district.store.database import Connection, Row


@dataclass(frozen=True, slots=True)
class Described:
    """A point as a sheet names it."""

    meter: Meter
    label_zh: str
    label_en: str
    space: str | None
    unit: str


@dataclass(frozen=True, slots=True)
class DayRow:
    """One day of one point; ``due_ms`` is how much of it should be known by now."""

    day: Day
    point: Described
    sums: PointSum
    due_ms: int


@dataclass(frozen=True, slots=True)
class QuarterRow:
    """One quarter-hour of one point. ``content`` None: it is due and never came."""

    start: int
    point: Described
    content: str | None
    share: float | None = None
    value: float | None = None
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    register_start: float | None = None
    register_end: float | None = None
    revision: int | None = None


def described(connection: Connection, site: str, only: str | None = None) -> list[Described]:
    """The points of a school by name, or the one asked for."""
    rows = connection.rows(
        "SELECT point, step, first_at, value_kind, label_zh, label_en, space, unit FROM point WHERE site_id = ?"
        " ORDER BY point",
        site,
    )
    return [
        Described(Meter(row[0], row[1], row[2], row[3] == "counter"), *row[4:])
        for row in rows
        if only is None or row[0] == only
    ]


def day_rows(connection: Connection, who: Who, month: Month, due_to: int) -> list[DayRow]:
    """Each day that a point was in service, as far as ``due_to``, day by day."""
    points = described(connection, who.site)
    meters = [one.meter for one in points]
    pieces = cover(connection, who.site, meters, Span([month], who.zone, due_to), by_month=False)
    found = []
    for day in month.days(who.zone):
        for point in points:
            due_ms = _due_ms(point.meter, day, due_to)
            own = [one for one in pieces[point.meter.point] if day.start <= one.start < day.end]
            if own or due_ms > 0:
                found.append(DayRow(day, point, fold(own, point.meter.step), due_ms))
    return found


def _due_ms(meter: Meter, day: Day, due_to: int) -> int:
    """Nothing is due of a point before its first quarter-hour, which is not known of one that sends days alone."""
    first = day.start if meter.first_at is None else meter.first_at
    return max(0, min(day.end, due_to) - max(day.start, first)) if meter.first_at is not None else 0


def quarter_rows(
    connection: Connection, site: str, points: Sequence[Described], day: Day, due_to: int
) -> Iterator[QuarterRow]:
    """Every quarter-hour of the day that came or is due, by time and point."""
    known = {one.meter.point: one for one in points}
    rows: dict[int, dict[str, Row]] = {}
    for row in _quarters(connection, site, day, next(iter(known)) if len(known) == 1 else None):
        rows.setdefault(row[0], {})[row[1]] = row
    for start in range(day.start, day.end, QUARTER_MS):
        of_slot = rows.get(start, {})
        for name, point in known.items():
            found = of_slot.get(name)
            if found is not None:
                yield QuarterRow(start, point, *found[2:])
            elif point.meter.first_at is not None and point.meter.first_at <= start < due_to:
                yield QuarterRow(start, point, None)


def _quarters(connection: Connection, site: str, day: Day, point: str | None) -> list[Row]:
    of_one = "" if point is None else " AND point = ?"
    return connection.rows(
        "SELECT start, point, content, share, value, mean, low, high, register_start, register_end, revision FROM interval"
        f" WHERE site_id = ? AND period = '15min' AND start >= ? AND start < ?{of_one} ORDER BY start, point",
        site, day.start, day.end, *([] if point is None else [point]),
    )  # fmt: skip
