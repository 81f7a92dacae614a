"""报警: one line for each alarm, the gravest first, in words, with what to do and who has seen it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dashboard.desk import Desk
from gateway.query.views import Alarm

LEVELS = {1: "critical", 2: "major", 3: "minor", 4: "notice"}
HISTORY_DAYS, HISTORY_MAX = 30, 200


@dataclass(frozen=True, slots=True)
class AlarmRow:
    event_id: str
    level: str
    level_word: str
    subject: str
    place: str
    text: str
    advice: str
    since: str
    lasted: str
    is_open: bool
    acknowledged: str
    is_acknowledged_here: bool


def alarm_rows(desk: Desk, alarms: list[Alarm]) -> list[AlarmRow]:
    """Open before over, not yet seen before seen, gravest first, newest first."""
    ordered = sorted(
        alarms, key=lambda a: (a.state != "open", a.acknowledged_at is not None, a.level, -a.start)
    )
    return [_row(desk, alarm) for alarm in ordered]


def _row(desk: Desk, alarm: Alarm) -> AlarmRow:
    level = LEVELS.get(alarm.level, "notice")
    words, times = desk.language, desk.times
    seen = ""
    if alarm.acknowledged_by is not None:
        seen = words("alarm.seen_by", user=alarm.acknowledged_by, at=times.stamp(alarm.acknowledged_at))
    return AlarmRow(
        alarm.event_id,
        level,
        words(f"level.{level}"),
        desk.name_of(alarm.subject.partition(".")[0], alarm.subject_name or alarm.subject),
        desk.place(alarm.space),
        words.pick(alarm.text_zh, alarm.text_en) or alarm.kind,
        words.pick(alarm.advice_zh, alarm.advice_en),
        times.stamp(alarm.start),
        times.span((alarm.end if alarm.end is not None else desk.now_ms) - alarm.start),
        alarm.state == "open",
        seen,
        desk.hub is None,
    )


def build(desk: Desk) -> dict[str, Any]:
    shows_all = desk.query.get("show") == "all"
    if shows_all:
        alarms = desk.views.alarms(None, HISTORY_MAX, desk.days_ago_ms(HISTORY_DAYS), desk.now_ms)
    else:
        alarms = desk.views.alarms("open")
    return {"rows": alarm_rows(desk, alarms), "shows_all": shows_all, "days": HISTORY_DAYS}
