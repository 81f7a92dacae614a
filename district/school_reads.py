"""Schools with their figures, for the pages and the reports: who they are, when they spoke, what they used. SQL only."""

from __future__ import annotations

import json
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from district.figures import Completeness, due_slots
from district.months import Month, month_of, of_year
from district.piece_reads import Span, cover, meters
from district.school_line import Consumption, Line, Who
from district.spans import QUARTER_MS, SETTLED_AFTER_MS
from district.store.database import Connection, Row
from district.usage import REPORTED, Commodity, Use, against_quota, use

WEEK_MS = 7 * 24 * 60 * 60 * 1000
DISTRICT_ZONE = ZoneInfo("Asia/Shanghai")
"""Where no school is meant: which month is the current one, when an export was made."""
NO_ALARM = "disinfection"
"""A run that goes on is an event and no alarm."""


def everyone(connection: Connection, only: str | None = None) -> list[Who]:
    """Every enrolled school by name, or the one asked for."""
    columns = "SELECT site_id, name, timezone, students, area_m2, school_kind, quota FROM site"
    if only is None:
        return [_who(row) for row in connection.rows(f"{columns} ORDER BY name, site_id")]
    return [_who(row) for row in connection.rows(f"{columns} WHERE site_id = ?", only)]


def _who(row: Row) -> Who:
    site, name, timezone, students, area_m2, kind, quota = row
    years = json.loads(quota) if quota else {}
    allotted = {
        (int(year), key): float(value)
        for year, found in years.items()
        for key, value in found.items()
        if value is not None
    }
    return Who(site, name, timezone, students, area_m2, kind, allotted)


def lines(
    connection: Connection, now_ms: int, month: Month | None = None, only: str | None = None
) -> list[Line]:
    """Each school in its own current month, or in the one given."""
    return [_line(connection, who, now_ms, month) for who in everyone(connection, only)]


def _line(connection: Connection, who: Who, now_ms: int, wanted: Month | None) -> Line:
    site, zone = who.site, who.zone
    month = wanted or month_of(now_ms, zone)
    due_to = settled(now_ms)
    firsts = first_starts(connection, site)
    midnight = _midnight(now_ms, zone)
    start, end = month.start(zone), min(month.end(zone), due_to)
    return Line(
        who=who,
        contact_at=_contact_at(connection, site),
        data_to=_data_to(connection, site),
        due_to=due_to,
        month=month,
        today=completeness(connection, site, firsts, midnight, due_to),
        week=completeness(connection, site, firsts, due_to - WEEK_MS, due_to),
        of_month=completeness(connection, site, firsts, start, end),
        alarms=_alarms(connection, site),
        used={
            name: consumption(connection, who, commodity, month, due_to)
            for name, commodity in REPORTED.items()
        },
    )


def settled(now_ms: int) -> int:
    """The end of the newest quarter-hour that should be here by now."""
    return (now_ms - SETTLED_AFTER_MS) // QUARTER_MS * QUARTER_MS


def consumption(
    connection: Connection, who: Who, commodity: Commodity, month: Month, due_to: int
) -> Consumption:
    """A month and its year to date of the school's meters of one commodity."""
    zone, found = who.zone, meters(connection, who.site, commodity)
    months = [one for one in of_year(month.year) if one <= month]
    pieces = cover(connection, who.site, found, Span(months, zone, due_to))
    end = max(min(month.end(zone), due_to), months[0].start(zone))
    of_year_ = use(found, pieces, commodity.unit, months[0].start(zone), end)
    start = month.start(zone)
    allotted = who.quota.get((month.year, commodity.quota))
    year_ms = Month(month.year, 12).end(zone) - months[0].start(zone)
    return Consumption(
        use(found, pieces, commodity.unit, start, max(start, end)),
        of_year_,
        against_quota(of_year_, allotted, year_ms),
    )


def used_today(connection: Connection, who: Who, commodity: Commodity, now_ms: int) -> Use:
    """The school's own day as far as it has come, from the same pieces as its month."""
    zone, found, due_to = who.zone, meters(connection, who.site, commodity), settled(now_ms)
    pieces = cover(connection, who.site, found, Span([month_of(now_ms, zone)], zone, due_to), by_month=False)
    midnight = _midnight(now_ms, zone)
    return use(found, pieces, commodity.unit, midnight, max(midnight, due_to))


def _midnight(now_ms: int, zone: ZoneInfo) -> int:
    """Where the local day began that ``now_ms`` lies in."""
    return max(day.start for day in month_of(now_ms, zone).days(zone) if day.start <= now_ms)


def first_starts(connection: Connection, site: str) -> list[int]:
    found = connection.rows("SELECT first_at FROM point WHERE site_id = ? AND first_at IS NOT NULL", site)
    return [at for (at,) in found]


def completeness(
    connection: Connection, site: str, firsts: Sequence[int], start: int, end: int
) -> Completeness:
    """完整率 of all points of a school inside [start, end)."""
    ((measured, estimated),) = connection.rows(
        "SELECT CAST(coalesce(sum(measured), 0) AS BIGINT), CAST(coalesce(sum(estimated), 0) AS BIGINT) FROM slot"
        " WHERE site_id = ? AND start >= ? AND start < ?",
        site,
        start,
        end,
    )
    return Completeness(due_slots(firsts, start, end), measured, estimated)


def _contact_at(connection: Connection, site: str) -> int | None:
    """When the gateway that has been silent longest was last heard; None while one never was."""
    ((gateways, heard, oldest),) = connection.rows(
        "SELECT count(*), count(contact_at), min(contact_at) FROM gateway WHERE site_id = ?", site
    )
    return oldest if gateways == heard else None


def _data_to(connection: Connection, site: str) -> int | None:
    """The end of the newest quarter-hour that has a figure."""
    found = connection.rows(
        "SELECT start FROM slot WHERE site_id = ? AND measured + estimated > 0 ORDER BY start DESC LIMIT 1",
        site,
    )
    return found[0][0] + QUARTER_MS if found else None


def _alarms(connection: Connection, site: str) -> dict[int, int]:
    return dict(
        connection.rows(
            "SELECT level, count(*) FROM event WHERE site_id = ? AND state = 'open' AND event_kind <> ? GROUP BY level",
            site,
            NO_ALARM,
        )
    )
