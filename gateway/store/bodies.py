"""The canonical JSON of each change: what ``district.contract`` describes, written once and never re-encoded.

Pure. Counter values are exact multiples of the point's step, given as the nearest float of the exact ratio.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from edge_config.schema import QuotaYear, Site
from gateway.model import Event, Interval, Point

_encode = msgspec.json.Encoder(order="deterministic").encode


class CounterBody(msgspec.Struct):
    kind: str
    point: str
    period: str
    start: int
    end: int
    content: str
    share: float
    value: float | None
    register_start: float | None
    register_end: float | None


class GaugeBody(msgspec.Struct):
    kind: str
    point: str
    period: str
    start: int
    end: int
    content: str
    share: float
    mean: float | None
    low: float | None
    high: float | None


class StateBody(GaugeBody):
    changes: int | None


def counter(interval: Interval, num: int, den: int) -> bytes:
    """``num``/``den`` is the point's step in its unit."""

    def figure(steps: int | None) -> float | None:
        return None if steps is None else steps * num / den

    return _encode(
        CounterBody(
            "interval", interval.point, interval.period.value, interval.start, interval.end, interval.content.value,
            round(interval.share, 4), figure(interval.steps), figure(interval.start_steps), figure(interval.end_steps),
        )
    )  # fmt: skip


def gauge(interval: Interval) -> bytes:
    return _encode(GaugeBody(*_gauge_fields(interval)))


def state(interval: Interval) -> bytes:
    return _encode(StateBody(*_gauge_fields(interval), interval.changes))


def _gauge_fields(
    interval: Interval,
) -> tuple[str, str, str, int, int, str, float, float | None, float | None, float | None]:
    mean = None if interval.mean is None else round(interval.mean, 4)
    return (
        "interval", interval.point, interval.period.value, interval.start, interval.end, interval.content.value,
        round(interval.share, 4), mean, interval.low, interval.high,
    )  # fmt: skip


def event(event: Event) -> bytes:
    return _encode(
        {
            "kind": "event", "event_id": event.event_id, "event_kind": event.kind, "subject": event.subject,
            "start": event.start, "end": event.end, "level": int(event.level), "state": event.state.value,
            "evidence": event.evidence,
        }
    )  # fmt: skip


def point(point: Point, role: str) -> bytes:
    return _encode(
        {
            "kind": "point", "point": point.name, "device": point.device, "space": point.space,
            "quantity": point.quantity, "unit": point.unit, "value_kind": point.kind.value, "step": str(point.step),
            "energy_code": point.energy_code, "role": role, "label_zh": point.label_zh, "label_en": point.label_en,
        }
    )  # fmt: skip


def site(site: Site, quota: Mapping[int, QuotaYear]) -> bytes:
    """``quota`` by calendar year."""
    return _encode(
        {
            "kind": "site", "name": site.name, "timezone": site.timezone, "students": site.students,
            "area_m2": site.area_m2, "school_kind": site.school_kind,
            "quota": {str(year): allotted.model_dump() for year, allotted in quota.items()},
        }
    )  # fmt: skip


def gap(point: str, start: int, end: int, count: int, reason: str) -> bytes:
    return _encode(
        {"kind": "gap", "point": point, "start": start, "end": end, "count": count, "reason": reason}
    )


def statement(fields: dict[str, Any]) -> bytes:
    return _encode({"kind": "statement", **fields})


def as_json(value: Any) -> str:
    """Any plain value as compact JSON text, for the evidence and act columns."""
    return _encode(value).decode()
