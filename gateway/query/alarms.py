"""Events as staff see them, with what people did to them. Disinfection runs are no alarms and live elsewhere."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gateway.errors import QueryError
from gateway.query.snapshot import Snapshot
from gateway.query.views import Alarm

RUN = "disinfection"
STATES = ("open", "closed", "withdrawn")
TEXTS = {
    "limit": ("超出限值", "Outside its limit"),
    "cold_excursion": ("温度超出范围", "Temperature outside its band"),
    "device_offline": ("设备离线", "Device offline"),
    "clock": ("设备时钟不对", "The device's clock is wrong"),
    "meter_replaced": ("更换表计", "Meter replaced"),
    "reset": ("表底数回退", "The register fell"),
}
"""For events whose evidence carries no words."""

COLUMNS = 'event_id, kind, subject, start, "end", level, state, evidence'


@dataclass(frozen=True, slots=True)
class EventRow:
    """A row of ``event``; ``end`` None while it goes on."""

    event_id: str
    kind: str
    subject: str
    start: int
    end: int | None
    level: int
    state: str
    evidence: dict[str, Any]


def event_rows(rows: Iterable[tuple[Any, ...]]) -> list[EventRow]:
    """Rows selected as ``COLUMNS``."""
    return [
        EventRow(event_id, kind, subject, start, end, level, state, json.loads(evidence))
        for event_id, kind, subject, start, end, level, state, evidence in rows
    ]


def open_events(connection: sqlite3.Connection) -> list[EventRow]:
    return event_rows(connection.execute(f"SELECT {COLUMNS} FROM event WHERE state = 'open' ORDER BY start"))


def alarms(
    snapshot: Snapshot, state: str | None, limit: int, start: int | None = None, end: int | None = None
) -> list[Alarm]:
    """Open ones gravest first, others newest first; state None is open and closed. [start, end) keeps those that
    overlap it. Raises QueryError for a state that is none."""
    if state is not None and state not in STATES:
        raise QueryError(f"there are no events in state {state!r}; write one of {', '.join(STATES)}")
    states = (state,) if state else ("open", "closed")
    rows = snapshot.db.execute(
        f"SELECT {COLUMNS} FROM event WHERE kind <> ? AND state IN ({','.join('?' * len(states))})"
        ' AND start < ? AND coalesce("end", ?) >= ? ORDER BY start DESC LIMIT ?',
        (RUN, *states, 2**62 if end is None else end, 2**62, 0 if start is None else start, limit),
    )
    found = [_alarm(snapshot, event) for event in event_rows(rows)]
    return sorted(found, key=lambda alarm: (alarm.level, -alarm.start)) if state == "open" else found


def _alarm(snapshot: Snapshot, event: EventRow) -> Alarm:
    name, space = _subject(snapshot, event.subject)
    default_zh, default_en = TEXTS.get(event.kind, (event.kind, event.kind))
    words, (user, at) = event.evidence, _acknowledged(snapshot.db, event.event_id)
    return Alarm(
        event_id=event.event_id, kind=event.kind, subject=event.subject, subject_name=name, space=space,
        level=event.level, state=event.state, start=event.start, end=event.end,
        text_zh=str(words.get("text_zh") or default_zh), text_en=str(words.get("text_en") or default_en),
        advice_zh=str(words.get("advice_zh") or ""), advice_en=str(words.get("advice_en") or ""),
        acknowledged_by=user, acknowledged_at=at, evidence=words,
    )  # fmt: skip


def _acknowledged(connection: sqlite3.Connection, event_id: str) -> tuple[str | None, int | None]:
    row = connection.execute(
        "SELECT \"user\", at FROM act WHERE subject = ? AND command = 'acknowledge' ORDER BY at DESC LIMIT 1",
        (event_id,),
    ).fetchone()
    return (row[0], row[1]) if row else (None, None)


def _subject(snapshot: Snapshot, subject: str) -> tuple[str, str | None]:
    """A device, or a point of one, by the device's name and space."""
    device = subject.partition(".")[0]
    known = snapshot.site.devices.get(device)
    return snapshot.device_name(device), known.space if known is not None else None
