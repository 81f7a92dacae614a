"""Exactly one effect, shown on the real accept and a real database."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from district import reads
from district.accept import accept
from district.body import parse
from district.contract import Fault
from district.records import Batch
from district.refusal import DistrictError, Refusal
from district.store import gateways, points, sqlite_schema
from district.store.database import Database, DatabaseTrouble, Row, open_database
from tests.district import campus
from tests.district.campus import METER, MIDNIGHT, NOW


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "district.db"


def opened(where: Path | str) -> Database:
    database = open_database(where)
    with database.transaction() as connection:
        for gateway in ("gw-1", "gw-2"):
            gateways.register(connection, "demo", gateway, "demo", NOW)
    return database


def rows(database: Database, sql: str) -> list[Row]:
    with database.snapshot() as connection:
        return connection.rows(sql)


def batch(changes: list[dict[str, Any]], low: int, high: int, **more: Any) -> Batch:
    return parse(campus.envelope(changes, low, high, **more))


def numbered(bodies: list[dict[str, Any]], after: int = 0, revision: int = 1) -> list[dict[str, Any]]:
    return [campus.change(after + index, body, revision) for index, body in enumerate(bodies, 1)]


def intervals(store: Database) -> list[Row]:
    return rows(store, "SELECT start, point, value, revision FROM interval ORDER BY 1, 2")


def test_f24_a_second_copy_gets_the_same_receipt_and_has_no_effect(where: Path | str) -> None:
    sent = batch(numbered([*campus.day_slots(count=3), campus.slot("nobody.described", 0)]), 0, 6)
    with closing(opened(where)) as store:
        first = accept(store, sent, NOW)
        assert first.received == [(0, 6)]
        before = intervals(store)
        second = accept(store, sent, NOW + 1)
        assert (first.duplicate, second.duplicate) == (False, True)
        assert first.model_dump(exclude={"duplicate"}) == second.model_dump(exclude={"duplicate"})
        assert [r.seq for r in second.rejected] == [6]
        assert intervals(store) == before


def test_a_part_inside_a_received_range_is_covered_too(where: Path | str) -> None:
    changes = numbered(campus.day_slots())
    with closing(opened(where)) as store:
        accept(store, batch(changes, 0, 10), NOW)
        receipt = accept(store, batch(changes[2:5], 2, 5), NOW)
        assert (receipt.duplicate, receipt.count) == (True, 3)


def test_a_range_received_in_part_is_refused_and_the_part_is_named(where: Path | str) -> None:
    changes = numbered(campus.day_slots())
    with closing(opened(where)) as store:
        accept(store, batch(changes[:4], 0, 4), NOW)
        accept(store, batch(changes[6:8], 6, 8), NOW)
        before = intervals(store)
        with pytest.raises(Refusal) as caught:
            accept(store, batch(changes[2:], 2, 10), NOW)
        assert caught.value.problem.error is Fault.COVERED
        assert caught.value.problem.covered == [(2, 4), (6, 8)]
        assert intervals(store) == before


def test_neighbouring_ranges_are_kept_as_one(where: Path | str) -> None:
    changes = numbered(campus.day_slots())
    with closing(opened(where)) as store:
        for low, high in ((0, 2), (6, 10), (2, 6)):
            accept(store, batch(changes[low:high], low, high), NOW)
        assert rows(store, "SELECT from_seq, to_seq FROM received") == [(0, 10)]


def test_the_higher_revision_wins_whatever_comes_first(where: Path | str) -> None:
    with closing(opened(where)) as store:
        accept(store, batch(numbered(campus.day_slots(count=0)), 0, 2), NOW)
        accept(store, batch([campus.change(9, campus.slot(METER, 0, 7.0), 3)], 8, 9), NOW)
        accept(store, batch([campus.change(5, campus.slot(METER, 0, 5.0), 2)], 4, 5), NOW)
        assert intervals(store) == [(MIDNIGHT, METER, 7.0, 3)]


def test_a_batch_that_cannot_be_finished_leaves_nothing_behind(path: Path) -> None:
    with closing(opened(path)) as store:
        with store.transaction() as connection:
            connection.run(
                "CREATE TRIGGER broken BEFORE INSERT ON received BEGIN SELECT RAISE(ABORT, 'x'); END"
            )
        with pytest.raises(DatabaseTrouble, match="x"):
            accept(store, batch(numbered(campus.day_slots()), 0, 10), NOW)
        assert intervals(store) == []
        with store.snapshot() as connection:
            assert points.of_site(connection, "demo") == {}


def test_slots_are_counted_by_content_through_revisions(where: Path | str) -> None:
    missing = campus.slot(METER, 0, None)
    with closing(opened(where)) as store:
        accept(store, batch(numbered([campus.site(), campus.point(METER), missing]), 0, 3), NOW)
        late = campus.slot(METER, 0, 4.0, content="estimated")
        accept(store, batch([campus.change(4, late, 2)], 3, 4), NOW)
        assert rows(store, "SELECT * FROM slot") == [("demo", MIDNIGHT, 0, 1, 0)]


def test_every_table_and_unique_key_carries_the_site(path: Path) -> None:
    with closing(sqlite_schema.open_for_writing(path)) as connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
            assert "site_id" in {name for _, name, _, _, _, key in columns if key}, table
        for name, sql in connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index'"
        ).fetchall():
            assert sql is None or "site_id" in sql, name


def test_a_database_of_a_newer_version_is_left_alone(path: Path) -> None:
    with closing(sqlite_schema.open_for_writing(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(DistrictError, match="newer version"):
        sqlite_schema.open_for_writing(path)


def test_a_reader_cannot_write_and_cannot_run_for_ever(path: Path) -> None:
    sqlite_schema.open_for_writing(path).close()
    with closing(sqlite_schema.open_for_reading(path)) as connection:
        with pytest.raises(Exception, match="readonly"):
            connection.execute("DELETE FROM site")
        with pytest.raises(Exception, match="interrupted"):
            connection.execute(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
            ).fetchone()


FEED = numbered(campus.day_slots(count=22))
"""Twenty-four changes: the site, a meter, and 22 quarter-hours of 1 kWh."""

cuts = st.lists(st.integers(1, 23), max_size=8, unique=True).map(lambda found: [0, *sorted(found), 24])


@settings(max_examples=60, deadline=None)
@given(edges=cuts, data=st.data())
def test_p6_effects_equal_the_unique_changes_under_any_retries(
    fresh: Callable[[], Path | str], edges: list[int], data: st.DataObject
) -> None:
    """A feed cut anywhere; the batch with the description first, then the rest in any order, each any number of times,
    also as halves and as stretches that reach over what was received."""
    stretches = list(pairwise(edges))
    rest = data.draw(st.permutations(stretches[1:]))
    again = data.draw(
        st.lists(st.tuples(st.integers(0, 23), st.integers(1, 24)).filter(lambda r: r[0] < r[1]), max_size=12)
    )
    if stretches[0][1] < 2:  # the meter is described in the second change
        rest.remove(stretches[1])
        rest.insert(0, stretches[1])
    sent = [stretches[0]]
    for stretch in rest:
        sent += [sent[-1], stretch]
    with closing(opened(fresh())) as store:
        for low, high in [*sent, *again, *sent]:
            if low >= high:
                continue
            accept(store, batch(FEED[low:high], low, high), NOW)
        assert len(intervals(store)) == 22
        assert rows(store, "SELECT from_seq, to_seq FROM received") == [(0, 24)]
        with store.snapshot() as connection:
            (total,) = reads.totals(connection, "demo", MIDNIGHT, NOW)
        assert (total.value, total.slots_measured) == (22.0, 22)
