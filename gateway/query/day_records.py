"""Everything that is held of one local day, for a package of it: points, stored slots, events, statement."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from devices.quantities import Kind
from gateway.model import Period
from gateway.query.known_points import KnownPoint
from gateway.query.snapshot import Snapshot
from gateway.query.views import DayEvent, DayInterval, DayPoint, DayRecords, Statement
from gateway.slots import day_bounds
from gateway.store import events, intervals, proof

PERIODS = (Period.QUARTER, Period.HOUR, Period.DAY)


def day_records(snapshot: Snapshot, day: date) -> DayRecords:
    """Slots and events belong to the day they begin on. A day without its statement is not over: nothing of it is read. A row
    that is not as it was written is left out: the collector's scrub takes it out and tells it, and what replaces it is a new
    revision."""
    statement = _statement(snapshot, day)
    if statement is None:
        return DayRecords(day.isoformat(), [], [], [], None)
    start, end = day_bounds(day, snapshot.site.zone)
    points = [point for point in snapshot.points if point.point_id is not None]
    found = {point.name: list(_intervals(snapshot, point, start, end)) for point in points}
    shown = sorted((one for one in points if one.in_service or found[one.name]), key=lambda one: one.name)
    return DayRecords(
        day.isoformat(),
        [_point(point) for point in shown],
        [slot for point in shown for slot in found[point.name]],
        _events(snapshot, start, end),
        statement,
    )


def _point(point: KnownPoint) -> DayPoint:
    step = str(point.step) if point.step.denominator == 1 else f"{float(point.step)!r}"
    return DayPoint(
        point.name, point.device, point.space, point.quantity, point.unit, point.kind.value, step,
        point.energy_code, point.label_zh, point.label_en,
    )  # fmt: skip


def _intervals(snapshot: Snapshot, point: KnownPoint, start: int, end: int) -> Iterator[DayInterval]:
    for period in PERIODS:
        rows = snapshot.db.execute(
            f"SELECT {intervals.PROVEN} FROM interval"
            " WHERE point_id = ? AND period = ? AND start >= ? AND start < ? ORDER BY start",
            (point.point_id, period.value, start, end),
        )
        yield from (_interval(point, row) for row in rows if proof.is_proven(row))


def _interval(point: KnownPoint, row: Sequence[Any]) -> DayInterval:
    period, start, end, content, share, steps, start_steps, end_steps, mean, low, high, revision, changes = (
        row[1:14]
    )
    is_counter = point.kind is Kind.COUNTER
    return DayInterval(
        point.name, period, start, end, content, round(share, 4), revision,
        value=point.figure(steps) if is_counter else None,
        register_start=point.figure(start_steps) if is_counter else None,
        register_end=point.figure(end_steps) if is_counter else None,
        mean=None if mean is None else round(mean, 4), low=low, high=high, changes=changes,
    )  # fmt: skip


def _events(snapshot: Snapshot, start: int, end: int) -> list[DayEvent]:
    rows = snapshot.db.execute(
        f"SELECT {events.PROVEN} FROM event WHERE start >= ? AND start < ? ORDER BY start, event_id",
        (start, end),
    )
    return [_event(row) for row in rows if proof.is_proven(row)]


def _event(row: Sequence[Any]) -> DayEvent:
    event_id, kind, subject, start, end, level, state, evidence, revision = row[:9]
    return DayEvent(event_id, kind, subject, start, end, level, state, json.loads(evidence), revision)


def _statement(snapshot: Snapshot, day: date) -> Statement | None:
    row = snapshot.db.execute(
        "SELECT day, made_at, revision, body FROM statement WHERE day = ?", (day.isoformat(),)
    ).fetchone()
    return None if row is None else Statement(row[0], row[1], row[2], json.loads(row[3]))
