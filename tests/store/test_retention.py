"""Intervals, changes and records go when their time is over, and never what somebody still waits for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store import changes, retention
from gateway.store.retention import IntervalSweep
from gateway.store.shedding import Horizons, horizons
from tests.gateway.conftest import T0
from tests.store.shelf import CO2, DAY_MS, QUARTER_MS, Shelf, pass_to

DISTRICT = {"id": "district", "kind": "district-http", "url": "https://district.example/v1"}
NOW = T0 + 5 * 365 * DAY_MS


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    with Shelf(tmp_path, uplinks=[DISTRICT]) as shelf:
        yield shelf


def pruned(shelf: Shelf, before: int = NOW) -> int:
    with shelf.transaction():
        return retention.delivered_changes(shelf.connection, ["district"], before)


def delivered(shelf: Shelf, to_seq: int) -> None:
    with shelf.transaction():
        pass_to(shelf.connection, "district", to_seq)


def test_p9_changes_that_are_not_delivered_never_go(shelf: Shelf) -> None:
    shelf.hours(6)
    assert pruned(shelf) == 0
    before = shelf.one("SELECT count(*) FROM change")
    delivered(shelf, before - 3)
    assert pruned(shelf) > 0
    assert shelf.one("SELECT count(*) FROM change WHERE seq > ?", (before - 3,)) == 3


def test_p9_a_change_waits_for_the_slowest_uplink(shelf: Shelf) -> None:
    shelf.hours(6)
    head = changes.head(shelf.connection)
    delivered(shelf, head)
    with shelf.transaction():
        pass_to(shelf.connection, "second", head - 3)
        retention.delivered_changes(shelf.connection, ["district", "second"], NOW)
    assert shelf.one("SELECT count(*) FROM change WHERE seq > ?", (head - 3,)) == 3


def test_a_cursor_past_the_feed_keeps_its_numbers_from_being_given_again(shelf: Shelf) -> None:
    shelf.hours(6)
    head = changes.head(shelf.connection)
    delivered(shelf, head)
    with shelf.transaction():
        shelf.connection.execute("DELETE FROM change")
    assert changes.head(shelf.connection) == head


def test_the_newest_change_stays_so_that_no_seq_is_used_twice(shelf: Shelf) -> None:
    shelf.hours(6)
    head = changes.head(shelf.connection)
    delivered(shelf, head)
    with shelf.transaction():
        retention.delivered_changes(shelf.connection, [], NOW)
        shelf.connection.execute("DELETE FROM uplink")
    assert changes.head(shelf.connection) == head


def test_what_describes_the_site_and_its_points_stays_for_an_uplink_added_later(shelf: Shelf) -> None:
    shelf.hours(6)
    delivered(shelf, changes.head(shelf.connection))
    pruned(shelf)
    kinds = dict(shelf.connection.execute("SELECT kind, count(*) FROM change GROUP BY kind"))
    assert kinds == {"site": 1, "point": 7, "interval": 1}


def test_delivered_changes_stay_for_as_long_as_raw_readings_where_there_is_room(shelf: Shelf) -> None:
    shelf.hours(6)
    delivered(shelf, changes.head(shelf.connection))
    assert pruned(shelf, horizons(shelf.now, 0.1).changes) == 0
    assert pruned(shelf, horizons(shelf.now, 0.8).changes) > 0


def test_a_step_deletes_a_bounded_number_and_the_next_goes_on(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.hours(6)
    delivered(shelf, changes.head(shelf.connection))
    monkeypatch.setattr(retention, "CHANGES_MAX", 4)
    assert [pruned(shelf) for _ in range(2)] == [4, 4]
    monkeypatch.setattr(retention, "INTERVALS_MAX", 5)
    sweep = IntervalSweep("15min")
    steps: list[int] = []
    while not steps or steps[-1]:
        with shelf.transaction():
            steps.append(sweep.step(shelf.connection, T0 + 6 * 4 * QUARTER_MS))
    assert max(steps) == 5
    assert sum(steps) >= 20


def test_quarter_hours_and_hours_go_in_their_time_and_days_stay(shelf: Shelf) -> None:
    shelf.hours(48, every_min=5)
    shelf.tick(QUARTER_MS)
    days = shelf.one("SELECT count(*) FROM interval WHERE period = 'day'")

    def left(period: str, before: int) -> int:
        return shelf.one(
            "SELECT count(*) FROM interval JOIN point USING (point_id) WHERE name = ? AND period = ? AND start < ?",
            (CO2, period, before),
        )

    def swept(now: int) -> None:
        before = horizons(now, 0.5)
        for period, limit in (("15min", before.quarters), ("hour", before.hours)):
            with shelf.transaction():
                IntervalSweep(period).step(shelf.connection, limit)

    swept(T0 + 401 * DAY_MS)
    assert left("15min", T0 + DAY_MS) == 0
    assert left("15min", NOW) > 0
    assert left("hour", T0 + DAY_MS) == 24
    swept(T0 + (3 * 365 + 2) * DAY_MS)
    assert left("hour", T0 + 2 * DAY_MS) == 0
    assert left("day", NOW) == days > 0


EVENT = (
    'INSERT INTO event (event_id, kind, subject, start, "end", level, state, evidence, revision, seq)'
    " VALUES (?, 'k', 's', ?, ?, 3, ?, '{}', 1, 1)"
)


def insert_records(shelf: Shelf, at: int, key: str) -> None:
    day = "2025-11-23" if at == T0 else "2030-01-01"
    for sql, values in (
        ("INSERT INTO act VALUES (?, ?, 'u', 'note', 's', '{}', '{}')", (key, at)),
        ("INSERT INTO statement VALUES (?, '{}', ?, 1)", (day, at)),
        ("INSERT INTO gap (point, start, \"end\", count, reason, at) VALUES ('p', 0, 1, 1, 'r', ?)", (at,)),
        ("INSERT INTO correction VALUES (NULL, 1, 0, 1, 0, 2, ?)", (at,)),
        ("INSERT INTO dead_letter VALUES ('district', ?, ?, 'r', x'00')", (at, at)),
        (EVENT, (key, at, at + 1, "closed")),
        (EVENT, ("open-" + key, at, None, "open")),
    ):  # fmt: skip
        shelf.connection.execute(sql, values)


def test_records_go_after_three_years_and_open_events_never(shelf: Shelf) -> None:
    insert_records(shelf, T0, "old")
    insert_records(shelf, NOW, "new")
    early = Horizons(0, 0, 0, 0, 0, T0)
    assert retention.old_records(shelf.connection, early) == 0
    assert retention.old_records(shelf.connection, horizons(NOW, 2.0)) == len(retention.RECORDS)
    left = {table: shelf.one(f"SELECT count(*) FROM {table}") for table in retention.RECORDS}
    assert left == {**dict.fromkeys(retention.RECORDS, 1), "event": 3}


def test_an_act_that_a_clock_in_1970_dated_keeps_its_key(shelf: Shelf) -> None:
    shelf.connection.execute("INSERT INTO act VALUES ('k', ?, 'u', 'note', 's', '{}', '{}')", (DAY_MS,))
    assert retention.old_records(shelf.connection, horizons(NOW, 2.0)) == 0
