"""Who speaks: closed epochs, copied cards, restored districts, points that move."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from district.accept import DAY_MS, accept
from district.contract import RECEIVED_MAX, Fault, Receipt
from district.figures import Incident
from district.records import Batch
from district.refusal import DistrictError, Refusal
from district.store import gateways, incidents, points, received
from district.store.database import Database, Row, open_database
from tests.district import campus
from tests.district.campus import METER, NOW
from tests.district.test_accept import batch, numbered

CHANGES = numbered(campus.day_slots())


@pytest.fixture
def store(where: Any) -> Iterator[Database]:
    with closing(open_database(where)) as database:
        with database.transaction() as connection:
            for gateway in ("gw-1", "gw-2"):
                gateways.register(connection, "demo", gateway, "demo", NOW)
        yield database


def rows(store: Database, sql: str) -> list[Row]:
    with store.snapshot() as connection:
        return connection.rows(sql)


def found(store: Database) -> list[Incident]:
    with store.snapshot() as connection:
        return incidents.of_site(connection, "demo")


def refused(store: Database, sent: Batch, at: int = NOW) -> Fault:
    with pytest.raises(Refusal) as caught:
        accept(store, sent, at)
    assert caught.value.status == 409
    return caught.value.problem.error


def test_a_receipt_says_what_is_held_merged_and_lowest_first(store: Database) -> None:
    held = [
        accept(store, batch(CHANGES[a:b], a, b), NOW).received for a, b in ((6, 8), (0, 2), (2, 4), (6, 8))
    ]
    assert held == [[(6, 8)], [(0, 2), (6, 8)], [(0, 4), (6, 8)], [(0, 4), (6, 8)]]


def test_a_receipt_says_no_more_ranges_than_the_contract_allows(store: Database) -> None:
    with store.transaction() as connection:
        received.begin_epoch(connection, batch([], 0, 1), NOW)
        rows = [("demo", "gw-1", "e-1", 10 * n, 10 * n + 1) for n in range(1, RECEIVED_MAX + 5)]
        connection.run_many("INSERT INTO received VALUES (?, ?, ?, ?, ?)", rows)
    receipt = accept(store, batch(CHANGES[:1], 0, 1), NOW)
    assert len(receipt.received) == RECEIVED_MAX
    assert receipt.received[:2] == [(0, 1), (10, 11)]
    Receipt.model_validate_json(receipt.model_dump_json())


def test_a_new_epoch_closes_the_one_before_for_good(store: Database) -> None:
    accept(store, batch(CHANGES[:4], 0, 4), NOW)
    renewed = accept(store, batch(CHANGES, 0, 10, epoch="e-2"), NOW + 1)
    assert renewed.received == [(0, 10)]  # each epoch numbers its own changes
    for late in (batch(CHANGES[4:], 4, 10), batch(CHANGES[:4], 0, 4)):
        assert refused(store, late, NOW + 2) is Fault.FENCED
    (incident,) = found(store)
    assert (incident.kind, incident.epoch, incident.count) == ("fenced", "e-1", 2)
    assert (incident.first_at, incident.last_at) == (NOW + 2, NOW + 2)
    assert accept(store, batch([campus.change(11, campus.slot(METER, 9))], 10, 11, epoch="e-2"), NOW).received


def test_an_epoch_of_another_gateway_closes_nothing(store: Database) -> None:
    accept(store, batch(CHANGES[:4], 0, 4), NOW)
    accept(store, batch(numbered([campus.point("b.energy")]), 0, 1, gateway="gw-2", epoch="f-1"), NOW)
    assert not accept(store, batch(CHANGES[4:], 4, 10), NOW).duplicate
    assert found(store) == []


def test_a_closed_epoch_that_speaks_is_no_sign_of_life(store: Database) -> None:
    accept(store, batch(CHANGES[:4], 0, 4), NOW)
    accept(store, batch(CHANGES, 0, 10, epoch="e-2"), NOW + 1)
    refused(store, batch(CHANGES[4:], 4, 10), NOW + 9)
    assert rows(store, "SELECT contact_at, epoch FROM gateway WHERE gateway_id = 'gw-1'") == [
        (NOW + 1, "e-2")
    ]


def test_f28_the_same_bounds_with_other_content_are_another_machine(store: Database) -> None:
    accept(store, batch(CHANGES, 0, 10), NOW)
    before = rows(store, "SELECT start, value FROM interval ORDER BY start")
    other = numbered([*campus.day_slots(count=7), campus.slot(METER, 7, 999.0)], revision=9)
    assert refused(store, batch(other, 0, 10), NOW + 5) is Fault.CLONED
    assert rows(store, "SELECT start, value FROM interval ORDER BY start") == before
    (incident,) = found(store)
    assert (incident.kind, incident.count, incident.gateway) == ("cloned", 1, "gw-1")
    assert accept(store, batch(CHANGES, 0, 10), NOW + 6).duplicate  # the first machine goes on


@pytest.mark.parametrize(("days", "is_known"), [(89, True), (91, False)])
def test_digests_are_kept_for_90_days(store: Database, days: int, is_known: bool) -> None:
    accept(store, batch(CHANGES[:4], 0, 4), NOW)
    accept(store, batch(CHANGES[4:], 4, 10), NOW + days * DAY_MS)
    kept = rows(store, "SELECT from_seq FROM batch ORDER BY from_seq")
    assert kept == ([(0,), (4,)] if is_known else [(4,)])


def test_f27_a_restored_district_shows_less_and_takes_the_rest_again(where: Any, store: Database) -> None:
    accept(store, batch(CHANGES[:4], 0, 4), NOW)
    accept(store, batch(CHANGES[4:], 4, 10), NOW)
    with store.transaction() as connection:  # as the backup of before the second batch has it
        connection.run("UPDATE received SET to_seq = 4 WHERE site_id = 'demo'")
        connection.run("DELETE FROM batch WHERE site_id = 'demo' AND from_seq = 4")
        connection.run("DELETE FROM interval WHERE site_id = 'demo' AND value IS NOT NULL")
    assert accept(store, batch(CHANGES[:4], 0, 4), NOW).received == [(0, 4)]
    again = accept(store, batch(CHANGES[4:], 4, 10), NOW)
    assert (again.duplicate, again.received) == (False, [(0, 10)])


def test_a_moved_point_takes_the_new_gateways_records_and_refuses_the_olds(store: Database) -> None:
    accept(store, batch(CHANGES, 0, 10), NOW)
    with store.transaction() as connection:
        assert points.move(connection, "demo", METER, "gw-2", "li", NOW + 1) == "gw-1"
    old = accept(store, batch([campus.change(11, campus.slot(METER, 20))], 10, 11), NOW + 2)
    assert [one.reason for one in old.rejected] == [f"point {METER} belongs to gateway gw-2"]
    moved = [campus.point(METER, label_zh="新网关上的总表"), campus.slot(METER, 20, 3.0)]
    new = accept(store, batch(numbered(moved), 0, 2, gateway="gw-2", epoch="f-1"), NOW + 2)
    assert new.rejected == []
    assert rows(store, "SELECT gateway_id, label_zh FROM point") == [("gw-2", "新网关上的总表")]
    assert rows(store, "SELECT count(*) FROM interval") == [(9,)]  # what both sent stays
    assert rows(store, "SELECT * FROM point_move") == [("demo", METER, NOW + 1, "li", "gw-1", "gw-2")]


@pytest.mark.parametrize(
    ("point", "gateway", "said"),
    [("no.point", "gw-2", "has no point"), (METER, "gw-9", "no gateway gw-9"), (METER, "gw-1", "already")],
)
def test_a_move_that_makes_no_sense_changes_nothing(
    store: Database, point: str, gateway: str, said: str
) -> None:
    accept(store, batch(CHANGES, 0, 10), NOW)
    with pytest.raises(DistrictError, match=said), store.transaction() as connection:
        points.move(connection, "demo", point, gateway, "li", NOW)
    assert rows(store, "SELECT gateway_id FROM point") == [("gw-1",)]
    assert rows(store, "SELECT count(*) FROM point_move") == [(0,)]


def test_a_gateway_that_is_not_enrolled_has_no_effect(store: Database) -> None:
    with pytest.raises(Refusal, match="not enrolled"):
        accept(store, batch(CHANGES, 0, 10, gateway="gw-9"), NOW)
    assert rows(store, "SELECT count(*) FROM epoch") == [(0,)]


def test_what_a_renewed_buffer_says_of_school_and_points_counts_though_it_numbers_from_one(
    store: Database,
) -> None:
    told = [campus.site(students=900), campus.point(METER)]
    for revision in (1, 2, 3):
        seq = 2 * revision
        accept(store, batch(numbered(told, seq - 2, revision), seq - 2, seq), NOW)
    fresh = [campus.site(students=1000), campus.point(METER, role="part")]
    accept(store, batch(numbered(fresh), 0, 2, epoch="e-2"), NOW + 1)
    assert rows(store, "SELECT students, revision FROM site") == [(1000, 1)]
    assert rows(store, "SELECT role, revision FROM point") == [("part", 1)]
    accept(store, batch(numbered(told[:1], 2), 2, 3, epoch="e-2"), NOW + 2)  # the same revision once more
    assert rows(store, "SELECT students, revision FROM site") == [(1000, 1)]


def test_a_renewed_buffer_leaves_the_descriptions_of_other_gateways_points(store: Database) -> None:
    accept(store, batch(numbered([campus.point(METER)], revision=5), 0, 1), NOW)
    accept(
        store, batch(numbered([campus.point("b.energy")], revision=5), 0, 1, gateway="gw-2", epoch="f-1"), NOW
    )
    accept(store, batch(numbered([campus.point(METER)]), 0, 1, epoch="e-2"), NOW + 1)
    assert rows(store, "SELECT point, revision FROM point ORDER BY point") == [("b.energy", 5), (METER, 1)]
