"""From rows of the change feed, and from what is newest, to messages of HJ 212-2017. Pure.

Quarter-hours go up as minute data (2051), hours as 2061, days as 2031, each with the start of its slot as DataTime; months have
no command. A message holds the factors of one station and slot that the stretch has. What is missing is left out; what was
measured in part has its figures and the flag B; never a 0 for what is not known. QN of an interval is made of its end and its
seq, so that the same stretch is the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from zoneinfo import ZoneInfo

from edge_config.hj212_factors import Factor, factors
from edge_config.uplinks import Hj212Uplink
from gateway.model import Change, Quality
from gateway.uplinks.feed import Latest
from gateway.uplinks.hj212_frame import Message, frames
from gateway.uplinks.records import IntervalRecord, Refusals, records_of

REALTIME = "2011"
COMMANDS = {"15min": "2051", "hour": "2061", "day": "2031"}
FLAGS = {"measured": "N", "estimated": "B"}
QUALITY_FLAGS = {Quality.GOOD: "N", Quality.UNCERTAIN: "D"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a point goes: its station, and the factor it is there."""

    mn: str
    factor: Factor


@dataclass(frozen=True, slots=True)
class Told:
    """A message, and the changes it rests on."""

    message: Message
    seqs: tuple[int, ...]


def places(uplink: Hj212Uplink, quantities: Mapping[str, str]) -> dict[str, Place]:
    """By point. One whose quantity has no factor has no place; ``check`` says so before."""
    known = factors(uplink.factors)
    return {
        point: Place(station.mn, known[quantities[point]])
        for station in uplink.stations
        for point in station.points
        if quantities.get(point) in known
    }


@dataclass(slots=True)
class _Slot:
    """The factors of one station and slot so far, by code: the last word of each in the stretch."""

    mn: str
    record: IntervalRecord
    first_seq: int
    parts: dict[str, str] = field(default_factory=dict)
    seqs: list[int] = field(default_factory=list)


def encode(
    uplink: Hj212Uplink, where: Mapping[str, Place], zone: ZoneInfo, changes: Sequence[Change]
) -> tuple[list[Told], Refusals]:
    """The messages of a stretch in the order of their first change, and what cannot be read."""
    records, refused = records_of(changes)
    slots: dict[tuple[str, str, int], _Slot] = {}
    for change, record in records:
        if (
            not isinstance(record, IntervalRecord)
            or record.point not in where
            or record.period not in COMMANDS
        ):
            continue
        place = where[record.point]
        key = (place.mn, record.period, record.start)
        slot = slots.setdefault(key, _Slot(place.mn, record, change.seq))
        slot.seqs.append(change.seq)
        slot.parts.pop(place.factor.code, None)
        if not record.is_missing:
            slot.parts[place.factor.code] = _interval(place.factor, record)
    told = [_told(uplink, zone, slot) for slot in slots.values() if slot.parts]
    return told, refused


def realtime(
    uplink: Hj212Uplink, where: Mapping[str, Place], zone: ZoneInfo, latest: Sequence[Latest], now_ms: int
) -> list[Message]:
    """2011 of every station that has something present. Nobody acknowledges it: the next one follows soon."""
    found: dict[str, list[Latest]] = {}
    for one in latest:
        if one.point in where and one.is_present:
            found.setdefault(where[one.point].mn, []).append(one)
    return [
        Message(
            qn=time_text(now_ms, zone, now_ms % 1000),
            st=uplink.st,
            cn=REALTIME,
            mn=mn,
            wants_ack=False,
            lead=f"DataTime={time_text(max(one.measured_at for one in news), zone)}",
            parts=tuple(_newest(where[one.point].factor, one) for one in news),
        )
        for mn, news in found.items()
    ]


def explain(
    uplink: Hj212Uplink, where: Mapping[str, Place], zone: ZoneInfo, change: Change, password: str
) -> bytes:
    """The exact bytes of one record, sent by itself; nothing for one that does not go up. Raises ValueError for one that is
    refused."""
    told, refused = encode(uplink, where, zone, [change])
    if refused:
        raise ValueError(refused[0][1])
    return b"".join(packet for one in told for packet in frames(one.message, password))


def _told(uplink: Hj212Uplink, zone: ZoneInfo, slot: _Slot) -> Told:
    message = Message(
        qn=time_text(slot.record.end, zone, slot.first_seq % 1000),
        st=uplink.st,
        cn=COMMANDS[slot.record.period],
        mn=slot.mn,
        wants_ack=True,
        lead=f"DataTime={time_text(slot.record.start, zone)}",
        parts=tuple(slot.parts.values()),
    )
    return Told(message, tuple(slot.seqs))


def _interval(factor: Factor, record: IntervalRecord) -> str:
    figures = {"Cou": record.value, "Min": record.low, "Avg": record.mean, "Max": record.high}
    texts = [
        f"{factor.code}-{name}={_figure(factor, value)}"
        for name, value in figures.items()
        if value is not None
    ]
    return ",".join([*texts, f"{factor.code}-Flag={FLAGS[record.content]}"])


def _newest(factor: Factor, one: Latest) -> str:
    assert one.value is not None  # noqa: S101 - is_present
    return f"{factor.code}-Rtd={_figure(factor, one.value)},{factor.code}-Flag={QUALITY_FLAGS[one.quality]}"


def _figure(factor: Factor, value: float) -> str:
    """In the factor's unit, rounded once, half to even, from the exact text of the figure."""
    exact = Decimal(repr(value)) * factor.scale
    rounded = exact.quantize(Decimal(1).scaleb(-factor.decimals), ROUND_HALF_EVEN)
    return format(rounded + 0, "f")  # no -0.0


def time_text(ms: int, zone: ZoneInfo, thousandths: int | None = None) -> str:
    """Local time as YYYYMMDDHHmmss, with three more digits for a QN."""
    text = datetime.fromtimestamp(ms // 1000, zone).strftime("%Y%m%d%H%M%S")
    return text if thousandths is None else f"{text}{thousandths:03d}"
