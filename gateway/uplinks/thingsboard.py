"""ThingsBoard's gateway topics: devices announced, telemetry of intervals and of what is newest. Pure.

Source: thingsboard.io/docs/reference/gateway-mqtt-api. A value is kept by device, key and time, so a figure that comes twice, or
is revised, is one figure. Of an interval the keys are ``<point>_<period>``, for a gauge with ``_mean``, ``_low`` and
``_high``, and its content and share; of one that is missing content and share alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from gateway.model import Change
from gateway.uplinks.feed import Latest
from gateway.uplinks.mqtt_said import Said, as_json, said
from gateway.uplinks.records import IntervalRecord, Refusals, records_of

CONNECT = "v1/gateway/connect"
TELEMETRY = "v1/gateway/telemetry"
PAYLOAD_MAX = 32 * 1024
"""Half of what ThingsBoard takes by default."""

Entry = tuple[str, int, dict[str, Any]]
"""(device, time in ms, values)."""


def connect(device: str) -> Said:
    """A device speaks through this gateway."""
    return said(CONNECT, {"device": device})


def telemetry(changes: Sequence[Change]) -> tuple[list[Said], list[str], Refusals]:
    """Messages of the intervals of a stretch, the devices in them, and what cannot be read."""
    records, refused = records_of(changes)
    newest = {
        (record.point, record.period, record.start): record
        for _, record in records
        if isinstance(record, IntervalRecord)
    }
    entries = [_entry(record) for record in newest.values()]
    return messages(entries), sorted({device for device, _, _ in entries}), refused


def present(latest: Sequence[Latest]) -> list[Said]:
    """What is newest, each under its own time; what cannot be believed is not said."""
    return messages(
        (device, one.measured_at, {own: one.value})
        for one in latest
        if one.is_present
        for device, own in [one.point.split(".", 1)]
    )


def explain(change: Change) -> bytes:
    """Topic and exact payload of one record, a line each; nothing for one that is not telemetry. Raises ValueError for one
    that is refused."""
    found, _, refused = telemetry([change])
    if refused:
        raise ValueError(refused[0][1])
    return b"".join(one.topic.encode() + b" " + one.payload + b"\n" for one in found)


def messages(entries: Iterable[Entry]) -> list[Said]:
    """Entries by device, in order, in messages that are not too long."""
    found: list[Said] = []
    body: dict[str, list[dict[str, Any]]] = {}
    size = 0
    for device, at, values in entries:
        entry = {"ts": at, "values": values}
        length = len(as_json(entry)) + len(device) + 8
        if body and size + length > PAYLOAD_MAX:
            found.append(said(TELEMETRY, body))
            body, size = {}, 0
        body.setdefault(device, []).append(entry)
        size += length
    return [*found, said(TELEMETRY, body)] if body else found


def _entry(record: IntervalRecord) -> Entry:
    device, own = record.point.split(".", 1)
    key = f"{own}_{record.period}"
    values: dict[str, Any] = {f"{key}_content": record.content, f"{key}_share": record.share}
    if not record.is_missing:
        figures = {
            key: record.value,
            f"{key}_register_end": record.register_end,
            f"{key}_mean": record.mean,
            f"{key}_low": record.low,
            f"{key}_high": record.high,
            f"{key}_changes": record.changes,
        }
        values |= {name: figure for name, figure in figures.items() if figure is not None}
    return device, record.start, values
