"""The files of a day's package, byte for byte. Pure.

The same records are the same bytes: rows in a fixed order, keys sorted, no time of making. JSON is UTF-8 without spaces; CSV is
UTF-8 with a byte-order mark and CR LF, as spreadsheets on school desks read it. What is not known is null or an empty cell.
Described in docs/export-package.md; ``docs/export-package.schema.json`` is its JSON Schema.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from devices.quantities import QUANTITIES
from edge_config.uplinks import UplinkFilter
from gateway.model import Change
from gateway.query.views import DayEvent, DayInterval, DayPoint, DayRecords
from gateway.uplinks.records import EventRecord, IntervalRecord, record_of

SCHEMA = "campus-gateway/day-package/1"
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Of a text that a spreadsheet would run; full-width too, for one that is set to Chinese."""
PERIODS = ("15min", "hour", "day")
NOTE = "本项目自定的格式, 不是任何平台的官方接口; a format of this project's own, no platform's official interface"

INTERVAL = (
    "point", "quantity", "unit", "period", "start", "end", "start_ms", "end_ms", "content", "share", "value",
    "register_start", "register_end", "mean", "low", "high", "changes", "revision",
)  # fmt: skip
EVENT = (
    "event_id", "event_kind", "subject", "start", "end", "start_ms", "end_ms", "level", "state", "evidence", "revision",
)  # fmt: skip
POINT = tuple(field.name for field in fields(DayPoint))
STATEMENT = (
    "day", "points", "slots_due", "slots_measured", "slots_estimated", "slots_missing", "events_opened", "revision",
)  # fmt: skip

Row = Mapping[str, Any]
_as_json = msgspec.json.Encoder(order="sorted").encode


@dataclass(frozen=True, slots=True)
class About:
    """Whose day it is."""

    site: str
    name: str
    gateway: str
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a package."""

    name: str
    rows: int
    body: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


def parts(about: About, records: DayRecords, only: UplinkFilter) -> list[Part]:
    """Every file but the manifest. ``only`` holds intervals back, as everywhere; points, events and the statement always go."""
    points = {point.point: point for point in records.points}
    slots = sorted(records.intervals, key=lambda slot: (slot.point, slot.start))
    wanted = [slot for slot in slots if _passes(points[slot.point], slot, only)]
    events = sorted(records.events, key=lambda event: (event.start, event.event_id))
    tables: list[tuple[str, str, tuple[str, ...], list[Row]]] = [
        ("points", "points", POINT, [asdict(points[name]) for name in sorted(points)]),
        ("events", "events", EVENT, [event_row(about.zone, event) for event in events]),
    ]
    for period in PERIODS:
        rows = [
            interval_row(about.zone, points[slot.point], slot) for slot in wanted if slot.period == period
        ]
        tables.append((f"intervals-{period}", "intervals", INTERVAL, rows))
    if records.statement is not None:
        row = {**records.statement.body, "day": records.day, "revision": records.statement.revision}
        tables.append(("statement", "statement", STATEMENT, [{key: row[key] for key in STATEMENT}]))
    return [
        part
        for name, kind, columns, rows in sorted(tables, key=lambda table: table[0])
        for part in (
            Part(f"{name}.csv", len(rows), _csv(columns, rows)),
            Part(f"{name}.json", len(rows), _json(about, records.day, kind, rows)),
        )
    ]


def manifest(about: About, day: str, version: int, replaces: str | None, found: Sequence[Part]) -> bytes:
    """``replaces`` is the digest of the manifest of the version before, None for the first."""
    body = {
        "schema": SCHEMA,
        "kind": "manifest",
        "note": NOTE,
        "site": {"id": about.site, "name": about.name, "timezone": about.zone.key},
        "gateway": about.gateway,
        "day": day,
        "version": version,
        "replaces": replaces,
        "files": listed(found),
    }
    return _as_json(body) + b"\n"


def listed(found: Sequence[Part]) -> list[dict[str, Any]]:
    """What a manifest says of its files."""
    return [
        {"name": part.name, "bytes": len(part.body), "rows": part.rows, "sha256": part.sha256}
        for part in found
    ]


def interval_row(zone: ZoneInfo, point: DayPoint, slot: DayInterval) -> Row:
    """One slot, with its unit and its times in words and in UTC ms."""
    times = _times(zone, slot.start, slot.end)
    known = {"quantity": point.quantity, "unit": point.unit, **times}
    return {key: known[key] if key in known else getattr(slot, key) for key in INTERVAL}


def event_row(zone: ZoneInfo, event: DayEvent) -> Row:
    times = _times(zone, event.start, event.end)
    return {key: times[key] if key in times else getattr(event, key) for key in EVENT}


def explain(zone: ZoneInfo, points: Mapping[str, DayPoint], change: Change) -> bytes:
    """The exact JSON row of one record in the day's package; nothing for a record that has no row of its own."""
    record = record_of(change)
    if isinstance(record, IntervalRecord) and record.point in points and record.period in PERIODS:
        values = {key: getattr(record, key) for key in record.__struct_fields__}
        return (
            _as_json(
                interval_row(zone, points[record.point], DayInterval(**values, revision=change.revision))
            )
            + b"\n"
        )
    if isinstance(record, EventRecord):
        values = {key: getattr(record, key) for key in record.__struct_fields__}
        return _as_json(event_row(zone, DayEvent(**values, revision=change.revision))) + b"\n"
    return b""


def _passes(point: DayPoint, slot: DayInterval, only: UplinkFilter) -> bool:
    quantity = QUANTITIES.get(point.quantity)
    is_period = only.periods is None or slot.period in only.periods
    return is_period and (only.quantities is None or quantity is None or quantity.group in only.quantities)


def _times(zone: ZoneInfo, start: int, end: int | None) -> dict[str, Any]:
    return {
        "start": _local(zone, start),
        "end": None if end is None else _local(zone, end),
        "start_ms": start,
        "end_ms": end,
    }


@lru_cache(maxsize=1024)
def _local(zone: ZoneInfo, ms: int) -> str:
    """Local time with its distance from UTC, to the ms where there is one."""
    seconds, rest = divmod(ms, 1000)
    moment = datetime.fromtimestamp(seconds, zone).replace(microsecond=rest * 1000)
    return moment.isoformat(timespec="milliseconds" if rest else "seconds")


def _json(about: About, day: str, kind: str, rows: Sequence[Row]) -> bytes:
    return _as_json({"schema": SCHEMA, "kind": kind, "site": about.site, "day": day, "rows": rows}) + b"\n"


def _csv(columns: Sequence[str], rows: Iterable[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([[_cell(row[column]) for column in columns] for row in rows])
    return text.getvalue().encode("utf-8-sig")


def _cell(value: Any) -> str:
    """Figures in their exact shortest text; a text that a spreadsheet would take for a formula gets an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, float | int):
        return repr(value)
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA_STARTS) else value
    return _as_json(value).decode()
