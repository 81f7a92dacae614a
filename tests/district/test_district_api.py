"""The contract as a gateway meets it, over the real web application."""

from __future__ import annotations

import asyncio
import gzip
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx2
import pytest
import zstandard

from district.app import create_app
from district.body import COMPRESSED_BYTES_MAX
from district.contract import Problem, Receipt
from district.service import Service
from tests.district import campus
from tests.district.campus import METER, MIDNIGHT, NOW, QUARTER, SUB, WATER
from tests.district.conftest import SQLITE_ONLY, District

GOOD = campus.batch(campus.day_slots())


def problem(reply: httpx2.Response, status: int, error: str) -> Problem:
    assert reply.status_code == status, reply.text
    found = Problem.model_validate_json(reply.content)
    assert found.error == error
    return found


async def test_a_receipt_echoes_the_batch(district: District) -> None:
    reply = await district.post(GOOD)
    assert reply.headers["content-type"] == "application/json"
    receipt = Receipt.model_validate_json(reply.content)
    assert (receipt.site, receipt.gateway, receipt.epoch) == ("demo", "gw-1", "e-1")
    assert (receipt.from_seq, receipt.to_seq, receipt.count, receipt.rejected) == (0, 10, 10, [])


async def test_a_batch_by_zstd_is_as_good(district: District) -> None:
    raw = zstandard.compress(gzip.decompress(GOOD))
    assert (await district.post(raw, **{"content-encoding": "zstd"})).json()["received"] == [[0, 10]]
    assert (await district.post(GOOD)).json()["duplicate"] is True  # the digest is over what is inside


async def test_a_duplicate_has_no_second_effect(district: District) -> None:
    await district.post(GOOD)
    before = district.rows("SELECT * FROM interval ORDER BY start")
    assert (await district.post(GOOD)).json()["duplicate"] is True
    assert district.rows("SELECT * FROM interval ORDER BY start") == before


async def test_a_partly_covered_range_is_409_with_the_parts(district: District) -> None:
    await district.post(GOOD)
    reply = await district.post(campus.batch([campus.slot(METER, i) for i in range(8, 12)], 8))
    assert problem(reply, 409, "covered").covered == [(8, 10)]


async def test_one_bad_record_does_not_hold_back_the_rest(district: District) -> None:
    bodies = [*campus.day_slots(count=2), campus.slot("ghost.energy", 0), campus.slot(METER, 5, end=0)]
    receipt = (await district.post(campus.batch(bodies))).json()
    assert [record["seq"] for record in receipt["rejected"]] == [5, 6]
    assert district.count("interval") == 2
    assert district.rows("SELECT seq FROM rejected") == [(5,), (6,)]


@pytest.mark.parametrize(
    "key", ["wrong", "demo.gw-1.wrong", "demo.gw-1.0123abcd.x", "demo.gw-2.0123abcd.x", "..", "x" * 5000]
)
async def test_an_unknown_key_is_401(district: District, key: str) -> None:
    problem(await district.post(GOOD, key=key), 401, "unauthorized")
    assert district.count("interval") == 0


async def test_no_key_is_401(district: District) -> None:
    problem(await district.client.post("/v1/batches", content=GOOD), 401, "unauthorized")


async def test_a_gateway_writes_only_its_own_site(district: District) -> None:
    other = campus.enrolled(district.where, "other-school")
    problem(await district.post(GOOD, key=other), 403, "forbidden")
    problem(await district.post(campus.batch(campus.day_slots(), gateway="gw-2")), 403, "forbidden")
    assert district.count("interval") == 0


async def test_bad_bytes_have_one_problem_shape(district: District) -> None:
    problem(await district.post(gzip.compress(b"{")), 422, "invalid")
    problem(await district.post(b"not gzip"), 400, "damaged")
    problem(await district.post(campus.batch([campus.site()], sha256="0" * 64)), 400, "damaged")
    problem(await district.post(b"0" * (COMPRESSED_BYTES_MAX + 1)), 413, "too_large")
    problem(await district.post(b"0" * (5 * COMPRESSED_BYTES_MAX)), 413, "too_large")
    problem(await district.client.get("/v1/nothing"), 404, "not_found")
    problem(await district.client.get("/v1/batches"), 405, "invalid")
    problem(await district.client.get("/v1/sites/demo/totals?from=yesterday"), 422, "invalid")
    problem(await district.client.get("/v1/sites/nobody/totals"), 404, "not_found")


async def test_batches_sent_at_once_have_their_effect_once_each(district: District) -> None:
    await district.post(campus.batch(campus.day_slots(count=0)))
    parts = [campus.batch([campus.slot(METER, index)], 2 + index) for index in range(12)]
    replies = await asyncio.gather(*(district.post(part) for part in parts * 3))
    assert {reply.status_code for reply in replies} == {200}
    assert sum(not reply.json()["duplicate"] for reply in replies) == 12
    assert district.count("interval") == 12


