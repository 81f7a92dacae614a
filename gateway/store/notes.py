"""Small rows beside the readings: device states, counted rejections, statements, and what the collector is at."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

from gateway.store import bodies
from gateway.store.changes import ChangeLog
from gateway.store.points import put_meta


def device_state(connection: sqlite3.Connection, device: str, state: str, detail: str, at: int) -> bool:
    """Keep a device's state; True when it differs from the one before."""
    known = connection.execute(
        "SELECT state, detail FROM device_state WHERE device = ?", (device,)
    ).fetchone()
    if known == (state, detail):
        return False
    connection.execute(
        "INSERT INTO device_state VALUES (?, ?, ?, ?) ON CONFLICT (device) DO UPDATE SET detail = excluded.detail,"
        " since = CASE WHEN state = excluded.state THEN since ELSE excluded.since END, state = excluded.state",
        (device, state, at, detail),
    )
    return known is None or known[0] != state


def reject(connection: sqlite3.Connection, counts: Iterable[tuple[str, str, int, str]], at: int) -> None:
    """(subject, reason, count, example) of what was refused since the last commit."""
    connection.executemany(
        "INSERT INTO rejection VALUES (?, ?, ?, ?, ?) ON CONFLICT (subject, reason) DO UPDATE SET"
        " count = count + excluded.count, last_at = excluded.last_at, example = excluded.example",
        [(subject, reason, count, at, example) for subject, reason, count, example in counts],
    )


def statement(
    connection: sqlite3.Connection, changes: ChangeLog, fields: Mapping[str, object], at: int
) -> int:
    """Keep a day's statement; a changed one gets a new revision and a change. Returns the revision."""
    day = str(fields["day"])
    body = bodies.statement(dict(fields))
    known = connection.execute("SELECT body, revision FROM statement WHERE day = ?", (day,)).fetchone()
    if known and known[0] == body.decode():
        return int(known[1])
    revision = known[1] + 1 if known else 1
    changes.append("statement", f"statement/{day}", revision, at, body)
    connection.execute(
        "INSERT OR REPLACE INTO statement VALUES (?, ?, ?, ?)", (day, body.decode(), at, revision)
    )
    return int(revision)


def activity(connection: sqlite3.Connection, kind: str, done: int, total: int, at: int) -> None:
    """Something long is under way; the pages show it as a bar."""
    put_meta(
        connection,
        {"activity": bodies.as_json({"kind": kind, "done": done, "total": total, "updated_at": at})},
    )


def no_activity(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM meta WHERE key = 'activity'")
