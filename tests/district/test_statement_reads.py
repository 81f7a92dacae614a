"""零报告 when points change hands: who owes a day's statement is who had points at its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from district import school_reads
from district.accept import accept
from district.months import Month
from district.pages.statement_reads import statement_days
from district.store import points
from district.store.database import Database
from tests.district import campus
from tests.district.campus import METER, MIDNIGHT, NOW, WATER
from tests.district.test_accept import batch, numbered, opened

DAY = 86_400_000


@pytest.fixture
def store(where: Any) -> Iterator[Database]:
    with closing(opened(where)) as database:
        yield database


def owed(store: Database) -> dict[int, tuple[str, ...]]:
    """By day of November, as far as somebody owes one."""
    with store.snapshot() as connection:
        (who,) = school_reads.everyone(connection, "demo")
        found = statement_days(connection, who, Month(2026, 11).days(who.zone), NOW)
    return {day.date.day: day.owed for day in found if day.owed}


def begun(store: Database, days_before: int) -> None:
    """gw-1 has two meters since then."""
    slots = [campus.slot(name, -96 * days_before) for name in (METER, WATER)]
    told = [campus.site(), campus.point(METER), campus.point(WATER, "water_volume", "m³"), *slots]
    assert accept(store, batch(numbered(told), 0, 5), NOW).rejected == []


def moved(store: Database, point: str, gateway: str, at: int) -> None:
    with store.transaction() as connection:
        points.move(connection, "demo", point, gateway, "li", at)


def test_a_gateway_that_got_a_point_owes_nothing_of_the_days_before(store: Database) -> None:
    begun(store, 4)
    moved(store, METER, "gw-2", MIDNIGHT - 2 * DAY + 1)
    assert owed(store) == {18: ("gw-1",), 19: ("gw-1",), 20: ("gw-1", "gw-2"), 21: ("gw-1", "gw-2")}


def test_a_gateway_that_gave_its_last_point_away_owes_nothing_afterwards(store: Database) -> None:
    begun(store, 3)
    for name in (METER, WATER):
        moved(store, name, "gw-2", MIDNIGHT - DAY + 1)
    assert owed(store) == {19: ("gw-1",), 20: ("gw-1",), 21: ("gw-2",)}


def test_a_point_that_went_and_came_back_is_owed_for_by_each_in_its_time(store: Database) -> None:
    begun(store, 3)
    for name in (METER, WATER):
        moved(store, name, "gw-2", MIDNIGHT - 2 * DAY + 1)
        moved(store, name, "gw-1", MIDNIGHT - DAY + 2)
    assert owed(store) == {19: ("gw-1",), 20: ("gw-2",), 21: ("gw-1",)}
