"""The reading side: questions to one snapshot. SQL lives here and in no page."""

from __future__ import annotations

from typing import Any

import msgspec

from district import school_reads
from district.figures import Amount, GatewayRow, OpenEvent, PointTotal, School, on_step
from district.school_line import Line
from district.spans import QUARTER_MS
from district.store.database import Connection
from district.usage import ELECTRICITY, WATER, Use

HIGH_LEVELS = 2
"""Levels 1 紧急 and 2 重要 are shown one by one on the first page."""
EVENTS_MAX = 50
NO_ALARM = "disinfection"


def schools(connection: Connection, now_ms: int, only: str | None = None) -> list[School]:
    """Every enrolled school, or the one asked for, by name: the figures of the pages, in each school's own current month."""
    return [_school(connection, line, now_ms) for line in school_reads.lines(connection, now_ms, only=only)]


def _school(connection: Connection, line: Line, now_ms: int) -> School:
    who = line.who
    electricity, water = (
        school_reads.used_today(connection, who, commodity, now_ms) for commodity in (ELECTRICITY, WATER)
    )
    return School(
        site=who.site,
        name=who.name,
        timezone=who.timezone,
        students=who.students,
        area_m2=who.area_m2,
        gateways=gateways(connection, who.site),
        today=line.today,
        week=line.week,
        electricity_today=_amount(electricity),
        electricity_month=_amount(line.used["electricity"].month),
        water_today=_amount(water),
        water_month=_amount(line.used["water"].month),
        open_events=dict(
            connection.rows(
                "SELECT level, count(*) FROM event WHERE site_id = ? AND state = 'open' GROUP BY level",
                who.site,
            )
        ),
    )


def _amount(found: Use) -> Amount:
    return Amount(
        found.value, found.unit, found.is_estimated, found.start, found.end, found.measured, found.estimated, found.missing
    )  # fmt: skip


def gateways(connection: Connection, site: str) -> list[GatewayRow]:
    rows = connection.rows(
        "SELECT gateway_id, name, contact_at, epoch,"
        " (SELECT max(to_seq) FROM received r WHERE r.site_id = g.site_id AND r.gateway_id = g.gateway_id"
        "  AND r.epoch = g.epoch),"
        " (SELECT count(*) FROM rejected x WHERE x.site_id = g.site_id AND x.gateway_id = g.gateway_id)"
        " FROM gateway g WHERE g.site_id = ? ORDER BY gateway_id",
        site,
    )
    return [GatewayRow(*row) for row in rows]


def open_events(
    connection: Connection, site: str | None = None, level_max: int = HIGH_LEVELS
) -> list[OpenEvent]:
    """Open events up to a level, the gravest and newest first; of one school or of all. A disinfection run that goes on
    is no alarm and is not among them."""
    of_one = " AND e.site_id = ?" if site else ""
    rows = connection.rows(
        "SELECT e.event_kind, e.evidence, e.site_id, s.name, s.timezone, e.subject, coalesce(p.label_zh, ''),"
        " coalesce(p.label_en, ''), e.start, e.level FROM event e JOIN site s ON s.site_id = e.site_id"
        " LEFT JOIN point p ON p.site_id = e.site_id AND p.point = e.subject"
        f" WHERE e.state = 'open' AND e.level <= ? AND e.event_kind <> ?{of_one}"
        f" ORDER BY e.level, e.start DESC, e.event_id LIMIT {EVENTS_MAX}",
        level_max,
        NO_ALARM,
        *([site] if site else []),
    )
    return [_open_event(*row) for row in rows]


class _Words(msgspec.Struct):
    text_zh: str = ""
    text_en: str = ""


def _open_event(kind: str, evidence: str, site: str, name: str, timezone: str, *rest: Any) -> OpenEvent:
    try:
        words = msgspec.json.decode(evidence, type=_Words)
    except msgspec.DecodeError:  # evidence is free in form: words of another kind are no words
        words = _Words()
    return OpenEvent(site, name, timezone, words.text_zh or kind, words.text_en or kind, *rest)


def totals(connection: Connection, site: str, start: int, end: int) -> list[PointTotal]:
    """Every described point over the quarter-hours that lie inside [start, end], by name."""
    found = connection.rows(_SUMS, site, start, end - QUARTER_MS, site, site)
    sums = {row[0]: row[1:] for row in found}
    points = connection.rows(
        f"SELECT {', '.join(_DESCRIPTION)}, step FROM point WHERE site_id = ? ORDER BY point", site
    )
    return [_total(row[:-1], row[-1], sums.get(row[0], _NOTHING)) for row in points]


_DESCRIPTION = (
    "point", "device", "space", "quantity", "unit", "value_kind", "role", "label_zh", "label_en",
)  # fmt: skip
_NOTHING = (None, None, None, None, 0, 0, 0)
_SUMS = """
WITH span AS (
    SELECT point, sum(value) AS value, sum(mean * share) / nullif(sum(share) FILTER (WHERE mean IS NOT NULL), 0) AS mean,
        count(*) FILTER (WHERE content = 'measured') AS measured,
        count(*) FILTER (WHERE content = 'estimated') AS estimated, count(*) FILTER (WHERE content = 'missing') AS missing,
        min(CASE WHEN register_start IS NOT NULL THEN start END) AS first_at,
        max(CASE WHEN register_end IS NOT NULL THEN start END) AS last_at
    FROM interval WHERE site_id = ? AND period = '15min' AND start >= ? AND start <= ? GROUP BY point)
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


def is_known(connection: Connection, site: str) -> bool:
    return bool(connection.rows("SELECT site_id FROM site WHERE site_id = ?", site))


def count_sites(connection: Connection) -> int:
    return int(connection.rows("SELECT count(*) FROM site")[0][0])
