"""One school's month: completeness of each day, points with their registers, gaps, events. SQL only."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Sequence

from district.figures import due_slots
from district.months import Day, Month
from district.pages.month_page import DayLine, EventLine, GapLine, PointLine
from district.piece_reads import Span, cover
from district.pieces import Meter, fold
from district.school_line import Who
from district.school_reads import NO_ALARM, first_starts
from district.store.database import Connection

EVENTS_MAX, GAPS_MAX = 100, 200


def day_lines(connection: Connection, site: str, days: Sequence[Day], due_to: int) -> list[DayLine]:
    """How complete each day is, over all points of the school."""
    firsts = first_starts(connection, site)
    bounds = [day.start for day in days]
    sums = [[0, 0, 0] for _ in days]
    for start, *counts in connection.rows(
        "SELECT start, measured, estimated, missing FROM slot WHERE site_id = ? AND start >= ? AND start < ?",
        site,
        days[0].start,
        days[-1].end,
    ):
        found = sums[bisect_right(bounds, start) - 1]
        for index, count in enumerate(counts):
            found[index] += count
    return [
        DayLine(day.date, due_slots(firsts, day.start, min(day.end, max(day.start, due_to))), *counts)
        for day, counts in zip(days, sums, strict=True)
    ]


_DESCRIBED = ("device", "space", "quantity", "unit", "energy_code", "role", "label_zh", "label_en")


def point_lines(connection: Connection, who: Who, month: Month, until: int) -> list[PointLine]:
    """Every described point over the month, as far as ``until``."""
    rows = connection.rows(
        f"SELECT point, step, first_at, value_kind, {', '.join(_DESCRIBED)} FROM point WHERE site_id = ? ORDER BY point",
        who.site,
    )
    known = [Meter(row[0], row[1], row[2], row[3] == "counter") for row in rows]
    pieces = cover(connection, who.site, known, Span([month], who.zone, until))
    span_ms = max(0, min(month.end(who.zone), until) - month.start(who.zone))
    described = [dict(zip(_DESCRIBED, row[4:], strict=True)) for row in rows]
    return [
        PointLine(
            point=meter.point, value_kind=row[3], step=meter.step, span_ms=span_ms,
            sums=fold(pieces[meter.point], meter.step), is_sent=meter.first_at is not None, **words,
        )
        for meter, row, words in zip(known, rows, described, strict=True)
    ]  # fmt: skip


def gaps(connection: Connection, site: str, start: int, end: int) -> list[GapLine]:
    """What was told lost inside [start, end), the newest first."""
    rows = connection.rows(
        'SELECT point, start, "end", count, reason, gateway_id FROM gap WHERE site_id = ? AND start < ? AND "end" > ?'
        f' ORDER BY "end" DESC, point, key LIMIT {GAPS_MAX}',
        site,
        end,
        start,
    )
    return [GapLine(*row) for row in rows]


def events(connection: Connection, site: str, start: int, end: int) -> list[EventLine]:
    """Events that went on inside [start, end), the newest first; what was withdrawn is not among them."""
    rows = connection.rows(
        "SELECT e.event_kind, e.evidence, e.subject, coalesce(p.label_zh, ''), coalesce(p.label_en, ''), e.start,"
        ' e."end", e.level, e.state FROM event e LEFT JOIN point p ON p.site_id = e.site_id AND p.point = e.subject'
        ' WHERE e.site_id = ? AND e.start < ? AND (e."end" IS NULL OR e."end" >= ?) AND e.state <> \'withdrawn\''
        f" AND e.event_kind <> ? ORDER BY e.start DESC, e.event_id LIMIT {EVENTS_MAX}",
        site,
        end,
        start,
        NO_ALARM,
    )
    return [_event(*row) for row in rows]


def _event(kind: str, evidence: str, subject: str, zh: str, en: str, *rest: object) -> EventLine:
    words = json.loads(evidence)
    text_zh, text_en = (str(words.get(key) or kind) for key in ("text_zh", "text_en"))
    return EventLine(text_zh, text_en, subject, zh, en, *rest)  # type: ignore[arg-type]
