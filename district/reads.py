"""The reading side: questions to a read-only connection, answered from one snapshot. SQL lives here and in no page."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from typing import Any

from district.figures import (
    Amount,
    Completeness,
    DayValue,
    GatewayRow,
    OpenEvent,
    PointTotal,
    School,
    due_slots,
    on_step,
)
from district.spans import Spans, spans

ELECTRICITY = ("active_energy_import", "kWh")
WATER = ("water_volume", "m³")
HIGH_LEVELS = 2
"""Levels 1 紧急 and 2 重要 are shown one by one on the first page."""
EVENTS_MAX = 50
NO_ALARM = "disinfection"


def schools(connection: sqlite3.Connection, now_ms: int, only: str | None = None) -> list[School]:
    """Every enrolled school, or the one asked for, by name."""
    rows = connection.execute(
        "SELECT site_id, name, timezone, students, area_m2 FROM site WHERE site_id = coalesce(?, site_id) ORDER BY name",
        (only,),
    ).fetchall()
    return [_school(connection, row, spans(now_ms, row[2])) for row in rows]


def _school(
    connection: sqlite3.Connection, row: tuple[str, str, str, int | None, float | None], when: Spans
) -> School:
    site = row[0]
    firsts = _column(
        connection, "SELECT first_at FROM point WHERE site_id = ? AND first_at IS NOT NULL", site
    )
    return School(
        *row,
        gateways=_gateways(connection, site),
        today=_completeness(connection, site, firsts, when.today, when.due_to),
        week=_completeness(connection, site, firsts, when.days[0][1], when.due_to),
        electricity_today=_amount(connection, site, ELECTRICITY, when.today, when.now),
        electricity_month=_amount(connection, site, ELECTRICITY, when.month, when.now),
        water_today=_amount(connection, site, WATER, when.today, when.now),
        water_month=_amount(connection, site, WATER, when.month, when.now),
        open_events=dict(
            connection.execute(
                "SELECT level, count(*) FROM event WHERE site_id = ? AND state = 'open' GROUP BY level",
                (site,),
            ).fetchall()
        ),
    )


def _column(connection: sqlite3.Connection, sql: str, *values: object) -> list[int]:
    return [row[0] for row in connection.execute(sql, values)]


def _gateways(connection: sqlite3.Connection, site: str) -> list[GatewayRow]:
    rows = connection.execute(
        "SELECT gateway_id, name, contact_at, epoch,"
        " (SELECT max(to_seq) FROM received r WHERE r.site_id = g.site_id AND r.gateway_id = g.gateway_id"
        "  AND r.epoch = g.epoch),"
        " (SELECT count(*) FROM rejected x WHERE x.site_id = g.site_id AND x.gateway_id = g.gateway_id)"
        " FROM gateway g WHERE site_id = ? ORDER BY gateway_id",
        (site,),
    )
    return [GatewayRow(*row) for row in rows]


def _completeness(
    connection: sqlite3.Connection, site: str, firsts: list[int], start: int, end: int
) -> Completeness:
    measured, estimated = connection.execute(
        "SELECT coalesce(sum(measured), 0), coalesce(sum(estimated), 0) FROM slot"
        " WHERE site_id = ? AND start >= ? AND start < ?",
        (site, start, end),
    ).fetchone()
    return Completeness(due_slots(firsts, start, end), measured, estimated)


def _amount(
    connection: sqlite3.Connection, site: str, commodity: tuple[str, str], start: int, end: int
) -> Amount:
    # From meter and slot to interval by its key: a month of few meters is read without the other points of the school.
    rows = connection.execute(
        "SELECT p.step, sum(i.value), max(i.content = 'estimated') FROM point p"
        " CROSS JOIN slot s ON s.site_id = p.site_id AND s.start >= ? AND s.start < ?"
        " CROSS JOIN interval i ON i.site_id = s.site_id AND i.period = '15min' AND i.start = s.start AND i.point = p.point"
        " WHERE p.site_id = ? AND p.quantity = ? AND p.role = 'total' AND i.value IS NOT NULL GROUP BY p.point",
        (start, end, site, commodity[0]),
    ).fetchall()
    value = sum(on_step(total, step) for step, total, _ in rows) if rows else None
    return Amount(value, commodity[1], any(estimated for _, _, estimated in rows))


def open_events(
    connection: sqlite3.Connection, site: str | None = None, level_max: int = HIGH_LEVELS
) -> list[OpenEvent]:
    """Open events up to a level, the gravest and newest first; of one school or of all. A disinfection run that goes on
    is no alarm and is not among them."""
    rows = connection.execute(
        "SELECT e.event_kind, e.evidence, e.site_id, s.name, s.timezone, e.subject, coalesce(p.label_zh, ''),"
        " coalesce(p.label_en, ''), e.start, e.level FROM event e JOIN site s ON s.site_id = e.site_id"
        " LEFT JOIN point p ON p.site_id = e.site_id AND p.point = e.subject"
        " WHERE e.state = 'open' AND e.level <= ? AND e.site_id = coalesce(?, e.site_id) AND e.event_kind <> ?"
        " ORDER BY e.level, e.start DESC LIMIT ?",
        (level_max, site, NO_ALARM, EVENTS_MAX),
    )
    return [_open_event(*row) for row in rows]


def _open_event(kind: str, evidence: str, site: str, name: str, timezone: str, *rest: Any) -> OpenEvent:
    words = json.loads(evidence)
    text_zh, text_en = (str(words.get(key) or kind) for key in ("text_zh", "text_en"))
    return OpenEvent(site, name, timezone, text_zh, text_en, *rest)


def totals(connection: sqlite3.Connection, site: str, start: int, end: int) -> list[PointTotal]:
    """Every described point over the quarter-hours that lie inside [start, end], by name."""
    sums = {row[0]: row[1:] for row in connection.execute(_SUMS, (site, start, end, site, site))}
    points = connection.execute(
        f"SELECT {', '.join(_DESCRIPTION)}, step FROM point WHERE site_id = ? ORDER BY point", (site,)
    )
    return [_total(row[:-1], row[-1], sums.get(row[0], _NOTHING)) for row in points]


_DESCRIPTION = (
    "point", "device", "space", "quantity", "unit", "value_kind", "role", "label_zh", "label_en",
)  # fmt: skip
_NOTHING = (None, None, None, None, 0, 0, 0)
_SUMS = """
WITH span AS (
    SELECT point, sum(value) AS value, avg(mean) AS mean, sum(content = 'measured') AS measured,
        sum(content = 'estimated') AS estimated, sum(content = 'missing') AS missing,
        min(CASE WHEN register_start IS NOT NULL THEN start END) AS first_at,
        max(CASE WHEN register_end IS NOT NULL THEN start END) AS last_at
    FROM interval WHERE site_id = ? AND period = '15min' AND start >= ? AND start <= ? - 900000 GROUP BY point)
