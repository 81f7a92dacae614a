"""Days and months of a renewed buffer, or of a point that was moved, begin in the middle: no sum may rest on them alone."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from district import school_reads
from district.accept import accept
from district.body import parse
from district.months import Month
from district.pages.month_reads import point_lines
from district.store import points
from district.store.database import Database
from district.usage import Use
from tests.district import campus
from tests.district.campus import METER, QUARTER, Body
from tests.district.test_accept import opened

ZONE = ZoneInfo("Asia/Shanghai")
FIRST, LAST = (int(datetime(2026, month, 1, tzinfo=ZONE).timestamp() * 1000) for month in (10, 11))
DAY = 86_400_000
NOW = LAST + 3 * DAY
SLOTS = range(FIRST, LAST, QUARTER)
RENEWED = FIRST + 12 * DAY + 45 * QUARTER
"""The first quarter-hour the new buffer knows."""


@pytest.fixture
def store(where: Any) -> Any:
    database = opened(where)
    yield database
    database.close()


def register(at: int) -> float:
    """A tenth of a kWh for each quarter-hour since the beginning."""
    return float(Decimal("0.1") * ((at - FIRST) // QUARTER) + 100)


def interval(period: str, start: int, end: int, since: int | None = None, content: str = "measured") -> Body:
    """As a gateway whose first quarter-hour began at ``since`` makes it."""
    known = max(start, since or start)
    share = (end - known) / (end - start)
    return {
        "kind": "interval", "point": METER, "period": period, "start": start, "end": end,
        "content": content if known == start else "estimated", "share": share,
        "value": float(Decimal(str(register(end))) - Decimal(str(register(known)))),
        "register_start": register(known), "register_end": register(end),
    }  # fmt: skip


def send(store: Database, bodies: list[Body], gateway: str, epoch: str) -> None:
    changes = [campus.change(seq, body) for seq, body in enumerate(bodies, 1)]
    receipt = accept(
        store, parse(campus.envelope(changes, 0, len(changes), gateway=gateway, epoch=epoch)), NOW
    )
    assert receipt.rejected == []


def days(start: int, end: int, since: int) -> list[Body]:
    return [interval("day", at, at + DAY, since) for at in range(start, end, DAY)]


def quarters(start: int, end: int, content: str = "measured") -> list[Body]:
    return [interval("15min", at, at + QUARTER, content=content) for at in range(start, end, QUARTER)]


def used(store: Database, month: Month) -> Use:
    with store.snapshot() as connection:
        (line,) = school_reads.lines(connection, NOW, month, "demo")
    return line.used["electricity"].month


def first_half(store: Database) -> None:
    told = [campus.site(), campus.point(METER)]
    send(store, [*told, *days(FIRST, FIRST + 12 * DAY, FIRST), *quarters(FIRST, RENEWED)], "gw-1", "e-1")


def second_half(store: Database, gateway: str, epoch: str, *, with_quarters: bool = True) -> None:
    """Its day and its month have figures, and begin in the middle."""
    bodies = [campus.site(), campus.point(METER), *days(FIRST + 12 * DAY, LAST, RENEWED)]
    bodies.append(interval("month", FIRST, LAST, RENEWED))
    send(store, bodies + (quarters(RENEWED, LAST) if with_quarters else []), gateway, epoch)


def test_f28_a_wiped_buffer_takes_nothing_from_the_month_that_it_began_in(store: Database) -> None:
    first_half(store)
    second_half(store, "gw-1", "e-2")
    found = used(store, Month(2026, 10))
    assert (found.value, found.missing, found.measured) == (297.6, 0.0, 1.0)
    with store.snapshot() as connection:
        (who,) = school_reads.everyone(connection, "demo")
        (line,) = point_lines(connection, who, Month(2026, 10), NOW)
    assert (line.figure, line.register_check) == (297.6, "agrees")


def test_a_point_that_was_moved_in_the_middle_of_a_month_keeps_its_sum(store: Database) -> None:
    first_half(store)
    with store.transaction() as connection:
        points.move(connection, "demo", METER, "gw-2", "li", NOW)
    second_half(store, "gw-2", "f-1")
    found = used(store, Month(2026, 10))
    assert (found.value, found.missing) == (297.6, 0.0)


def test_quarter_hours_that_are_lost_between_two_buffers_are_missing_and_not_covered_up(
    store: Database,
) -> None:
    told = [campus.site(), campus.point(METER)]
    send(store, [*told, *quarters(FIRST, RENEWED - 4 * QUARTER)], "gw-1", "e-1")
    second_half(store, "gw-1", "e-2")
    found = used(store, Month(2026, 10))
    assert found.value == pytest.approx(297.6 - 0.4)
    assert found.missing == pytest.approx(4 / len(SLOTS))


def test_while_the_parts_are_on_their_way_the_longer_interval_stands(store: Database) -> None:
    told = [campus.site(), campus.point(METER)]
    send(store, [*told, *quarters(FIRST, FIRST + 4 * QUARTER)], "gw-1", "e-1")
    second_half(store, "gw-1", "e-2", with_quarters=False)
    assert used(store, Month(2026, 10)).value == pytest.approx(register(LAST) - register(RENEWED) + 0.4)


def test_an_estimated_month_that_begins_where_its_quarter_hours_do_is_read_as_it_is(store: Database) -> None:
    """Its sum follows the registers, which quarter-hours of two buffers need not."""
    bodies = [campus.site(), campus.point(METER), *quarters(FIRST, LAST, "estimated")]
    month = interval("month", FIRST, LAST) | {"content": "estimated", "value": 297.7}
    send(store, [*bodies, month], "gw-1", "e-1")
    assert used(store, Month(2026, 10)).value == 297.7


def test_days_and_months_of_another_time_zone_are_no_days_and_months_of_this_one(store: Database) -> None:
    """A school that corrected its zone: the old months begin or end elsewhere and would be counted beside the new ones."""
    wrong = [
        interval("month", FIRST, LAST - 3_600_000) | {"value": 900.0},
        interval("day", FIRST, FIRST + DAY - 3_600_000) | {"value": 900.0},
    ]
    send(store, [campus.site(), campus.point(METER), *wrong, *quarters(FIRST, LAST)], "gw-1", "e-1")
    assert used(store, Month(2026, 10)).value == 297.6


def test_a_day_that_samoa_left_out_is_no_day(store: Database) -> None:
    """30 December 2011 was none there; its midnight is that of the 31st, whose day would be counted twice."""
    apia = ZoneInfo("Pacific/Apia")
    found = Month(2011, 12).days(apia)
    assert [day.date.day for day in found] == [*range(1, 30), 31]
    assert all(a.end == b.start for a, b in pairwise(found))
