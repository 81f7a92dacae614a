"""The upserts of records: by key, the higher revision wins. What a record may say is judged elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterable

from district.judge import Effects
from district.records import EventBody, GapBody, IntervalBody, PointBody, SiteBody, StatementBody
from district.store.database import Connection, Row, Table


def _table(name: str, key: str, rest: str, owner: str | None = None) -> Table:
    return Table(name, tuple(key.split()), tuple(rest.split()), owner)


SITE = _table("site", "site_id", "name timezone students area_m2 school_kind quota revision")
POINT = _table(
    "point",
    "site_id point",
    "gateway_id device space quantity unit value_kind step energy_code role label_zh label_en revision",
    owner="gateway_id",
)
INTERVAL = _table(
    "interval",
    "site_id period start point",
    "end content share value register_start register_end mean low high changes revision",
)
EVENT = _table(
    "event", "site_id event_id", "gateway_id event_kind subject start end level state evidence revision"
)
GAP = _table("gap", "site_id gateway_id key", "point start end count reason revision")
STATEMENT = _table(
    "statement",
    "site_id gateway_id day",
    "points slots_due slots_measured slots_estimated slots_missing events_opened revision",
)


def write(connection: Connection, site: str, gateway: str, effects: Effects) -> None:
    """Put the effects of one batch, inside the caller's transaction."""
    for table, rows in (
        (SITE, _sites(site, effects.sites)),
        (POINT, _points(site, gateway, effects.points)),
        (INTERVAL, _intervals(site, effects.intervals)),
        (EVENT, _events(site, gateway, effects.events)),
        (GAP, _gaps(site, gateway, effects.gaps)),
        (STATEMENT, _statements(site, gateway, effects.statements)),
    ):
        if rows:
            connection.upsert(table, newest(rows, len(table.key)))


def newest(rows: list[Row], key_length: int) -> list[Row]:
    """Each key once, with its highest revision (the last column), in the order of keys: transactions that write the same
    rows then wait for each other and never in a circle."""
    best: dict[Row, Row] = {}
    for row in rows:
        key = row[:key_length]
        there = best.get(key)
        if there is None or row[-1] > there[-1]:
            best[key] = row
    return [best[key] for key in sorted(best)]


def _sites(site: str, found: Iterable[tuple[SiteBody, int]]) -> list[Row]:
    return [
        (site, b.name, b.timezone, b.students, b.area_m2, b.school_kind, _quota(b), revision)
        for b, revision in found
    ]


def _quota(body: SiteBody) -> str:
    years = {
        year: {"electricity_kwh": one.electricity_kwh, "water_m3": one.water_m3}
        for year, one in body.quota.items()
    }
    return json.dumps(years, sort_keys=True)


def _points(site: str, gateway: str, found: Iterable[tuple[PointBody, int]]) -> list[Row]:
    return [
        (site, b.point, gateway, b.device, b.space, b.quantity, b.unit, b.value_kind, b.step, b.energy_code, b.role,
         b.label_zh, b.label_en, revision)
        for b, revision in found
    ]  # fmt: skip


def _intervals(site: str, found: Iterable[tuple[IntervalBody, int]]) -> list[Row]:
    return [
        (site, b.period, b.start, b.point, b.end, b.content, b.share, b.value, b.register_start, b.register_end,
         b.mean, b.low, b.high, b.changes, revision)
        for b, revision in found
    ]  # fmt: skip


def _events(site: str, gateway: str, found: Iterable[tuple[EventBody, int]]) -> list[Row]:
    return [
        (site, b.event_id, gateway, b.event_kind, b.subject, b.start, b.end, b.level, b.state,
         json.dumps(b.evidence, ensure_ascii=False), revision)
        for b, revision in found
    ]  # fmt: skip


def _gaps(site: str, gateway: str, found: Iterable[tuple[str, GapBody, int]]) -> list[Row]:
    return [(site, gateway, key, b.point, b.start, b.end, b.count, b.reason, rev) for key, b, rev in found]


def _statements(site: str, gateway: str, found: Iterable[tuple[StatementBody, int]]) -> list[Row]:
    return [
        (site, gateway, b.day, b.points, b.slots_due, b.slots_measured, b.slots_estimated, b.slots_missing,
         b.events_opened, revision)
        for b, revision in found
    ]  # fmt: skip
