"""Disinfection runs and the lamps and cabinets that made them."""

from __future__ import annotations

from devices.quantities import QUANTITIES
from gateway.query.alarms import COLUMNS, RUN, EventRow, event_rows
from gateway.query.known_points import KnownPoint
from gateway.query.latest import latest_of
from gateway.query.snapshot import Snapshot
from gateway.query.views import DisinfectionRun, DisinfectionUnit

SIGNS = ("lamp_on", "lamp_power", "cabinet_temperature")
"""Quantities that show a run; a device with none of them (an occupancy sensor) is no unit."""

LOOK_BACK_MS = 35 * 86_400_000


def runs(snapshot: Snapshot, start: int, end: int) -> list[DisinfectionRun]:
    """Runs that began in [start, end), newest first, withdrawn ones left out."""
    rows = snapshot.db.execute(
        f"SELECT {COLUMNS} FROM event WHERE kind = ? AND state <> 'withdrawn' AND start >= ? AND start < ?"
        " ORDER BY start DESC",
        (RUN, start, end),
    )
    return [_run(snapshot, event) for event in event_rows(rows)]


def _run(snapshot: Snapshot, event: EventRow) -> DisinfectionRun:
    """A run that goes on has lasted until now, and is not yet complete or incomplete."""
    known = snapshot.site.devices.get(event.subject)
    lasted_ms = (snapshot.now if event.end is None else event.end) - event.start
    minutes = event.evidence.get("minutes")
    return DisinfectionRun(
        event_id=event.event_id, device=event.subject, space=known.space if known else None,
        name=snapshot.device_name(event.subject), start=event.start, end=event.end,
        minutes=float(minutes) if minutes is not None else round(max(0, lasted_ms) / 60_000, 1),
        complete=event.evidence.get("complete"), evidence=event.evidence,
    )  # fmt: skip


def units(snapshot: Snapshot) -> list[DisinfectionUnit]:
    """Every lamp, air disinfector and cabinet with what it did today."""
    found: dict[str, KnownPoint] = {}
    for point in snapshot.points.real():
        if point.quantity in SIGNS and QUANTITIES[point.quantity].group == RUN:
            found.setdefault(point.device, point)
    recent = runs(snapshot, snapshot.now - LOOK_BACK_MS, snapshot.now + 1)
    return [
        _unit(snapshot, point, [run for run in recent if run.device == point.device])
        for point in found.values()
    ]


def _unit(snapshot: Snapshot, point: KnownPoint, recent: list[DisinfectionRun]) -> DisinfectionUnit:
    """``recent`` runs are newest first. State: running, idle, delayed or offline."""
    today = [run for run in recent if run.start >= snapshot.day[0]]
    ends = [run.end for run in recent if run.end is not None]
    return DisinfectionUnit(
        device=point.device, name=snapshot.device_name(point.device), space=point.space,
        state=_state(snapshot, point, recent), runs_today=len(today),
        complete_today=sum(run.complete is True for run in today), last_end=max(ends, default=None), first_at=point.first_at,
    )  # fmt: skip


def _state(snapshot: Snapshot, point: KnownPoint, recent: list[DisinfectionRun]) -> str:
    latest = latest_of(snapshot, point)
    if latest.measured_at is None or snapshot.device_states.get(point.device, ("", 0, ""))[0] == "offline":
        return "offline"
    if latest.is_delayed:
        return "delayed"
    return "running" if any(run.end is None for run in recent) else "idle"
