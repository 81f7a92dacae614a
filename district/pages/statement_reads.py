"""零报告 of a month: what each gateway stated of each day, and which should have and did not. SQL and its arithmetic."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from district.months import Day
from district.pages.month_page import Statement, StatementDay
from district.school_line import Who
from district.store.database import Connection

STATED_AFTER_MS = 30 * 60 * 1000
"""A gateway makes a day's statement at 00:10 of the next; it should be here by 00:30."""

Held = tuple[str, int, int | None]
"""A gateway that had a point with data from one instant (UTC ms) to another; None: it has it still."""


def statement_days(connection: Connection, who: Who, days: Sequence[Day], now_ms: int) -> list[StatementDay]:
    """Each day of a month with the statements of it. A gateway owes one for each day since its first data, at whose end it has
    a point: one that a point was moved to owes nothing of before, and one that gave its last away nothing of after."""
    rows = connection.rows(
        "SELECT day, gateway_id, points, slots_due, slots_measured, slots_estimated, slots_missing, events_opened"
        " FROM statement WHERE site_id = ? AND day >= ? AND day <= ? ORDER BY day, gateway_id",
        who.site,
        days[0].date.isoformat(),
        days[-1].date.isoformat(),
    )
    found: dict[str, list[Statement]] = defaultdict(list)
    for day, *rest in rows:
        found[day].append(Statement(*rest))
    held = _held(connection, who.site)
    return [_statement_day(day, found[day.date.isoformat()], held, now_ms) for day in days]


def _held(connection: Connection, site: str) -> set[Held]:
    moves: dict[str, list[tuple[int, str, str]]] = defaultdict(list)
    for point, *move in connection.rows(
        "SELECT point, at, from_gateway, to_gateway FROM point_move WHERE site_id = ? ORDER BY point, at",
        site,
    ):
        moves[point].append((move[0], move[1], move[2]))
    held: set[Held] = set()
    for point, since, owner in connection.rows(
        "SELECT point, first_at, gateway_id FROM point WHERE site_id = ? AND first_at IS NOT NULL", site
    ):
        for at, before, _ in moves[point]:
            held.add((before, since, at))
            since = max(since, at)
        held.add((owner, since, None))
    return held


def _statement_day(day: Day, found: list[Statement], held: set[Held], now_ms: int) -> StatementDay:
    is_due = now_ms >= day.end + STATED_AFTER_MS
    stated = {one.gateway for one in found}
    had = {
        gateway for gateway, since, until in held if since < day.end and (until is None or until >= day.end)
    }
    owed = sorted(had - stated)
    return StatementDay(day.date, tuple(found), tuple(owed) if is_due else (), is_over=is_due)
