"""What is held of a day, recounted from what was written."""

from __future__ import annotations

import json
from datetime import date
from fractions import Fraction

from gateway.query.views import DayEvent, DayRecords
from tests.query.buffers import DAY_MS, QUARTER_MS
from tests.query.conftest import Campus

DAY = date(2026, 11, 17)
METER = "main-e.energy_import"


def told(campus: Campus, day: date = DAY) -> DayRecords:
    campus.buffer.connection.execute(
        "INSERT OR REPLACE INTO statement VALUES (?, ?, 9, 2)", (day.isoformat(), json.dumps({"points": 3}))
    )
    return campus.reader.day_records(day)


def test_every_slot_of_the_day_is_there_once_with_its_exact_figure(campus: Campus) -> None:
    found = told(campus)
    start = campus.midnight - DAY_MS
    truth = campus.buffer.truth[METER]
    slots = [slot for slot in found.intervals if slot.point == METER]
    quarters = [slot for slot in slots if slot.period == "15min"]
    assert [slot.start for slot in quarters] == [start + index * QUARTER_MS for index in range(96)]
    assert [slot.value for slot in quarters] == [
        float(truth.slots[slot.start][0] * truth.step) for slot in quarters
    ]
    assert all(
        Fraction(str(slot.register_end)) - Fraction(str(slot.register_start)) == Fraction(str(slot.value))
        for slot in quarters
        if slot.value is not None
    )
    assert [sum(slot.period == period for slot in slots) for period in ("hour", "day", "month")] == [24, 1, 0]
    assert found.statement is not None
    assert (found.statement.revision, found.statement.body) == (2, {"points": 3})


def test_a_gauge_has_a_mean_and_no_value_and_every_point_is_described(campus: Campus) -> None:
    found = told(campus)
    air = [slot for slot in found.intervals if slot.point == "air-101.co2" and slot.period == "15min"]
    assert {(slot.mean, slot.value, slot.register_start) for slot in air} == {(800.0, None, None)}
    described = {point.point: point for point in found.points}
    assert {slot.point for slot in found.intervals} <= described.keys()
    assert (described[METER].unit, described[METER].kind, described[METER].energy_code) == (
        "kWh",
        "counter",
        "01000",
    )
    assert Fraction(described[METER].step) == campus.buffer.truth[METER].step


def test_events_belong_to_the_day_they_began_on(campus: Campus) -> None:
    start = campus.midnight - DAY_MS
    for name, at in (
        ("before", start - 1),
        ("first", start),
        ("last", campus.midnight - 1),
        ("after", campus.midnight),
    ):
        campus.buffer.event(name, "limit", "air-101.co2", at, value=1)
    events = told(campus).events
    assert [event.event_id for event in events] == ["first", "last"]
    assert isinstance(events[0], DayEvent)
    assert (events[0].start, events[0].evidence) == (start, {"value": 1})


def test_a_row_that_is_not_as_it_was_written_is_left_out(campus: Campus) -> None:
    start = campus.midnight - DAY_MS
    campus.buffer.connection.execute(
        "UPDATE interval SET crc = 1 WHERE point_id = ? AND start = ? AND period = '15min'",
        (campus.buffer.ids[METER], start),
    )
    quarters = [slot for slot in told(campus).intervals if slot.point == METER and slot.period == "15min"]
    assert len(quarters) == 95
    assert quarters[0].start == start + QUARTER_MS


def test_of_a_day_without_a_statement_nothing_is_read(campus: Campus) -> None:
    assert campus.reader.day_records(DAY) == DayRecords("2026-11-17", [], [], [], None)
