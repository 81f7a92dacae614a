"""完整率 and 上传率 slot by slot."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_config.uplinks import HttpUplink
from gateway.errors import QueryError
from gateway.query.reader import Reader
from tests.query.buffers import DAY_MS, QUARTER_MS, Buffer, ManualClock, local_ms, school
from tests.query.conftest import Campus

MAIN = "main-e.energy_import"
DAY = "2026-11-18"


def test_a_past_day_is_due_as_a_whole_and_adds_up(tmp_path: Path) -> None:
    site = school(tmp_path)
    began = local_ms(site, "2026-11-16")
    contents = [("measured", 1.0), ("estimated", 0.5), ("missing", 0.0), ("measured", 1.0)]
    with Buffer(site) as buffer:
        buffer.counter(MAIN, began, began + 2 * DAY_MS, lambda _: 1, content=lambda slot: contents[slot % 4])
        (row,) = Reader(site, ManualClock(began + 2 * DAY_MS)).completeness(
            "2026-11-16", "2026-11-16", "point"
        )
    assert (row.subject, row.day, row.due) == (MAIN, "2026-11-16", 96)
    assert (row.measured, row.estimated, row.missing, row.delivered) == (48, 24, 24, 0)


def test_days_have_92_and_100_slots_where_the_clocks_change(tmp_path: Path) -> None:
    site = school(tmp_path, timezone="Europe/Berlin")
    with Buffer(site) as buffer:
        began, now = local_ms(site, "2026-03-28"), local_ms(site, "2026-10-27")
        buffer.gauge("air-101.co2", began, began + 3 * DAY_MS, lambda _: 1.0)
        reader = Reader(site, ManualClock(now))
        due = {row.day: row.due for row in reader.completeness("2026-03-28", "2026-10-26", "point")}
    assert (due["2026-03-28"], due["2026-03-29"], due["2026-10-25"]) == (96, 92, 100)
    assert list(due) == sorted(due)


def test_what_the_collector_did_not_live_to_close_is_missing(tmp_path: Path) -> None:
    site = school(tmp_path)
    began = local_ms(site, DAY)
    with Buffer(site) as buffer:
        buffer.gauge("air-101.co2", began, began + 4 * QUARTER_MS, lambda _: 1.0)
        clock = ManualClock(began + 8 * QUARTER_MS + 6 * 60_000)
        (row,) = Reader(site, clock).completeness(DAY, DAY, "point")
    assert (row.due, row.measured, row.missing) == (8, 4, 4)


def test_a_slot_of_today_is_due_after_its_grace(tmp_path: Path) -> None:
    site = school(tmp_path)
    began = local_ms(site, DAY)
    with Buffer(site) as buffer:
        buffer.gauge("air-101.co2", began, began + 4 * QUARTER_MS, lambda _: 1.0)
        clock = ManualClock(began + 4 * QUARTER_MS + 299_000)
        reader = Reader(site, clock)
        assert reader.completeness(DAY, DAY, "site")[0].due == 3
        clock.ms += 1000
        assert reader.completeness(DAY, DAY, "site")[0].due == 4


def test_a_point_is_due_from_its_first_reading_on(tmp_path: Path) -> None:
    site = school(tmp_path)
    began = local_ms(site, DAY, "09:00")
    with Buffer(site) as buffer:
        buffer.gauge("air-101.co2", began, began + DAY_MS, lambda _: 1.0)
        reader = Reader(site, ManualClock(began + DAY_MS))
        rows = reader.completeness("2026-11-17", DAY, "point")
    assert [(row.day, row.due, row.measured) for row in rows] == [(DAY, 60, 60)]


def test_a_point_that_left_the_site_file_is_due_up_to_its_last_slot(tmp_path: Path) -> None:
    site = school(tmp_path)
    began = local_ms(site, "2026-11-17")
    with Buffer(site) as buffer:
        buffer.gauge("air-101.co2", began, began + 10 * QUARTER_MS, lambda _: 1.0)
        buffer.connection.execute("UPDATE point SET in_service = 0 WHERE name = 'air-101.co2'")
        rows = Reader(site, ManualClock(began + 2 * DAY_MS)).completeness("2026-11-17", DAY, "point")
    assert [(row.day, row.due) for row in rows] == [("2026-11-17", 10)]


def test_delivered_is_what_every_uplink_has_a_receipt_for(campus: Campus) -> None:
    point = "air-101.co2"
    rows = campus.buffer.connection.execute(
        "SELECT seq FROM interval JOIN point USING (point_id) WHERE name = ? AND period = '15min' AND start >= ? ORDER BY seq",
        (point, campus.midnight),
    ).fetchall()
    campus.buffer.connection.execute(
        "INSERT INTO uplink (uplink, cursor) VALUES ('district', ?)", (rows[6][0],)
    )
    found = {row.subject: row for row in campus.reader.completeness(DAY, DAY, "point")}
    assert (found[point].due, found[point].measured, found[point].delivered) == (40, 40, 7)


def test_delivered_ahead_of_the_cursor_counts_and_sent_without_receipts_never_does(
    campus: Campus, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = "air-101.co2"
    seqs = [
        seq
        for (seq,) in campus.buffer.connection.execute(
            "SELECT seq FROM interval JOIN point USING (point_id) WHERE name = ? AND period = '15min' AND start >= ?"
            " ORDER BY seq",
            (point, campus.midnight),
        )
    ]
    campus.buffer.connection.execute("INSERT INTO uplink (uplink, cursor) VALUES ('district', ?)", (seqs[6],))
    campus.buffer.connection.executemany(
        "INSERT INTO uplink_range VALUES ('district', ?, ?)", [(seqs[9], seqs[11]), (seqs[20], seqs[21])]
    )

    def said() -> tuple[int | None, list[str]]:
        found = {row.subject: row for row in campus.reader.completeness(DAY, DAY, "point")}
        slots = campus.reader.ledger(point, campus.midnight, campus.midnight + 40 * QUARTER_MS)
        return found[point].delivered, [slot.delivered["district"] for slot in slots]

    delivered, slots = said()
    assert delivered == 7 + 2 + 1
    assert [index for index, what in enumerate(slots) if what == "yes"] == [*range(7), 10, 11, 21]
    monkeypatch.setattr(HttpUplink, "receipt", "none")
    delivered, slots = said()
    assert delivered == 0
    assert [index for index, what in enumerate(slots) if what == "unconfirmed"] == [*range(7), 10, 11, 21]


def test_what_a_district_refused_for_ever_is_not_delivered(campus: Campus) -> None:
    point = "air-101.co2"
    seqs = campus.buffer.connection.execute(
        "SELECT seq FROM interval JOIN point USING (point_id) WHERE name = ? AND period = '15min' AND start >= ? ORDER BY seq",
        (point, campus.midnight),
    ).fetchall()
    connection = campus.buffer.connection
    connection.execute("INSERT INTO uplink (uplink, cursor) VALUES ('district', ?)", seqs[6])
    connection.executemany(
        "INSERT INTO dead_letter VALUES (?, ?, 0, 'no', '{}')",
        [("district", *seqs[2]), ("district", *seqs[4]), ("an uplink that is gone", *seqs[5])],
    )
    found = {row.subject: row for row in campus.reader.completeness(DAY, DAY, "point")}
    slots = campus.reader.ledger(point, campus.midnight, campus.midnight + 40 * QUARTER_MS)
    said = [slot.delivered["district"] for slot in slots]
    assert [said.index("refused"), said.count("refused")] == [2, 2]
    assert found[point].delivered == said.count("yes") == 5


def test_levels_are_sums_of_points(campus: Campus) -> None:
    points = campus.reader.completeness("2026-11-16", DAY, "point")
    for level in ("site", "device"):
        rows = campus.reader.completeness("2026-11-16", DAY, level)
        assert sum(row.due for row in rows) == sum(row.due for row in points)
        assert sum(row.measured for row in rows) == sum(row.measured for row in points)
    assert {row.subject for row in campus.reader.completeness(DAY, DAY, "site")} == {"school"}


def test_a_question_that_is_too_long_or_unclear_is_refused(campus: Campus) -> None:
    with pytest.raises(QueryError, match="400 days"):
        campus.reader.completeness("2024-01-01", DAY, "site")
    with pytest.raises(QueryError, match="no level 'floor'"):
        campus.reader.completeness(DAY, DAY, "floor")
