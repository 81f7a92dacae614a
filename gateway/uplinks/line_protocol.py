"""From rows of the change feed to InfluxDB line protocol, a line for each interval and event. Pure.

The identity of a figure is its series (measurement and tags) and its timestamp, the start of its interval in ms: a revision is
the same identity and overwrites. Figures are always floats and counts always integers, since a field's type is fixed by the
first line that has it. What is missing has no figure at all, only ``content`` and ``share``.
Escapes: docs.influxdata.com/influxdb/v1/write_protocols/line_protocol_reference, "Special characters".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from devices.quantities import QUANTITIES
from edge_config.uplinks import LineProtocolUplink
from gateway.model import Change
from gateway.uplinks.records import EventRecord, IntervalRecord, Record, Refusals, records_of

FIGURES = ("value", "register_start", "register_end", "mean", "low", "high")

_evidence = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True)
class Facts:
    """What a line says beside the record. Points that left the site keep their quantity and have no space."""

    site: str
    quantities: Mapping[str, str]
    spaces: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a stretch. ``seqs`` are the changes that have one; what can never be a line is refused."""

    body: bytes
    seqs: tuple[int, ...]
    refused: Refusals


class UnsayableError(ValueError):
    """Line protocol has no way to write this."""


def encode(uplink: LineProtocolUplink, facts: Facts, changes: Sequence[Change]) -> Lines:
    records, refused = records_of(changes)
    lines: list[str] = []
    seqs: list[int] = []
    unsayable: list[tuple[int, str]] = []
    for change, record in records:
        try:
            line = _line(uplink, facts, change, record)
        except UnsayableError as error:
            unsayable.append((change.seq, str(error)))
            continue
        if line is not None:
            lines.append(line)
            seqs.append(change.seq)
    body = "".join(f"{line}\n" for line in lines).encode()
    return Lines(body, tuple(seqs), (*refused, *unsayable))


def explain(uplink: LineProtocolUplink, facts: Facts, change: Change) -> bytes:
    """The exact bytes of one record, before compression; nothing for a record that has no line. Raises ValueError for one that
    is refused."""
    lines = encode(uplink, facts, [change])
    if lines.refused:
        raise ValueError(lines.refused[0][1])
    return lines.body


def _line(uplink: LineProtocolUplink, facts: Facts, change: Change, record: Record) -> str | None:
    match record:
        case IntervalRecord():
            measurement = f"{uplink.prefix}_{record.period}"
            tags, fields = _interval(facts, record, change.revision)
            space = facts.spaces.get(record.point)
            if space is not None:
                (tags if uplink.space == "tag" else fields)["space"] = (
                    space if uplink.space == "tag" else string(space)
                )
        case EventRecord():
            measurement = f"{uplink.prefix}_event"
            tags, fields = _event(facts, record, change.revision)
        case _:
            return None
    series = ",".join([name(measurement), *(f"{key}={tag(tags[key])}" for key in sorted(tags))])
    return f"{series} {','.join(f'{key}={value}' for key, value in fields.items())} {record.start}"


def _interval(facts: Facts, record: IntervalRecord, revision: int) -> tuple[dict[str, str], dict[str, str]]:
    device = record.point.partition(".")[0]
    tags = {"site": facts.site, "point": record.point, "device": device}
    fields = {"content": string(record.content), "share": figure(record.share)}
    if not record.is_missing:
        known = {key: getattr(record, key) for key in FIGURES}
        fields |= {key: figure(value) for key, value in known.items() if value is not None}
        if record.changes is not None:
            fields["changes"] = f"{record.changes}i"
    quantity = facts.quantities.get(record.point)
    if quantity is not None:
        tags["quantity"] = quantity
        if quantity in QUANTITIES:
            fields["unit"] = string(QUANTITIES[quantity].unit)
    return tags, fields | {"revision": f"{revision}i"}


def _event(facts: Facts, record: EventRecord, revision: int) -> tuple[dict[str, str], dict[str, str]]:
    tags = {
        "site": facts.site, "event_id": record.event_id, "event_kind": record.event_kind, "subject": record.subject,
    }  # fmt: skip
    fields = {"level": f"{record.level}i", "state": string(record.state)}
    if record.end is not None:
        fields["end"] = f"{record.end}i"
    evidence = string(_evidence(record.evidence).decode())
    return tags, fields | {"evidence": evidence, "revision": f"{revision}i"}


def figure(value: float) -> str:
    """A float field: the shortest text that is exactly this float, as in the record itself."""
    return repr(float(value))


def string(text: str) -> str:
    """A string field in its quotes."""
    if "\0" in text:
        raise UnsayableError("a text with a NUL cannot be written in line protocol")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def tag(text: str) -> str:
    """A tag's key or value. A backslash is itself except before a mark, so at the end it would swallow the separator."""
    _writable(text)
    return text.replace(",", "\\,").replace("=", "\\=").replace(" ", "\\ ")


def name(text: str) -> str:
    """A measurement."""
    _writable(text)
    return text.replace(",", "\\,").replace(" ", "\\ ")


def _writable(text: str) -> None:
    if not text or text.endswith("\\") or any(ord(mark) < 0x20 or ord(mark) == 0x7F for mark in text):
        raise UnsayableError(
            f"{text!r} cannot be a tag in line protocol: empty, a control mark, or a \\ at its end"
        )
