"""Intervals of a school, a page at a time, in the order of (start, point): the next page begins after the last row of the
one before, however much has come in meanwhile. SQL and the cursor's form."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from district.contract import Fault, Millis
from district.refusal import Refusal
from district.spans import LAST_MS, day_bounds
from district.store.database import Connection

LIMIT_MAX = 1000
Period = Literal["15min", "hour", "day", "month"]

_CURSOR = re.compile(r"([0-9]{1,15}):(.{1,100})", re.DOTALL)
_COLUMNS = 'point, start, "end", content, share, value, register_start, register_end, mean, low, high, changes, revision'


class IntervalRow(BaseModel):
    """A slot as its gateway closed it. Figures are null where nothing was measured, never 0."""

    point: str
    start: int = Field(description="UTC epoch ms")
    end: int = Field(description="UTC epoch ms")
    content: Literal["measured", "estimated", "missing"]
    share: float
    value: float | None
    register_start: float | None
    register_end: float | None
    mean: float | None
    low: float | None
    high: float | None
    changes: int | None
    revision: int


class IntervalPage(BaseModel):
    """Intervals that begin inside [start, end). ``next`` goes into ``after`` for the page behind; null on the last one."""

    site: str
    timezone: str
    period: Period
    start: Millis
    end: Millis
    intervals: list[IntervalRow]
    next: str | None


Day = Annotated[
    str | None, Field(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$", description="of the school's own zone")
]


class Asked(BaseModel):
    """What a reader wants of a site. The span is in UTC ms, or in days of the school's own zone, both included."""

    point: str | None = Field(default=None, max_length=100)
    period: Period = "15min"
    start: Millis | None = Field(default=None, alias="from")
    end: Millis | None = Field(default=None, alias="to")
    first_day: Day = None
    last_day: Day = None
    after: str | None = Field(default=None, max_length=120, description="`next` of the page before")
    limit: int = Field(default=LIMIT_MAX, ge=1, le=LIMIT_MAX)


def page(connection: Connection, site: str, asked: Asked) -> IntervalPage:
    """Raises Refusal for a site that is not enrolled, a cursor that is none, and a span said twice."""
    found = connection.rows("SELECT timezone FROM site WHERE site_id = ?", site)
    if not found:
        raise Refusal(Fault.NOT_FOUND, f"no school {site!r} is enrolled here")
    timezone = found[0][0]
    if "\0" in f"{asked.point}{asked.after}":
        raise Refusal(Fault.INVALID, "a text holds the character U+0000")
    start, end = _span(asked, timezone)
    where, values = (
        "site_id = ? AND period = ? AND start >= ? AND start < ?",
        [site, asked.period, start, end],
    )
    if asked.point is not None:
        where, values = where + " AND point = ?", [*values, asked.point]
    if asked.after is not None:
        where, values = where + " AND (start, point) > (?, ?)", [*values, *_cursor(asked.after)]
    sql = f"SELECT {_COLUMNS} FROM interval WHERE {where} ORDER BY start, point LIMIT ?"
    rows = connection.rows(sql, *values, asked.limit + 1)
    names = IntervalRow.model_fields
    intervals = [IntervalRow(**dict(zip(names, row, strict=True))) for row in rows[: asked.limit]]
    last = intervals[-1] if len(rows) > asked.limit else None
    return IntervalPage(
        site=site, timezone=timezone, period=asked.period, start=start, end=end, intervals=intervals,
        next=f"{last.start}:{last.point}" if last else None,
    )  # fmt: skip


def _span(asked: Asked, timezone: str) -> tuple[int, int]:
    if asked.first_day is None and asked.last_day is None:
        return asked.start or 0, LAST_MS if asked.end is None else asked.end
    if asked.start is not None or asked.end is not None:
        raise Refusal(Fault.INVALID, "say the span in days or by from and to, not by both")
    try:
        return day_bounds(asked.first_day, asked.last_day, timezone)
    except (ValueError, OverflowError) as error:
        raise Refusal(Fault.INVALID, f"first_day, last_day: {error}; a day is written 2026-11-22") from error


def _cursor(after: str) -> tuple[int, str]:
    found = _CURSOR.fullmatch(after)
    if found is None:
        raise Refusal(Fault.INVALID, "after is the `next` of the page before, as it was given")
    return int(found[1]), found[2]
