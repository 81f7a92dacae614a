"""What each record of a batch may do: take effect, or be refused with a reason. Pure.

The schema has been checked; here are the rules that need more than one field or the points of the site.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from district.condemned import REASON_MAX
from district.contract import Rejected
from district.records import (
    Batch,
    ChangeRecord,
    EventBody,
    GapBody,
    IntervalBody,
    PointBody,
    SiteBody,
    StatementBody,
)

QUARTER_MS = 15 * 60 * 1000
FIRST_MS, LAST_MS = 946_684_800_000, 4_102_444_800_000
"""2000 and 2100: an interval outside was never measured. It also bounds the months a table may be divided into."""

FIGURE_MAX = 1e18
"""In the unit of its point. No meter shows more, and a year of such figures still adds up to a number."""
STEP_MIN, STEP_MAX = Decimal("1e-12"), Decimal("1e12")
DEPTH_MAX = 64
STEP_SHOWN_MAX = 40
COUNT_MIN, COUNT_MAX = 1e-6, 1e15
"""Of square metres and of what is allotted to a year."""


@dataclass(slots=True)
class Effects:
    """The records of one batch by table, each with its revision, in the order of the feed; and those refused."""

    sites: list[tuple[SiteBody, int]] = field(default_factory=list)
    points: list[tuple[PointBody, int]] = field(default_factory=list)
    intervals: list[tuple[IntervalBody, int]] = field(default_factory=list)
    events: list[tuple[EventBody, int]] = field(default_factory=list)
    gaps: list[tuple[str, GapBody, int]] = field(default_factory=list)
    statements: list[tuple[StatementBody, int]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)

    def first_starts(self) -> dict[str, int]:
        """Start of the earliest quarter-hour of each point; from there on its slots are due."""
        first: dict[str, int] = {}
        for body, _ in self.intervals:
            if body.period == "15min":
                first[body.point] = min(body.start, first.get(body.point, body.start))
        return first


def interval_starts(batch: Batch) -> set[int]:
    """Starts of the intervals that may take effect."""
    bodies = (change.body for change in batch.changes)
    return {b.start for b in bodies if isinstance(b, IntervalBody) and FIRST_MS <= b.start < LAST_MS}


def sort_out(batch: Batch, owners: dict[str, str]) -> Effects:
    """Divide the changes of a batch. ``owners`` maps the points the site has described to their gateway, and grows by
    those this batch describes."""
    effects = Effects()
    for change in batch.changes:
        reason = _objection(change, batch.gateway, owners)
        if reason:
            effects.rejected.append(Rejected(seq=change.seq, reason=reason[:REASON_MAX]))
        else:
            _place(change, effects)
    return effects


def _place(change: ChangeRecord, effects: Effects) -> None:
    match change.body:
        case IntervalBody() as body:
            effects.intervals.append((body, change.revision))
        case EventBody() as body:
            effects.events.append((body, change.revision))
        case PointBody() as body:
            effects.points.append((body, change.revision))
        case SiteBody() as body:
            effects.sites.append((body, change.revision))
        case GapBody() as body:
            effects.gaps.append((change.key, body, change.revision))
        case StatementBody() as body:
            effects.statements.append((body, change.revision))


def _objection(change: ChangeRecord, gateway: str, owners: dict[str, str]) -> str | None:
    match change.body:
        case IntervalBody() as body:
            return _of_interval(body, gateway, owners)
        case PointBody() as body:
            return _of_point(body, gateway, owners)
        case SiteBody() as body:
            return _of_site(body)
        case EventBody() as body:
            return _of_event(body)
        case GapBody() as body:
            return _of_time("gap", body.start, body.end)
    return None


def _of_event(body: EventBody) -> str | None:
    if _is_deep(body.evidence):
        return f"the evidence is nested deeper than {DEPTH_MAX}"
    return _of_time("event", body.start, body.start if body.end is None else body.end)


def _is_deep(evidence: object) -> bool:
    """Whether writing it down could end in a RecursionError, which would hold its batch up for ever."""
    level = [evidence]
    for _ in range(DEPTH_MAX):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return True


def _of_time(what: str, start: int, end: int) -> str | None:
    if end < start:
        return f"the {what} ends before it starts"
    return None if end < LAST_MS else f"the {what} does not lie before 2100"


def _of_interval(body: IntervalBody, gateway: str, owners: dict[str, str]) -> str | None:
    owner = owners.get(body.point)
    if owner is None:
        return f"point {body.point} was never described"
    if owner != gateway:
        return f"point {body.point} belongs to gateway {owner}"
    if not FIRST_MS <= body.start < LAST_MS:
        return "the interval does not lie between 2000 and 2100"
    if body.end <= body.start:
        return "the interval does not end after it starts"
    if body.period == "15min" and (body.start % QUARTER_MS or body.end - body.start != QUARTER_MS):
        return "a 15min interval is one quarter-hour of UTC"
    return _of_figures(body)


def _of_figures(body: IntervalBody) -> str | None:
    for figure in (body.value, body.register_start, body.register_end, body.mean, body.low, body.high):
        if figure is not None and not abs(figure) <= FIGURE_MAX:
            return f"a figure is not a number up to {FIGURE_MAX:g}"
    # Only a counter has a value, and a correction of it is the whole new figure. Virtual points are never sent.
    if body.value is not None and body.value < 0:
        return "a counter's interval counts less than nothing"
    has_value = body.value is not None or body.mean is not None
    if has_value and body.content == "missing":
        return "a missing interval has a value"
    if not has_value and body.content != "missing":
        return f"an interval that is {body.content} has no value"
    return None


def _of_point(body: PointBody, gateway: str, owners: dict[str, str]) -> str | None:
    try:
        step = Decimal(body.step)
    except InvalidOperation:
        return f"step {body.step[:STEP_SHOWN_MAX]!r} is not a decimal number"
    if not step.is_finite() or not STEP_MIN <= step <= STEP_MAX:
        return f"step {body.step[:STEP_SHOWN_MAX]!r} is not a number from {STEP_MIN} to {STEP_MAX}"
    owner = owners.setdefault(body.point, gateway)
    return None if owner == gateway else f"point {body.point} belongs to gateway {owner}"


def _of_site(body: SiteBody) -> str | None:
    try:
        ZoneInfo(body.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f"time zone {body.timezone!r} is not known"
    if body.area_m2 and not COUNT_MIN <= body.area_m2 <= COUNT_MAX:
        return f"the area is not a number from {COUNT_MIN:g} to {COUNT_MAX:g}"
    allotted = [value for year in body.quota.values() for value in (year.electricity_kwh, year.water_m3)]
    if not all(value is None or COUNT_MIN <= value <= COUNT_MAX for value in allotted):
        return f"a quota is not a number from {COUNT_MIN:g} to {COUNT_MAX:g}"
    return None
