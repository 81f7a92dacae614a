"""Rows of ``event`` and ``act``: episodes found in the data, and apart from them what people did about them."""

from __future__ import annotations

import json
import sqlite3

from gateway.model import Event, EventState, Level
from gateway.store import bodies
from gateway.store.changes import ChangeLog

COLUMNS = 'event_id, kind, subject, start, "end", level, state, evidence, revision'


def put(connection: sqlite3.Connection, changes: ChangeLog, event: Event, at: int) -> None:
    """Write an event's next revision and its change; an event that says nothing new is left alone."""
    known = find(connection, event.event_id)
    if known is not None:
        if _same(known, event):
            return
        event = _revised(event, known.revision + 1)
    seq = changes.append("event", f"event/{event.event_id}", event.revision, at, bodies.event(event))
    connection.execute(
        f"INSERT OR REPLACE INTO event ({COLUMNS}, seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            event.event_id, event.kind, event.subject, event.start, event.end, int(event.level), event.state.value,
            bodies.as_json(event.evidence), event.revision, seq,
        ),
    )  # fmt: skip


def find(connection: sqlite3.Connection, event_id: str) -> Event | None:
    row = connection.execute(f"SELECT {COLUMNS} FROM event WHERE event_id = ?", (event_id,)).fetchone()
    return _event(row) if row else None


def open_events(connection: sqlite3.Connection) -> list[Event]:
    return [
        _event(row)
        for row in connection.execute(f"SELECT {COLUMNS} FROM event WHERE state = 'open' ORDER BY start")
    ]


def act(connection: sqlite3.Connection, key: str) -> dict[str, object] | None:
    """The answer a command of this idempotency key was given, if it was."""
    row = connection.execute("SELECT answer FROM act WHERE idempotency_key = ?", (key,)).fetchone()
    return dict(json.loads(row[0])) if row else None


def add_act(
    connection: sqlite3.Connection,
    *,
    key: str,
    at: int,
    user: str,
    command: str,
    subject: str,
    body: str,
    answer: str,
) -> None:
    """Keep a command of staff for ever under its idempotency key."""
    connection.execute(
        "INSERT INTO act VALUES (?, ?, ?, ?, ?, ?, ?)", (key, at, user, command, subject, body, answer)
    )


def _event(row: tuple[object, ...]) -> Event:
    event_id, kind, subject, start, end, level, state, evidence, revision = row
    return Event(
        event_id=str(event_id), kind=str(kind), subject=str(subject), start=start, end=end,  # type: ignore[arg-type]
        level=Level(level), state=EventState(state), evidence=json.loads(str(evidence)), revision=revision,  # type: ignore[arg-type]
    )  # fmt: skip


def _same(a: Event, b: Event) -> bool:
    return (a.end, a.level, a.state, a.evidence) == (b.end, b.level, b.state, b.evidence)


def _revised(event: Event, revision: int) -> Event:
    return Event(
        event.event_id,
        event.kind,
        event.subject,
        event.start,
        event.level,
        event.state,
        event.end,
        event.evidence,
        revision,
    )
