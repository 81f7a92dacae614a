"""上报: what the district has received, what waits, and how complete each day is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from dashboard.desk import Desk
from dashboard.words import DASH, MINUTE_MS, percent
from gateway.query.views import Completeness, Statement, UplinkRow

DAYS = 35
STATEMENTS_MAX = 14
WAITING_TOO_LONG_MS = 10 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class UplinkCard:
    """``state`` ok, warn (something waits too long), alarm (the last try failed) or off. ``backfill`` is what waits
    behind what is new since an outage; empty without one. ``delivered`` is sent, not confirmed, where there are no receipts.
    ``problem`` and ``cure`` are for staff, ``error`` is what the log says."""

    id: str
    destination: str
    state: str
    word: str
    last: str
    waiting: str
    waiting_age: str
    delivered: str
    refused: int
    problem: str
    cure: str
    error: str
    receipt: str
    backfill: str


@dataclass(frozen=True, slots=True)
class DayCell:
    """One day of the calendar. ``grade`` 0 nothing due, 1 poor … 4 complete."""

    day: str
    label: str
    weekday: int
    measured: str
    delivered: str
    grade_measured: int
    grade_delivered: int
    estimated: int
    missing: int
    is_running: bool


@dataclass(frozen=True, slots=True)
class StatementRow:
    """零报告 of a day: slots due, measured, estimated, missing, and alarms that began."""

    day: str
    counts: list[str]


def uplink_card(desk: Desk, row: UplinkRow) -> UplinkCard:
    words, times = desk.language, desk.times
    failed = row.error is not None and (row.delivered_at is None or (row.error_at or 0) > row.delivered_at)
    age = desk.now_ms - row.waiting_since if row.waiting and row.waiting_since is not None else 0
    state = (
        "off"
        if row.is_paused
        else "alarm"
        if failed
        else "warn"
        if age > WAITING_TOO_LONG_MS
        else "ok"
        if row.delivered_at
        else "off"
    )
    return UplinkCard(
        row.uplink,
        row.destination,
        state,
        words("upload.paused" if row.is_paused else f"upload.{state}"),
        times.ago(row.delivered_at),
        f"{row.waiting:,}",
        times.span(age) if age >= MINUTE_MS else "",
        f"{row.delivered:,}",
        row.refused,
        _problem(desk, row),
        row.cure_zh if words.code == "zh" else "",
        row.error or "",
        words(f"upload.receipt.{row.receipt}"),
        next((f"{lane.waiting:,}" for lane in row.lanes if lane.lane == "backfill"), ""),
    )


def _problem(desk: Desk, row: UplinkRow) -> str:
    """What is wrong, in the reader's language; the log's words are English already."""
    if row.error is None:
        return ""
    return (row.cause_zh or row.error) if desk.language.code == "zh" else row.error


def build(desk: Desk) -> dict[str, Any]:
    first = desk.today - timedelta(days=DAYS - 1)
    first -= timedelta(days=first.weekday())
    rows = desk.views.completeness(first.isoformat(), desk.today.isoformat(), "site")
    return {
        "uplinks": [uplink_card(desk, row) for row in desk.views.uplinks()],
        "statements": [_statement(desk, one) for one in desk.views.statements(STATEMENTS_MAX)],
        "cells": [_cell(desk, row) for row in sorted(rows, key=lambda row: row.day)],
    }


def _cell(desk: Desk, row: Completeness) -> DayCell:
    day = date.fromisoformat(row.day)
    return DayCell(
        row.day,
        f"{day:%m-%d}",
        day.weekday(),
        percent(row.measured, row.due),
        DASH if row.delivered is None else percent(row.delivered, row.due),
        grade(row.measured, row.due),
        0 if row.delivered is None else grade(row.delivered, row.due),
        row.estimated,
        row.missing,
        day == desk.today,
    )


def _statement(desk: Desk, one: Statement) -> StatementRow:
    day = date.fromisoformat(one.day)
    counts = [
        one.body.get(key)
        for key in ("slots_due", "slots_measured", "slots_estimated", "slots_missing", "events_opened")
    ]
    cells = [f"{count:,}" if isinstance(count, int) else DASH for count in counts]
    return StatementRow(f"{day:%m-%d} {desk.language(f'weekday.{day.weekday()}')}", cells)


def grade(part: int, due: int) -> int:
    """0 nothing due · 1 under 80 % · 2 under 95 % · 3 under 100 % · 4 all of it."""
    if due <= 0:
        return 0
    share = part / due
    return 1 + (share >= 0.8) + (share >= 0.95) + (share >= 1)
