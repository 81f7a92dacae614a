"""Taking figures back from InfluxDB, which keeps a field until it is written anew or deleted. Pure.

A revision that says ``missing`` of a slot that had a figure has no field to write over it, so the row is deleted before the line
without figures is written. Both may be said twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import msgspec

from edge_config.uplinks import LineProtocolUplink
from gateway.model import Change
from gateway.uplinks.records import IntervalRecord, records_of
from gateway.uplinks.verdict import Keep, Reply, Trouble

NS_PER_MS = 1_000_000
STATEMENTS_MAX = 500
"""In one query. 1.x answers each with some 20 bytes, and no answer is read past 64 KiB: those to all rows of a large batch would
hold it up for ever."""


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A row that may hold a figure nobody stands by any more."""

    measurement: str
    site: str
    point: str
    start: int


@dataclass(frozen=True, slots=True)
class Request:
    """A request that deletes rows, and how many statements are in it."""

    url: str
    content_type: str
    body: bytes
    count: int


def taken_back(uplink: LineProtocolUplink, site: str, changes: Sequence[Change]) -> list[TakenBack]:
    """Intervals of a later revision that are missing."""
    records, _ = records_of(changes)
    return [
        TakenBack(f"{uplink.prefix}_{record.period}", site, record.point, record.start)
        for change, record in records
        if change.revision > 1 and isinstance(record, IntervalRecord) and record.is_missing
    ]


def requests(uplink: LineProtocolUplink, rows: Sequence[TakenBack]) -> list[Request]:
    """InfluxQL queries of 1.x, or a delete of 2.x for each row."""
    base = uplink.url.rstrip("/")
    if not rows:
        return []
    if uplink.db is not None:
        return [
            _query(base, uplink.db, part)
            for part in (rows[at : at + STATEMENTS_MAX] for at in range(0, len(rows), STATEMENTS_MAX))
        ]
    url = f"{base}/api/v2/delete?{urlencode({'org': uplink.org, 'bucket': uplink.bucket})}"
    return [Request(url, "application/json", _predicate(row), 1) for row in rows]


def _query(base: str, db: str, rows: Sequence[TakenBack]) -> Request:
    body = urlencode({"db": db, "q": ";".join(_influxql(row) for row in rows)}).encode()
    return Request(f"{base}/query", "application/x-www-form-urlencoded", body, len(rows))


def _influxql(row: TakenBack) -> str:
    return (
        f"DELETE FROM {_quoted(row.measurement, chr(34))} WHERE site = {_quoted(row.site, chr(39))}"
        f" AND point = {_quoted(row.point, chr(39))} AND time = {row.start * NS_PER_MS}"
    )


def _predicate(row: TakenBack) -> bytes:
    names = {"_measurement": row.measurement, "site": row.site, "point": row.point}
    predicate = " AND ".join(f"{key}={_quoted(value, chr(34))}" for key, value in names.items())
    body = {"start": _rfc3339(row.start), "stop": _rfc3339(row.start + 1), "predicate": predicate}
    return msgspec.json.encode(body)


def _quoted(text: str, mark: str) -> str:
    escaped = text.replace("\\", "\\\\").replace(mark, f"\\{mark}")
    return f"{mark}{escaped}{mark}"


def _rfc3339(ms: int) -> str:
    moment = datetime.fromtimestamp(ms // 1000, UTC) + timedelta(milliseconds=ms % 1000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Result(msgspec.Struct):
    error: str = ""


class _Results(msgspec.Struct):
    """1.x answers 200 also where a statement failed, and says so inside."""

    results: list[_Result] = msgspec.field(default_factory=list)
    error: str = ""


def judged(reply: Reply, request: Request) -> Keep | None:
    """None where every row is gone; anything else keeps the batch."""
    if reply.status == 204:
        return None
    try:
        found = msgspec.json.decode(reply.body, type=_Results)
    except msgspec.DecodeError:
        found = _Results(error="an answer that is not InfluxDB's")
    wrong = found.error or next((one.error for one in found.results if one.error), "")
    if reply.status == 200 and not wrong and len(found.results) == request.count:
        return None
    detail = f"HTTP {reply.status} to a delete: {wrong or 'not every statement was answered'}"
    return Keep(Trouble.REFUSED, detail[:300], "let this user or token delete there too, not only write")
