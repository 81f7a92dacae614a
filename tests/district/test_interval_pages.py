"""Queries by API: whole, once each, in order, whatever the page; days are the school's own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.district import campus
from tests.district.campus import METER, MIDNIGHT, QUARTER, SUB
from tests.district.conftest import District
from tests.district.test_district_api import problem

DAY_MS = 24 * 3_600_000
URL = "/v1/sites/demo/intervals"


async def fill(district: District) -> None:
    bodies = [campus.site(), campus.point(METER), campus.point(SUB, role="part")]
    bodies += [
        campus.slot(name, index, float(abs(index))) for index in range(-4, 100) for name in (SUB, METER)
    ]
    bodies += [campus.slot(METER, 100, None)]
    assert (await district.post(campus.batch(bodies))).json()["rejected"] == []


async def ask(district: District, **query: Any) -> dict[str, Any]:
    reply = await district.client.get(URL, params=query)
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


@pytest.mark.parametrize("limit", [1, 7, 209, 210, 1000])
async def test_pages_put_together_are_the_whole_in_order(district: District, limit: int) -> None:
    await fill(district)
    whole = (await ask(district))["intervals"]
    assert len(whole) == 209
    assert [(row["start"], row["point"]) for row in whole] == sorted((r["start"], r["point"]) for r in whole)
    found: list[Any] = []
    after: dict[str, str] = {}
    for _ in range(1 + 209 // limit):
        page = await ask(district, limit=limit, **after)
        found += page["intervals"]
        assert len(page["intervals"]) <= limit
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert page["next"] is None
    assert found == whole


async def test_what_comes_in_between_does_not_move_the_pages(district: District) -> None:
    await fill(district)
    first = await ask(district, point=METER, limit=10)
    await district.post(campus.batch([campus.slot(METER, index) for index in range(-9, -4)], 212))
    second = await ask(district, point=METER, limit=10, after=first["next"])
    starts = [row["start"] for row in first["intervals"] + second["intervals"]]
    assert starts == [MIDNIGHT + index * QUARTER for index in range(-4, 16)]


async def test_a_missing_slot_is_null_and_not_zero(district: District) -> None:
    await fill(district)
    (row,) = (await ask(district, **{"from": MIDNIGHT + 100 * QUARTER}))["intervals"]
    assert (row["content"], row["value"], row["register_end"]) == ("missing", None, None)


async def test_a_day_is_the_schools_own(district: District) -> None:
    await fill(district)
    page = await ask(district, point=METER, first_day="2026-11-22", last_day="2026-11-22")
    assert (page["start"], page["end"], page["timezone"]) == (MIDNIGHT, MIDNIGHT + DAY_MS, "Asia/Shanghai")
    assert [row["value"] for row in page["intervals"]] == [float(index) for index in range(96)]


async def test_a_day_of_23_hours_is_23_hours(district: District) -> None:
    await district.post(campus.batch([campus.site(timezone="Europe/Berlin")]))
    page = await ask(district, first_day="2026-03-29", last_day="2026-03-29")
    assert page["end"] - page["start"] == 23 * 3_600_000
    assert (await ask(district, last_day="2026-03-29"))["start"] == 0


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0}, {"limit": 1001}, {"limit": "x"}, {"period": "week"}, {"from": -1}, {"after": "nonsense"},
        {"after": "12:a\0b"}, {"first_day": "2026-02-30"}, {"first_day": "yesterday"},
        {"first_day": "2026-11-22", "from": 5}, {"point": "x" * 101}, {"last_day": "9999-12-31"},
    ],
)  # fmt: skip
async def test_a_question_that_makes_no_sense_is_invalid(district: District, query: dict[str, Any]) -> None:
    problem(await district.client.get(URL, params=query), 422, "invalid")


async def test_a_school_nobody_enrolled_is_not_found(district: District) -> None:
    problem(await district.client.get("/v1/sites/nobody/intervals"), 404, "not_found")
