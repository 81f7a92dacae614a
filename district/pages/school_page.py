"""Everything a school's month page shows, read from one snapshot."""

from __future__ import annotations

from dataclasses import dataclass

from district import reads, school_reads
from district.figures import GatewayRow, Incident
from district.months import Month
from district.pages import month_reads, statement_reads
from district.pages.month_page import (
    CodeTotal,
    DayLine,
    EventLine,
    GapLine,
    Items,
    PointLine,
    StatementDay,
    by_code,
    items_of,
)
from district.school_line import Line
from district.store import incidents
from district.store.database import Connection


@dataclass(frozen=True, slots=True)
class SchoolPage:
    line: Line
    days: list[tuple[DayLine, StatementDay]]
    points: list[PointLine]
    codes: list[CodeTotal]
    items: Items
    gaps: list[GapLine]
    events: list[EventLine]
    gateways: list[GatewayRow]
    incidents: list[Incident]

    @property
    def is_begun(self) -> bool:
        """Whether a point was ever described."""
        return bool(self.points)

    @property
    def points_sent(self) -> int:
        """Of how many points quarter-hours come; what a statement counts beyond them was never meant for here."""
        return sum(point.is_sent for point in self.points)


def school_page(connection: Connection, site: str, month: Month | None, now_ms: int) -> SchoolPage | None:
    """None for a school that is not enrolled. ``month`` None is the school's current one."""
    found = school_reads.lines(connection, now_ms, month, site)
    if not found:
        return None
    (line,) = found
    zone = line.who.zone
    days = line.month.days(zone)
    start, end = days[0].start, days[-1].end
    points = month_reads.point_lines(connection, line.who, line.month, line.due_to)
    return SchoolPage(
        line=line,
        days=list(
            zip(
                month_reads.day_lines(connection, site, days, line.due_to),
                statement_reads.statement_days(connection, line.who, days, now_ms),
                strict=True,
            )
        ),
        points=points,
        codes=by_code(points),
        items=items_of(points),
        gaps=month_reads.gaps(connection, site, start, end),
        events=month_reads.events(connection, site, start, end),
        gateways=reads.gateways(connection, site),
        incidents=incidents.of_site(connection, site),
    )
