"""Small facts of the buffer: what is under way, and the daily statements handed over."""

from __future__ import annotations

import json

from gateway.query.snapshot import Snapshot
from gateway.query.views import Activity, Rejection, Statement


def activity(snapshot: Snapshot) -> Activity | None:
    """Something long that is under way; None when nothing is, or when it is done."""
    row = snapshot.db.execute("SELECT value FROM meta WHERE key = 'activity'").fetchone()
    if row is None:
        return None
    fields = json.loads(row[0])
    found = Activity(fields["kind"], fields["done"], fields["total"], fields["updated_at"])
    return found if found.done < found.total else None


def statements(snapshot: Snapshot, limit: int) -> list[Statement]:
    """The newest ``limit`` days, newest first."""
    rows = snapshot.db.execute(
        "SELECT day, made_at, revision, body FROM statement ORDER BY day DESC LIMIT ?", (limit,)
    )
    return [Statement(day, made_at, revision, json.loads(body)) for day, made_at, revision, body in rows]


def rejections(snapshot: Snapshot, limit: int) -> list[Rejection]:
    """What never became a reading, or entered no interval, counted by subject and reason; the newest first."""
    rows = snapshot.db.execute(
        "SELECT subject, reason, count, last_at, example FROM rejection ORDER BY last_at DESC LIMIT ?",
        (limit,),
    )
    return [Rejection(*row) for row in rows]


def first_reading_at(snapshot: Snapshot) -> int | None:
    """When the site's data began, UTC ms."""
    row = snapshot.db.execute("SELECT min(first_at) FROM watermark").fetchone()
    return None if row[0] is None else int(row[0])


def events_opened(snapshot: Snapshot, start: int, end: int) -> int:
    """Events that began in [start, end): withdrawn ones and disinfection runs are none."""
    row = snapshot.db.execute(
        "SELECT count(*) FROM event WHERE start >= ? AND start < ? AND kind <> 'disinfection' AND state <> 'withdrawn'",
        (start, end),
    ).fetchone()
    return int(row[0])