SELECT span.point, span.value, span.mean, a.register_start, b.register_end, span.measured, span.estimated, span.missing
FROM span
LEFT JOIN interval a ON a.site_id = ? AND a.period = '15min' AND a.start = span.first_at AND a.point = span.point
LEFT JOIN interval b ON b.site_id = ? AND b.period = '15min' AND b.start = span.last_at AND b.point = span.point
"""


def _total(description: tuple[Any, ...], step: str, sums: tuple[Any, ...]) -> PointTotal:
    value, mean, register_start, register_end, measured, estimated, missing = sums
    return PointTotal(
        **dict(zip(_DESCRIPTION, description, strict=True)),
        value=None if value is None else on_step(value, step),
        mean=mean,
        register_start=register_start,
        register_end=register_end,
        slots_measured=measured,
        slots_estimated=estimated,
        slots_missing=missing,
    )


def day_values(
    connection: sqlite3.Connection, site: str, start: int, end: int
) -> dict[str, dict[int, DayValue]]:
    """Day intervals that begin inside [start, end): point → start of the day → its value."""
    found: dict[str, dict[int, DayValue]] = defaultdict(dict)
    rows = connection.execute(
        "SELECT point, start, coalesce(value, mean), content FROM interval"
        " WHERE site_id = ? AND period = 'day' AND start >= ? AND start < ?",
        (site, start, end),
    )
    for point, day, value, content in rows:
        found[point][day] = DayValue(value, content)
    return found


def is_known(connection: sqlite3.Connection, site: str) -> bool:
    return connection.execute("SELECT 1 FROM site WHERE site_id = ?", (site,)).fetchone() is not None


def count_sites(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM site").fetchone()[0])
