"""The upserts of records: by key, the higher revision wins. SQL only; what a record may say is judged elsewhere."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

from district.contract import EventBody, GapBody, IntervalBody, PointBody, SiteBody, StatementBody
from district.judge import Effects

Rows = list[tuple[object, ...]]


def _upsert(table: str, key: str, rest: str) -> str:
    columns = [f'"{name}"' for name in f"{key} {rest}".split()]
    changed = ", ".join(f'"{name}" = excluded."{name}"' for name in rest.split())
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
        f" ON CONFLICT ({', '.join(key.split())}) DO UPDATE SET {changed} WHERE excluded.revision > {table}.revision"
    )


SITE = _upsert("site", "site_id", "name timezone students area_m2 revision")
POINT = _upsert(
    "point",
    "site_id point",
    "gateway_id device space quantity unit value_kind step energy_code role label_zh label_en revision",
)
INTERVAL = _upsert(
    "interval",
    "site_id period start point",
    "end content share value register_start register_end mean low high changes revision",
)
EVENT = _upsert(
    "event", "site_id event_id", "gateway_id event_kind subject start end level state evidence revision"
)
GAP = _upsert("gap", "site_id gateway_id key", "point start end count reason revision")
STATEMENT = _upsert(
    "statement",
    "site_id gateway_id day",
    "points slots_due slots_measured slots_estimated slots_missing events_opened revision",
)
FIRST_AT = """UPDATE point SET first_at = :first WHERE site_id = :site AND point = :point
    AND (first_at IS NULL OR first_at > :first)"""


def write(connection: sqlite3.Connection, site: str, gateway: str, effects: Effects) -> None:
    """Put the effects of one batch, inside the caller's transaction."""
    connection.executemany(SITE, _sites(site, effects.sites))
    connection.executemany(POINT, _points(site, gateway, effects.points))
    connection.executemany(INTERVAL, _intervals(site, effects.intervals))
    connection.executemany(
        FIRST_AT,
        [{"site": site, "point": point, "first": at} for point, at in effects.first_starts().items()],
    )
    connection.executemany(EVENT, _events(site, gateway, effects.events))
    connection.executemany(GAP, _gaps(site, gateway, effects.gaps))
    connection.executemany(STATEMENT, _statements(site, gateway, effects.statements))


def _sites(site: str, found: Iterable[tuple[SiteBody, int]]) -> Rows:
    return [(site, b.name, b.timezone, b.students, b.area_m2, revision) for b, revision in found]


def _points(site: str, gateway: str, found: Iterable[tuple[PointBody, int]]) -> Rows:
    return [
        (site, b.point, gateway, b.device, b.space, b.quantity, b.unit, b.value_kind, b.step, b.energy_code, b.role,
         b.label_zh, b.label_en, revision)
        for b, revision in found
    ]  # fmt: skip


def _intervals(site: str, found: Iterable[tuple[IntervalBody, int]]) -> Rows:
    return [
        (site, b.period, b.start, b.point, b.end, b.content, b.share, b.value, b.register_start, b.register_end,
         b.mean, b.low, b.high, b.changes, revision)
        for b, revision in found
    ]  # fmt: skip


def _events(site: str, gateway: str, found: Iterable[tuple[EventBody, int]]) -> Rows:
    return [
        (site, b.event_id, gateway, b.event_kind, b.subject, b.start, b.end, b.level, b.state,
         json.dumps(b.evidence, ensure_ascii=False), revision)
        for b, revision in found
    ]  # fmt: skip


def _gaps(site: str, gateway: str, found: Iterable[tuple[str, GapBody, int]]) -> Rows:
    return [(site, gateway, key, b.point, b.start, b.end, b.count, b.reason, rev) for key, b, rev in found]


def _statements(site: str, gateway: str, found: Iterable[tuple[StatementBody, int]]) -> Rows:
    return [
        (site, gateway, b.day, b.points, b.slots_due, b.slots_measured, b.slots_estimated, b.slots_missing,
         b.events_opened, revision)
        for b, revision in found
    ]  # fmt: skip
