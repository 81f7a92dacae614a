"""Rows of ``event`` and ``act``: episodes found in the data, and apart from them what people did about them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from gateway.model import Event, EventState, Level
from gateway.store import bodies, proof, quarantine
from gateway.store.changes import ChangeLog

COLUMNS = 'event_id, kind, subject, start, "end", level, state, evidence, revision'
PROVEN = f"{COLUMNS}, seq, crc"


def put(connection: sqlite3.Connection, changes: ChangeLog, event: Event, at: int) -> None:
    """Write an event's next revision and its change; an event that says nothing new is left alone."""
    known = find(connection, event.event_id)
    if known is not None:
        if _same(known, event):
            return
        event = _revised(event, known.revision + 1)
    insert(
        connection,
        event,
        changes.append("event", f"event/{event.event_id}", event.revision, at, bodies.event(event)),
    )


def insert(connection: sqlite3.Connection, event: Event, seq: int) -> None:
    """Write the row of an event whose change is ``seq``."""
    row = (
        event.event_id, event.kind, event.subject, event.start, event.end, int(event.level), event.state.value,
        bodies.as_json(event.evidence), event.revision, seq,
    )  # fmt: skip
    connection.execute(
        f"INSERT OR REPLACE INTO event ({COLUMNS}, seq, crc) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*row, proof.checksum(row)),
    )


def find(connection: sqlite3.Connection, event_id: str) -> Event | None:
    rows = connection.execute(f"SELECT {PROVEN} FROM event WHERE event_id = ?", (event_id,))
    found = _proven(connection, rows.fetchall())
    return found[0] if found else None


def open_events(connection: sqlite3.Connection) -> list[Event]:
    rows = connection.execute(f"SELECT {PROVEN} FROM event WHERE state = 'open' ORDER BY start").fetchall()
    return _proven(connection, rows)


def of_kind(connection: sqlite3.Connection, kind: str, subject: str, since: int) -> list[Event]:
    """Those that were not withdrawn and began at ``since`` or later, oldest first."""
    rows = connection.execute(
        f"SELECT {PROVEN} FROM event WHERE start >= ? AND kind = ? AND subject = ? AND state <> 'withdrawn'"
        " ORDER BY start",
        (since, kind, subject),
    ).fetchall()
    return _proven(connection, rows)


def _proven(connection: sqlite3.Connection, rows: Sequence[Sequence[Any]]) -> list[Event]:
    """The events that are as they were written; the others are taken out of use."""
    for row in rows:
        if not proof.is_proven(row):
            quarantine_row(connection, row)
    return [of_row(row) for row in rows if proof.is_proven(row)]


def quarantine_row(connection: sqlite3.Connection, row: Sequence[Any]) -> None:
    at = row[3] if isinstance(row[3], int) else 0
    quarantine.put(connection, "event", "event_id = ?", row[:1], row, (None, at, at + 1))


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


def of_row(row: Sequence[Any]) -> Event:
    """The event of a row of ``PROVEN``."""
    event_id, kind, subject, start, end, level, state, evidence, revision = row[:9]
    return Event(
        event_id=str(event_id), kind=str(kind), subject=str(subject), start=start, end=end,
        level=Level(level), state=EventState(state), evidence=json.loads(str(evidence)), revision=revision,
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
