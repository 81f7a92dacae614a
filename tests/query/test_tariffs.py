"""Consumption by tariff, ratios, the ledger: recounted from what the fixture wrote."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import pytest

from edge_config.schema import VirtualPoint
from edge_config.site import LoadedSite
from edge_config.tariffs import TariffFile
from gateway.errors import QueryError
from gateway.query.reader import Reader
from tests.query.buffers import DAY_MS, QUARTER_MS, Buffer, ManualClock, local_ms, school
from tests.query.conftest import Campus

MAIN, HVAC, VOLUME = "main-e.energy_import", "hvac-a.energy_import", "water-canteen.volume"
TARIFFS = TariffFile.model_validate(
    {
        "tables": [
            {"since": "2026-11-12", "source": "test", "prices": {"peak": 1.0, "flat": 0.5},
             "seasons": [{"peak": ["08:00-11:00", "18:00-21:00"], "valley": ["22:00-24:00", "00:00-06:00"]}]}
        ]
    }
)  # fmt: skip


def with_tariffs(campus: Campus) -> Reader:
    return Reader(replace(campus.site, tariffs=TARIFFS), campus.clock)


def with_points(campus: Campus, *points: VirtualPoint) -> Reader:
    file = campus.site.file.model_copy(update={"points": (*campus.site.file.points, *points)})
    site: LoadedSite = replace(campus.site, file=file)
    return Reader(site, campus.clock)


def test_each_quarter_hour_goes_to_the_tariff_it_begins_in(campus: Campus) -> None:
    start, end = campus.midnight - DAY_MS, campus.midnight
    expected: dict[str, Fraction] = {}
    for at, (steps, _, _) in campus.buffer.truth[MAIN].slots.items():
        if start <= at < end:
            local = datetime.fromtimestamp(at / 1000, campus.site.zone)
            tariff = TARIFFS.tariff_at(local)
            assert tariff is not None
            expected[tariff] = expected.get(tariff, Fraction(0)) + steps * campus.buffer.truth[MAIN].step
    found = with_tariffs(campus).tariffs("active_energy_import", start, end, points=[MAIN])
    assert {row.tariff: row.value for row in found} == {
        name: float(value) for name, value in expected.items()
    }
    costs = {row.tariff: row.cost for row in found}
    assert costs["peak"] == float(expected["peak"])
    assert costs["flat"] == float(expected["flat"] / 2)
    assert costs["valley"] is None  # nobody told its price


def test_the_tariffs_of_any_span_add_up_to_its_total(campus: Campus) -> None:
    start, end = campus.midnight - 3 * DAY_MS + 1234, campus.clock.ms
    reader = with_tariffs(campus)
    total = reader.total("active_energy_import", start, end)
    assert sum(row.value for row in reader.tariffs("active_energy_import", start, end)) == pytest.approx(
        total.value
    )


def test_what_flowed_before_the_first_table_has_no_tariff(campus: Campus) -> None:
    found = with_tariffs(campus).tariffs(
        "active_energy_import", campus.began, campus.began + DAY_MS, points=[MAIN]
    )
    assert [row.tariff for row in found] == [""]


def test_of_shed_quarter_hours_an_hour_of_one_tariff_has_it_and_the_shares_still_add_up_to_the_total(
    tmp_path: Path,
) -> None:
    site = replace(school(tmp_path), tariffs=TARIFFS)
    began = local_ms(site, "2026-11-10")
    now = began + 50 * DAY_MS + 6_000
    with Buffer(site) as buffer:
        truth = buffer.counter(MAIN, began, now, lambda slot: 20 + slot % 7)
        for period, days in (("15min", 35.26), ("hour", 45.3)):
            buffer.connection.execute(
                "DELETE FROM interval WHERE period = ? AND start < ?", (period, now - round(days * DAY_MS))
            )
        reader = Reader(site, ManualClock(now))
        for start in (began, began + 9 * DAY_MS):  # days and hours; hours and quarter-hours
            found = {
                row.tariff: row.value
                for row in reader.tariffs("active_energy_import", start, now, points=[MAIN])
            }
            total = reader.total("active_energy_import", start, now, points=[MAIN]).value
            assert sum(found.values()) == pytest.approx(total)
            undivided = sum(
                (
                    steps * truth.step
                    for at, (steps, _, _) in truth.slots.items()
                    if start <= at < began + 5 * DAY_MS
                ),
                Fraction(0),
            )
            assert found.get("", 0) == pytest.approx(float(undivided))  # of a whole day, nobody knows
    valley = sum(
        steps * truth.step
        for at, (steps, _, _) in truth.slots.items()
        if at >= start and TARIFFS.tariff_at(datetime.fromtimestamp(at / 1000, site.zone)) == "valley"
    )
    assert found["valley"] == pytest.approx(float(valley + truth.open_steps * truth.step))
    assert "" not in found


def test_without_a_tariff_file_the_question_says_what_to_write(campus: Campus) -> None:
    with pytest.raises(QueryError, match="write tariffs"):
        campus.reader.tariffs("active_energy_import", campus.midnight, campus.clock.ms)


def test_a_ratio_is_sum_over_sum_of_the_same_span(campus: Campus) -> None:
    share = VirtualPoint(id="hvac-share.energy", sum=(HVAC,), over=(MAIN,))
    reader = with_points(campus, share)
    span = campus.midnight - DAY_MS, campus.midnight
    upper = reader.total("active_energy_import", *span, points=[HVAC]).value
    lower = reader.total("active_energy_import", *span, points=[MAIN]).value
    assert upper is not None
    assert lower
    found = reader.total("active_energy_import", *span, points=[share.id])
    assert found.value == pytest.approx(upper / lower)
    assert found.unit == "1"
    slots = reader.series(share.id, *span, "hour").slots
    assert len(slots) == 24
    above, below = (reader.series(name, *span, "hour").slots for name in (HVAC, MAIN))
    assert slots[7].mean == pytest.approx((above[7].value or 0) / (below[7].value or 1))


def test_a_ratio_of_a_span_rests_on_the_slots_in_which_both_are_known(campus: Campus) -> None:
    reader = with_points(campus, VirtualPoint(id="hvac-share.energy", sum=(HVAC,), over=(MAIN,)))
    noon, end = campus.midnight - DAY_MS // 2, campus.midnight
    campus.buffer.connection.execute(
        "UPDATE interval SET content = 'missing', steps = NULL, share = 0 WHERE point_id = ? AND period <> 'hour'"
        " AND start >= ? AND start < ?",
        (campus.buffer.ids[HVAC], noon, end),
    )
    whole, half = (
        reader.total("active_energy_import", noon - DAY_MS // 2, until, points=["hvac-share.energy"])
        for until in (end, noon)
    )
    assert whole.value == pytest.approx(half.value)
    assert whole.known_share == pytest.approx(0.5)


def test_a_ratio_has_the_unit_of_both_and_cannot_be_added_up(campus: Campus) -> None:
    share = VirtualPoint(id="water-energy.ratio", sum=(MAIN,), over=(VOLUME,))
    reader = with_points(campus, share)
    span = campus.midnight - DAY_MS, campus.midnight
    assert reader.total("active_energy_import", *span, points=[share.id]).unit == "kWh/m³"
    assert reader.latest([share.id])[0].value is None  # a ratio of two registers says nothing
    with pytest.raises(QueryError, match="ask for it alone"):
        reader.total("active_energy_import", *span, points=[share.id, MAIN])


def test_the_ledger_tells_of_every_due_slot(campus: Campus) -> None:
    connection = campus.buffer.connection
    point_id = campus.buffer.ids[MAIN]
    start, end = campus.midnight - DAY_MS, campus.midnight
    slot = [start + number * QUARTER_MS for number in range(4)]
    seqs = [
        connection.execute(
            "SELECT seq FROM interval WHERE point_id = ? AND period = '15min' AND start = ?", (point_id, at)
        ).fetchone()[0]
        for at in slot
    ]
    connection.execute(
        "DELETE FROM interval WHERE point_id = ? AND period = '15min' AND start = ?", (point_id, slot[0])
    )
    connection.execute(
        "UPDATE interval SET revision = 2 WHERE point_id = ? AND period = '15min' AND start = ?",
        (point_id, slot[1]),
    )
    connection.execute("INSERT OR REPLACE INTO uplink (uplink, cursor) VALUES ('district', ?)", (seqs[2],))
    connection.execute("INSERT INTO dead_letter VALUES ('district', ?, 0, 'no', '{}')", (seqs[1],))
    rows = campus.reader.ledger(MAIN, start, end)
    assert [row.start for row in rows] == list(range(start, end, QUARTER_MS))
    assert [(row.content, row.is_late, row.delivered["district"]) for row in rows[:4]] == [
        ("missing", False, "waiting"),
        ("measured", True, "refused"),
        ("measured", False, "yes"),
        ("measured", False, "waiting"),
    ]


def test_completeness_of_buildings_adds_up_to_that_of_the_site(campus: Campus) -> None:
    day = "2026-11-17"
    (whole,) = campus.reader.completeness(day, day, "site")
    buildings = campus.reader.completeness(day, day, "building")
    assert {row.subject for row in buildings} == {"", "a", "canteen"}
    assert sum(row.due for row in buildings) == whole.due
    assert sum(row.measured for row in buildings) == whole.measured
