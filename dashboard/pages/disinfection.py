"""消毒: what each lamp and cabinet did today, every run, and a calendar that shows where one is missing."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from dashboard.desk import Desk
from dashboard.period import day_start
from dashboard.words import DASH
from gateway.query.views import DisinfectionRun, DisinfectionUnit

DAYS = 14
RUNS_MAX = 60


@dataclass(frozen=True, slots=True)
class UnitRow:
    name: str
    place: str
    state: str
    word: str
    runs: str
    complete: str
    last: str


@dataclass(frozen=True, slots=True)
class RunRow:
    name: str
    place: str
    start: str
    end: str
    minutes: str
    state: str
    word: str


@dataclass(frozen=True, slots=True)
class Mark:
    """✓ complete, ! too short, ✗ none on a school day, · not a school day or not over yet, – nothing is known of it."""

    sign: str
    state: str
    word: str


@dataclass(frozen=True, slots=True)
class CalendarRow:
    name: str
    marks: list[Mark]


def build(desk: Desk) -> dict[str, Any]:
    first = desk.today - timedelta(days=DAYS - 1)
    days = [first + timedelta(days=n) for n in range(DAYS)]
    runs = desk.views.disinfection_runs(day_start(first, desk.site.zone), desk.now_ms)
    units = desk.views.disinfection_units()
    newest = sorted(runs, key=lambda run: -run.start)
    return {
        "units": [_unit(desk, unit) for unit in units],
        "done": sum(unit.complete_today > 0 for unit in units),
        "runs": [_run(desk, run) for run in newest[:RUNS_MAX]],
        "days": [(f"{day:%m-%d}", desk.language(f"weekday.{day.weekday()}")) for day in days],
        "calendar": _calendar(desk, units, runs, days),
    }


def _unit(desk: Desk, unit: DisinfectionUnit) -> UnitRow:
    state, word = _unit_state(desk, unit)
    last = desk.times.stamp(unit.last_end)
    runs, complete = _count(desk, unit.runs_today), _count(desk, unit.complete_today)
    return UnitRow(unit.name, desk.place(unit.space), state, word, runs, complete, last)


def _count(desk: Desk, runs: int) -> str:
    """At a hub none may mean that its gateway has not told yet."""
    return DASH if desk.hub is not None and not runs else str(runs)


def _unit_state(desk: Desk, unit: DisinfectionUnit) -> tuple[str, str]:
    if unit.state in {"offline", "delayed"} or (unit.state == "unknown" and not unit.runs_today):
        return "off", desk.language(f"disinfection.{unit.state}")
    if unit.state == "running":
        return "ok", desk.language("disinfection.unit_running")
    state = "ok" if unit.complete_today else "warn" if unit.runs_today else "off"
    key = "free" if state == "off" and not desk.is_school_day(desk.today) else state
    return state, desk.language(f"disinfection.unit_{key}")


def _run(desk: Desk, run: DisinfectionRun) -> RunRow:
    state, key = {True: ("ok", "complete"), False: ("warn", "short"), None: ("off", "running")}[run.complete]
    return RunRow(
        run.name,
        desk.place(run.space),
        desk.times.stamp(run.start),
        desk.times.stamp(run.end),
        f"{run.minutes:.0f}",
        state,
        desk.language(f"disinfection.{key}"),
    )


def _calendar(
    desk: Desk, units: list[DisinfectionUnit], runs: list[DisinfectionRun], days: list[date]
) -> list[CalendarRow]:
    by_day: dict[tuple[str, date], list[DisinfectionRun]] = defaultdict(list)
    for run in runs:
        by_day[run.device, desk.times.local(run.start).date()].append(run)
    return [
        CalendarRow(unit.name, [_mark(desk, unit, by_day.get((unit.device, day), []), day) for day in days])
        for unit in units
    ]


def _mark(desk: Desk, unit: DisinfectionUnit, runs: list[DisinfectionRun], day: date) -> Mark:
    words = desk.language
    if any(run.complete for run in runs):
        return Mark("✓", "ok", words("disinfection.complete"))
    if any(run.complete is False for run in runs):
        return Mark("!", "warn", words("disinfection.short"))
    if unit.first_at is None or day <= desk.times.local(unit.first_at).date():
        return Mark("–", "off", words("disinfection.before_data"))
    if _is_untold(desk, day):
        return Mark("–", "off", words("disinfection.unknown"))
    if day == desk.today or not desk.is_school_day(day):
        return Mark(
            "·", "off", words("disinfection.not_due" if day != desk.today else "disinfection.not_yet")
        )
    return Mark("✗", "alarm", words("disinfection.none"))


def _is_untold(desk: Desk, day: date) -> bool:
    """A day that a gateway of the campus may still tell of: nothing is known of it, which is not that nothing was done."""
    if desk.hub is None:
        return False
    ends = [gateway.data_at for gateway in desk.hub.gateways]
    return not ends or any(end is None or desk.times.local(end).date() <= day for end in ends)
