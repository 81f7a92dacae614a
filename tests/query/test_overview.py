"""Every number of the first page against a recount that shares no code with it, and the page of an empty buffer."""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.query.reader import Reader
from gateway.query.views import Overview
from tests.query.buffers import DAY_MS, QUARTER_MS, Buffer, ManualClock, local_ms, school
from tests.query.conftest import Campus, filled
from tests.query.test_totals import MAIN, recount


def count(connection: sqlite3.Connection, sql: str, *values: object) -> int:
    return int(connection.execute(sql, values).fetchone()[0])


def check(campus: Campus, page: Overview) -> None:
    """Each figure, by plain SQL or from what the fixture wrote."""
    db, now, truth = campus.buffer.connection, campus.clock.ms, campus.buffer.truth
    for total, name in (
        (page.electricity_today, MAIN), (page.water_today, "main-w.volume"), (page.solar_today, "pv.energy_yield"),
    ):  # fmt: skip
        assert total is not None
        assert total.value == pytest.approx(recount(truth[name], campus.midnight, now))
    highs = db.execute(
        "SELECT i.high, i.start FROM interval i JOIN point p USING (point_id)"
        " WHERE p.name = 'main-e.power' AND i.period = '15min' AND i.start >= ?",
        (campus.midnight,),
    ).fetchall()
    assert page.power_now is not None
    assert page.power_now.value is not None
    assert page.power_max_today == max([high for high, _ in highs] + [page.power_now.value])
    assert page.devices_total == len(campus.site.devices)
    assert page.devices_online == count(db, "SELECT count(*) FROM device_state WHERE state = 'online'")
    open_alarms = "SELECT count(*) FROM event WHERE state = 'open' AND kind <> 'disinfection'"
    assert len(page.alarms) == count(db, open_alarms)
    assert page.data_at == count(db, "SELECT max(measured_at) FROM reading WHERE quality = 0")
    assert sum(unit.runs_today for unit in page.disinfection) == count(
        db, "SELECT count(*) FROM event WHERE kind = 'disinfection' AND start >= ?", campus.midnight
    )
    outside = {
        row[0]
        for row in db.execute("SELECT subject FROM event WHERE state = 'open' AND kind = 'cold_excursion'")
    }
    assert {f"{unit.device}.temperature" for unit in page.cold if unit.state == "outside"} == outside
    bad_air = {
        row[0].partition(".")[0]
        for row in db.execute("SELECT subject FROM event WHERE state = 'open' AND kind = 'limit'")
    }
    assert {f"air-{room.space[2:]}" for room in page.rooms if room.state == "outside"} == bad_air
    assert page.uplinks[0].waiting == page.uplinks[0].head


def test_every_number_equals_its_recount(campus: Campus) -> None:
    at = campus.clock.ms
    campus.buffer.event("a", "limit", "air-102.co2", at - 9000)
    campus.buffer.event("b", "cold_excursion", "freezer.temperature", at - 9000, level=2)
    campus.buffer.event("c", "disinfection", "uv-101", at - 9_000_000, at - 7_000_000, complete=True)
    campus.buffer.device("pv", "offline", at)
    campus.buffer.change(at)
    check(campus, campus.reader.overview())


@settings(max_examples=6, deadline=None)
@given(minute=st.integers(1, 24 * 60 - 1), offline=st.integers(0, 5), alarms=st.integers(0, 5))
def test_every_number_equals_its_recount_at_any_time_of_day(minute: int, offline: int, alarms: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        campus = filled(school(Path(folder)), clock=f"{minute // 60:02}:{minute % 60:02}")
        for device in list(campus.site.devices)[:offline]:
            if not device.startswith("air"):
                campus.buffer.device(device, "offline", campus.clock.ms)
        for number in range(alarms):
            campus.buffer.event(
                f"e{number}", "device_offline", "main-w", campus.clock.ms - number * 1000, level=2
            )
        campus.buffer.change(campus.clock.ms)
        check(campus, campus.reader.overview())
        campus.buffer.connection.close()


def test_the_page_before_the_first_start_is_empty_and_not_zero(tmp_path: Path) -> None:
    site = school(tmp_path)
    page = Reader(site, ManualClock(local_ms(site, "2026-11-18", "10:00"))).overview()
    assert (page.electricity_today.value, page.water_today.value, page.data_at) == (None, None, None)
    assert page.electricity_today.same_weekday_last_week is not None
    assert page.electricity_today.same_weekday_last_week.reason == "none"
    assert (page.power_max_today, page.power_max_at) == (None, None)
    assert page.power_now is not None
    assert page.power_now.value is None
    assert (page.devices_total, page.devices_online) == (len(site.devices), 0)
    assert {room.state for room in page.rooms} == {"offline"}
    assert {unit.state for unit in page.cold} == {"offline"}
    assert (page.alarms, page.activity, page.uplinks[0].waiting) == ([], None, 0)


def test_every_other_answer_before_the_first_start_is_empty(tmp_path: Path) -> None:
    site = school(tmp_path)
    reader = Reader(site, ManualClock(DAY_MS * 20_000))
    assert reader.completeness("2026-11-01", "2026-11-02", "site") == []
    assert reader.series(MAIN, 0, DAY_MS, "15min").slots == []
    assert reader.raw(MAIN, 0, DAY_MS) == []
    assert [*reader.alarms(None), *reader.disinfection_runs(0, DAY_MS), *reader.statements()] == []
    assert {row.state for row in reader.devices()} == {"unknown"}
    assert {share.value for share in reader.items(0, DAY_MS)} == {None}


def test_solar_is_left_out_where_none_is_fitted(tmp_path: Path) -> None:
    site = school(tmp_path)
    without = tuple(device for device in site.file.devices if device.id != "pv")
    site = type(site)(site.file.model_copy(update={"devices": without}), tmp_path, site.path, site.profiles)
    assert Reader(site, ManualClock(1)).overview().solar_today is None


def test_several_incomers_are_one_power(tmp_path: Path) -> None:
    site = school(tmp_path)
    devices = tuple(
        device.model_copy(update={"parent": None}) if device.id == "hvac-a" else device
        for device in site.file.devices
    )
    site = type(site)(site.file.model_copy(update={"devices": devices}), tmp_path, site.path, site.profiles)
    now = local_ms(site, "2026-11-18", "10:05")
    with Buffer(site) as buffer:
        buffer.gauge("main-e.power", now - DAY_MS, now, lambda slot: 50.0 if slot == 90 else 30.0)
        buffer.gauge(
            "hvac-a.power", now - DAY_MS, now, lambda slot: 20.0 if slot == 91 else 5.0, read_ago_ms=9_000
        )
        page = Reader(site, ManualClock(now)).overview()
    assert page.power_now is not None
    assert (page.power_now.value, page.power_now.measured_at) == (35.0, now - 9_000)
    start = now - DAY_MS - (now - DAY_MS) % QUARTER_MS
    # Peaks that do not meet are not added: 50 + 5, not 50 + 20.
    assert page.power_max_today == 55.0
    assert page.power_max_at is not None
    assert abs(page.power_max_at - (start + 90 * QUARTER_MS)) <= QUARTER_MS