async def test_totals_sum_quarters_and_show_the_outer_registers(district: District) -> None:
    tenth = [campus.slot(METER, index, 0.1) for index in range(30)]
    bodies = [*campus.day_slots(count=0), *tenth, campus.slot(METER, 30, None), campus.point("new.energy")]
    await district.post(campus.batch(bodies))
    span = f"from={MIDNIGHT}&to={MIDNIGHT + 31 * campus.QUARTER}"
    first, second = (await district.client.get(f"/v1/sites/demo/totals?{span}")).json()["points"]
    assert (first["point"], first["value"], first["unit"]) == (METER, 3.0, "kWh")
    assert (first["register_start"], first["register_end"]) == (100.0, 130.0)
    assert (first["slots_measured"], first["slots_estimated"], first["slots_missing"]) == (30, 0, 1)
    assert (second["point"], second["value"], second["slots_measured"]) == ("new.energy", None, 0)


async def test_a_slot_that_reaches_out_of_the_span_is_not_in_its_total(district: District) -> None:
    await district.post(GOOD)
    span = f"from={MIDNIGHT + 1}&to={MIDNIGHT + 3 * campus.QUARTER - 1}"
    (point,) = (await district.client.get(f"/v1/sites/demo/totals?{span}")).json()["points"]
    assert (point["value"], point["register_start"], point["register_end"]) == (1.0, 101.0, 102.0)


async def test_school_totals_leave_out_sub_meters_and_other_quantities(district: District) -> None:
    bodies = [
        campus.site(),
        campus.point(METER),
        campus.point(SUB, role="part"),
        campus.point(WATER, "water_volume", "m³"),
        *(
            campus.slot(name, index, value)
            for index in range(56)
            for name, value in ((METER, 2), (SUB, 1), (WATER, 0.5))
        ),
        campus.slot(METER, -96, 100, content="estimated"),
    ]
    await district.post(campus.batch(bodies))
    (school,) = (await district.client.get("/v1/sites")).json()
    today, month = school["electricity_today"], school["electricity_month"]
    assert (today["value"], today["unit"], today["is_estimated"]) == (112.0, "kWh", False)
    assert (month["value"], month["unit"], month["is_estimated"]) == (212.0, "kWh", True)
    assert (today["start"], today["end"], today["missing"]) == (MIDNIGHT, NOW - QUARTER, 0.0)
    assert school["water_today"]["value"] == 28.0


async def test_completeness_counts_what_is_due_and_not_what_came(district: District) -> None:
    # Ten minutes' grace: at 14:00 the slots up to 13:45 are due, 55 of them.
    bodies = [*campus.day_slots(count=40), *(campus.slot(METER, index, None) for index in range(40, 50))]
    await district.post(campus.batch(bodies))
    (school,) = (await district.client.get("/v1/sites")).json()
    assert (school["today"]["due"], school["today"]["measured"]) == (55, 40)
    assert (school["week"]["due"], school["week"]["measured"]) == (55, 40)


async def test_health_metrics_and_openapi_are_served(district: District) -> None:
    await district.post(GOOD)
    await district.post(GOOD)
    assert (await district.client.get("/healthz")).json() == {"status": "ok", "problems": [], "sites": 1}
    metrics = (await district.client.get("/metrics")).text
    assert 'district_batches_total{outcome="accepted"} 1.0' in metrics
    assert 'district_batches_total{outcome="duplicate"} 1.0' in metrics
    assert "district_changes_total 10.0" in metrics
    document = (await district.client.get("/v1/openapi.json")).json()
    assert "/v1/batches" in document["paths"]
    assert (await district.client.get("/docs")).status_code == 404


@SQLITE_ONLY
async def test_a_database_that_fails_is_503_and_the_batch_may_come_again(district: District) -> None:
    with closing(sqlite3.connect(district.where)) as other:
        other.execute(
            "CREATE TRIGGER broken BEFORE INSERT ON received BEGIN SELECT RAISE(ABORT, 'disk'); END"
        )
        reply = await district.post(GOOD)
        problem(reply, 503, "unavailable")
        assert reply.headers["retry-after"] == "5"
        assert "disk" not in reply.text
        other.execute("DROP TRIGGER broken")
    assert (await district.post(GOOD)).json()["duplicate"] is False


@SQLITE_ONLY
async def test_a_database_that_is_gone_fails_health(district: District) -> None:
    path = Path(district.where)
    path.rename(path.with_suffix(".gone"))
    reply = await district.client.get("/healthz")
    assert (reply.status_code, reply.json()["status"]) == (503, "fail")


async def test_without_pages_nothing_about_schools_is_served(service: Service, key: str) -> None:
    app = create_app(service, with_pages=False)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://d") as client:
        for path in (
            "/",
            "/schools/demo",
            "/v1/sites",
            "/v1/sites/demo/totals",
            "/metrics",
            "/static/district.css",
        ):
            assert (await client.get(path)).status_code == 404, path
        assert (await client.get("/healthz")).status_code == 200
        headers = campus.signed(key, GOOD)
        assert (await client.post("/v1/batches", content=GOOD, headers=headers)).status_code == 200
