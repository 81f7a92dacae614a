"""What only PostgreSQL has: several processes on one database, months apart, a server that goes and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx2
import psycopg
import pytest

from district.accept import accept
from district.refusal import DistrictError
from district.store import gateways
from district.store.database import Database, Row, open_database
from district.store.postgres_schema import TABLES, VERSION
from tests.district import campus
from tests.district.campus import METER, NOW, QUARTER
from tests.district.conftest import District
from tests.district.postgresql import Server
from tests.district.test_accept import batch, numbered
from tests.district.test_district_serve import running

pytestmark = pytest.mark.real("postgresql")
POSTGRESQL_ONLY = pytest.mark.parametrize("fresh", ["postgresql"], indirect=True)
YEAR_MS = 365 * 24 * 60 * 60 * 1000


@pytest.fixture
def url(postgresql: Server) -> str:
    return postgresql.new_database()


@pytest.fixture
def store(url: str) -> Iterator[Database]:
    with closing(open_database(url)) as database:
        with database.transaction() as connection:
            for gateway in ("gw-1", "gw-2"):
                gateways.register(connection, "demo", gateway, "demo", NOW)
        yield database


def rows(store: Database, sql: str) -> list[Row]:
    with store.snapshot() as connection:
        return connection.rows(sql)


def test_each_month_has_its_table(store: Database) -> None:
    starts = [NOW - YEAR_MS, NOW - QUARTER, NOW, NOW + 10 * 24 * 3_600_000]
    bodies = [campus.slot(METER, 0) | {"start": at, "end": at + QUARTER} for at in starts]
    accept(store, batch(numbered([campus.site(), campus.point(METER), *bodies]), 0, 6), NOW)
    found = rows(store, "SELECT tableoid::regclass::text, count(*) FROM interval GROUP BY 1 ORDER BY 1")
    assert found == [("interval_2025_11", 1), ("interval_2026_11", 2), ("interval_2026_12", 1)]


def test_a_month_that_two_processes_make_at_once_is_made_once(url: str, store: Database) -> None:
    months = [NOW + n * 31 * 24 * 3_600_000 for n in range(24)]
    with closing(open_database(url)) as other, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda one: one.make_room(months), [store, other, store, other]))
    assert len(rows(store, "SELECT inhrelid FROM pg_inherits WHERE inhparent = 'interval'::regclass")) == 24


def test_a_reader_cannot_write_and_sees_one_state(store: Database) -> None:
    with store.snapshot() as reader:
        assert reader.rows("SELECT count(*) FROM point") == [(0,)]
        accept(store, batch(numbered(campus.day_slots()), 0, 10), NOW)
        assert reader.rows("SELECT count(*) FROM point") == [(0,)]
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            reader.run("DELETE FROM point WHERE site_id = 'demo'")


def test_a_database_of_a_newer_version_is_left_alone(url: str, store: Database) -> None:
    with store.transaction() as connection:
        connection.run(f"UPDATE schema_version SET version = {VERSION + 1}")
    with closing(open_database(url)) as other, pytest.raises(DistrictError, match="newer version"):
        other.make_room([NOW])


def test_a_database_of_version_1_keeps_its_schools_and_learns_their_kind(url: str) -> None:
    with psycopg.connect(url) as connection:
        for statement in TABLES:
            connection.execute(statement)
        connection.execute("INSERT INTO schema_version VALUES (1)")
        connection.execute("INSERT INTO site VALUES ('demo', '示例中学', 'Asia/Shanghai', 7, 9.5, 3)")
    with closing(open_database(url)) as store:
        assert rows(store, "SELECT site_id, students, school_kind, quota, revision FROM site") == [
            ("demo", 7, None, None, 3)
        ]
        assert rows(store, "SELECT version FROM schema_version") == [(VERSION,)]


def test_a_server_that_is_not_there_is_named_and_the_option_too() -> None:
    database = open_database("postgresql:///nowhere?host=/nonexistent&user=x")
    with pytest.raises(DistrictError, match=r"cannot open the PostgreSQL database: .*; check --database"):
        database.make_room([NOW])


def test_two_processes_give_the_same_batches_one_effect(url: str) -> None:
    """Two real districts on one database; every batch is sent to both, twice, at once, by four senders."""
    key = campus.enrolled(url)
    parts = [campus.batch(campus.day_slots(count=0))]
    parts += [campus.batch([campus.slot(METER, i) for i in range(n, n + 4)], 2 + n) for n in range(0, 40, 4)]

    def post(one: tuple[str, bytes]) -> tuple[int, bool]:
        address, raw = one
        reply = httpx2.post(
            f"{address}/v1/batches", content=raw, headers=campus.signed(key, raw), trust_env=False, timeout=60
        )
        return reply.status_code, reply.status_code == 200 and not reply.json()["duplicate"]

    with running(url) as (_, first), running(url) as (_, second), ThreadPoolExecutor(4) as senders:
        answers = [post((first, parts[0]))]
        sent = [(address, part) for part in parts for address in (first, second, second, first)]
        answers += senders.map(post, sent)
    assert {status for status, _ in answers} == {200}
    assert sum(had_effect for _, had_effect in answers) == len(parts)
    with closing(open_database(url)) as store:
        assert rows(store, "SELECT count(*), sum(value) FROM interval") == [(40, 40.0)]
        assert rows(store, "SELECT CAST(sum(measured) AS BIGINT), count(*) FROM slot") == [(40, 40)]
        assert rows(store, "SELECT from_seq, to_seq FROM received") == [(0, 42)]


def test_two_gateways_that_describe_one_point_at_once_leave_it_one_owner(url: str, store: Database) -> None:
    with closing(open_database(url)) as other, ThreadPoolExecutor(2) as pool:
        for n in range(10):
            described = numbered([campus.point(f"p{n}.x"), campus.slot(f"p{n}.x", 0)], after=2 * n)
            taken = pool.map(
                lambda pair, low=2 * n, changes=described: accept(
                    pair[0], batch(changes, low, low + 2, gateway=pair[1]), NOW
                ),
                [(store, "gw-1"), (other, "gw-2")],
            )
            assert sorted(len(receipt.rejected) for receipt in taken) == [0, 2]
    assert rows(store, "SELECT count(*) FROM interval") == [(10,)]


def test_gateways_of_one_site_write_the_same_quarter_hours_without_a_deadlock(
    url: str, store: Database
) -> None:
    def feed(gateway: str) -> None:
        with closing(open_database(url)) as own:
            accept(own, batch(numbered([campus.point(f"{gateway}.x")]), 0, 1, gateway=gateway), NOW)
            order = range(12) if gateway == "gw-1" else range(11, -1, -1)
            for n in range(10):
                slots = [campus.slot(f"{gateway}.x", i, 1.0 + n) for i in order]
                low = 1 + 12 * n
                changes = numbered(slots, after=low, revision=n + 1)
                accept(own, batch(changes, low, low + 12, gateway=gateway), NOW)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(feed, ("gw-1", "gw-2")))
    assert rows(store, "SELECT measured, count(*) FROM slot GROUP BY measured") == [(2, 12)]
    assert rows(store, "SELECT revision, count(*) FROM interval GROUP BY revision") == [(10, 24)]


@POSTGRESQL_ONLY
async def test_a_server_that_goes_away_loses_and_doubles_nothing(
    district: District, postgresql: Server
) -> None:
    first, second = (
        campus.batch(campus.day_slots(count=4)),
        campus.batch([campus.slot(METER, i) for i in range(4, 8)], 6),
    )
    assert (await district.post(first)).status_code == 200
    await asyncio.to_thread(postgresql.stop)
    try:
        gone = await district.post(second)
        assert (gone.status_code, gone.json()["error"]) == (503, "unavailable")
        assert (await district.client.get("/healthz")).status_code == 503
    finally:
        await asyncio.to_thread(postgresql.start)
    again = [await district.post(raw) for raw in (second, first, second)]
    assert [reply.json()["duplicate"] for reply in again] == [False, True, True]
    assert district.rows("SELECT count(*) FROM interval") == [(8,)]
