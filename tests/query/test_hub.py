"""The campus over its hub: figures across gateways, recounted from what was sent; what a hub does not know is not known."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from district import enrolment
from district.store.database import open_database
from gateway.errors import QueryTimeoutError, StoreError
from gateway.points import build_points
from gateway.query.hub.reader import HubReader
from tests.query import campus_hub
from tests.query.buffers import DAY_MS, QUARTER_MS, school
from tests.query.campus_hub import FRIDGE, MAIN, SUBS, Hub

ENERGY = "active_energy_import"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Hub:
    return campus_hub.filled(tmp_path_factory.mktemp("hub"))


@pytest.fixture
def campus(template: Hub, tmp_path: Path) -> Hub:
    """The filled hub; a copy, so that a test may add to it."""
    with closing(open_database(template.path)) as database, database.transaction():
        shutil.copy(template.path, tmp_path / "hub.db")
        log = template.path.with_name("hub.db-wal")
        if log.exists():
            shutil.copy(log, tmp_path / "hub.db-wal")
    return replace(
        template, path=tmp_path / "hub.db", clock=replace(template.clock), sent=dict(template.sent),
        quarters={name: dict(slots) for name, slots in template.quarters.items()},
    )  # fmt: skip


def kwh(campus: Hub, name: str, start: int, end: int) -> float:
    point = next(one for one in build_points(campus.site) if one.name == name)
    return float(campus.counted(name, start, end) * Fraction(point.step))


def test_the_campus_total_is_the_main_meter_alone_though_its_parts_are_on_another_gateway(
    campus: Hub,
) -> None:
    start, end = campus.midnight - 7 * DAY_MS, campus.midnight
    total = campus.reader.total(ENERGY, start, end)
    assert (total.value, total.unit, total.known_share) == (kwh(campus, MAIN, start, end), "kWh", 1.0)
    assert campus.reader.meter_points(ENERGY)[0] == (MAIN, True)
    assert {name for name, is_root in campus.reader.meter_points(ENERGY) if is_root} == {MAIN}


def test_the_balance_of_main_and_parts_runs_across_gateways(campus: Hub) -> None:
    start, end = campus.midnight - DAY_MS, campus.midnight
    shares = {share.code: share.value for share in campus.reader.items(start, end)}
    light, hvac, kitchen = (kwh(campus, SUBS[n], start, end) for n in (1, 0, 2))
    assert (shares["A"], shares["B"], shares["D"]) == (light, hvac, kitchen)
    main, *subs = (campus.counted(name, start, end) * _step(campus, name) for name in (MAIN, *SUBS))
    assert shares[""] == float(main - sum(subs))
    assert main > sum(subs) > 0
    virtual = campus.reader.total(ENERGY, start, end, points=["rest.energy"])
    assert virtual.value == float(main - subs[0])


def _step(campus: Hub, name: str) -> Fraction:
    return next(Fraction(one.step) for one in build_points(campus.site) if one.name == name)


def test_buildings_have_their_meters_whichever_gateway_reads_them(campus: Hub) -> None:
    start, end = campus.midnight - DAY_MS, campus.midnight
    found = {share.code: share.value for share in campus.reader.buildings(ENERGY, start, end)}
    a = (campus.counted(SUBS[0], start, end) + campus.counted(SUBS[1], start, end)) * _step(campus, SUBS[0])
    assert (found["a"], found["canteen"]) == (float(a), kwh(campus, SUBS[2], start, end))


def test_today_is_known_up_to_the_last_quarter_hour_that_was_sent_and_says_so(campus: Hub) -> None:
    today = campus.reader.overview().electricity_today
    end = campus.midnight + 40 * QUARTER_MS
    assert today.value == kwh(campus, MAIN, campus.midnight, end)
    assert today.updated_at == end
    assert today.known_share == pytest.approx(600 / 605)
    assert today.yesterday is not None
    assert today.yesterday.change_pct is not None


def test_what_a_hub_is_never_sent_is_unknown_and_never_zero(campus: Hub) -> None:
    overview = campus.reader.overview()
    assert (overview.devices_online, overview.uplinks) == (None, [])
    assert overview.power_now is not None
    assert (overview.power_now.value, overview.power_now.reason) == (None, "not_sent")
    assert overview.water_today.value is None
    assert {row.state for row in campus.reader.devices()} == {"unknown"}
    assert {room.state for room in campus.reader.rooms()} == {"unknown"}
    assert {unit.state for unit in campus.reader.cold()} == {"unknown"}
    assert {(one.value, one.reason) for one in campus.reader.latest()} == {(None, "not_sent")}
    assert campus.reader.raw(MAIN, campus.midnight, campus.clock.ms) == []
    assert {row.delivered for row in campus.reader.completeness("2026-11-17", "2026-11-17")} == {None}


def test_gauges_and_events_come_through(campus: Hub) -> None:
    slots = campus.reader.cold_series("fridge", campus.midnight, campus.clock.ms).slots
    assert [(slot.mean, slot.low, slot.high) for slot in slots] == [(4.25, 3.5, 5.0)] * 40
    (alarm,) = campus.reader.alarms()
    assert (alarm.event_id, alarm.subject, alarm.level) == ("cold:1", FRIDGE, 2)


def test_completeness_is_of_every_gateway_and_a_slot_that_never_came_is_missing(campus: Hub) -> None:
    campus.send(
        "gw-1", [campus.described("main-w.volume"), campus.slot("main-w.volume", campus.midnight - DAY_MS, 5)]
    )
    (row,) = campus.reader.completeness("2026-11-17", "2026-11-17")
    fridge = 56  # from ten o'clock on
    assert (row.due, row.measured, row.missing) == (4 * 96 + fridge + 96, 4 * 96 + fridge + 1, 95)


def test_a_missing_slot_is_not_counted_as_nothing_used(campus: Hub) -> None:
    at = campus.midnight + 40 * QUARTER_MS
    campus.clock.ms = at + 2 * QUARTER_MS
    campus.send("gw-1", [campus.slot(MAIN, at, None), campus.slot(MAIN, at + QUARTER_MS, 1000)])
    total = campus.reader.total(ENERGY, at, at + 2 * QUARTER_MS)
    assert (total.value, total.known_share) == (float(1000 * _step(campus, MAIN)), 0.5)
    (slot, _) = campus.reader.series(MAIN, at, at + 2 * QUARTER_MS, "15min").slots
    assert (slot.content, slot.value) == ("missing", None)


@pytest.mark.parametrize("register", [0, 1, 999_999_999_999, 10**15 + 1])
@pytest.mark.parametrize("name", [MAIN, "pv.energy_yield", "water-canteen.volume"])
def test_registers_of_any_size_are_whole_steps_again(campus: Hub, name: str, register: int) -> None:
    at = campus.midnight + 40 * QUARTER_MS
    campus.send("gw-1", [campus.described(name), campus.slot(name, at, 7, register)])
    with campus.reader.look() as snapshot:
        row = snapshot.db.execute(
            "SELECT i.steps, i.start_steps, i.end_steps FROM interval i JOIN point p USING (point_id)"
            " WHERE p.name = ? AND i.start = ?",
            (name, at),
        ).fetchone()
    assert row == (7, register, register + 7)


def test_a_day_is_stated_when_every_gateway_has(campus: Hub) -> None:
    (only,) = campus.reader.statements()
    assert (only.day, only.made_at) == ("2026-11-16", None)
    assert {"kind": "statement", **only.body} == campus_hub.statement("2026-11-16", 5)
    campus.send("gw-2", [campus_hub.statement("2026-11-17", 4)])
    newest = campus.reader.statements()[0]
    assert (newest.day, newest.body["points"], newest.body["slots_due"]) == ("2026-11-17", 5, 480)


def test_how_far_each_gateways_data_reaches_is_told(campus: Hub) -> None:
    campus.clock.ms += QUARTER_MS
    end = campus.midnight + 40 * QUARTER_MS
    campus.send("gw-1", [campus.slot(MAIN, end, 1000)])
    hub = campus.reader.hub()
    assert hub is not None
    assert [(one.gateway, one.points, one.data_at) for one in hub.gateways] == [
        ("gw-1", 1, end + QUARTER_MS), ("gw-2", 4, end),
    ]  # fmt: skip
    assert (hub.data_at, hub.strangers) == (end, [])


def test_what_does_not_fit_the_site_file_is_named_and_in_no_figure(campus: Hub) -> None:
    other = campus.described(MAIN) | {"point": "old-main.energy_import", "device": "old-main"}
    wrong = campus.described("main-w.volume") | {"unit": "L"}
    start, end = campus.midnight - DAY_MS, campus.midnight
    before = campus.reader.total(ENERGY, start, end)
    slot = campus.slot(MAIN, start, 1000) | {"point": "old-main.energy_import"}
    campus.send("gw-1", [other, wrong, slot])
    hub = campus.reader.hub()
    assert hub is not None
    assert hub.strangers == ["main-w.volume", "old-main.energy_import"]
    assert campus.reader.total(ENERGY, start, end) == before
    assert campus.reader.total("water_volume", start, end).value is None


def test_questions_leave_the_hubs_file_as_it_is_and_a_commit_is_noticed(campus: Hub) -> None:
    token, bytes_before = campus.reader.change_token(), campus.path.read_bytes()
    campus.reader.overview()
    assert (campus.reader.change_token(), campus.path.read_bytes()) == (token, bytes_before)
    campus.send("gw-1", [campus.slot(MAIN, campus.midnight + 40 * QUARTER_MS, 1)])
    assert campus.reader.change_token() != token


def test_a_page_asks_of_one_moment(campus: Hub) -> None:
    at = campus.midnight + 40 * QUARTER_MS
    with campus.reader.at_one_moment() as held:
        before = held.series(MAIN, at, at + QUARTER_MS, "15min").slots
        campus.send("gw-1", [campus.slot(MAIN, at, 1)])
        assert held.series(MAIN, at, at + QUARTER_MS, "15min").slots == before == []
    assert len(campus.reader.series(MAIN, at, at + QUARTER_MS, "15min").slots) == 1


def test_a_database_that_is_not_this_campuss_hub_is_refused(campus: Hub, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such database"):
        HubReader(campus.site, campus.clock, tmp_path / "nowhere.db").overview()
    (tmp_path / "other").mkdir()
    district = tmp_path / "district.db"
    with closing(open_database(district)) as database, database.transaction():
        pass
    with pytest.raises(StoreError, match="no hub's database"):
        HubReader(campus.site, campus.clock, district).overview()
    elsewhere = school(
        tmp_path / "other", site={"id": "elsewhere", "name": "别处", "timezone": "Asia/Shanghai"}
    )
    with pytest.raises(StoreError, match="is the hub of school"):
        HubReader(elsewhere, campus.clock, campus.path).overview()


def test_a_question_that_takes_too_long_is_given_up(campus: Hub) -> None:
    with pytest.raises(QueryTimeoutError):
        HubReader(campus.site, campus.clock, campus.path, deadline_s=0.0).completeness(
            "2026-11-09", "2026-11-18", "point"
        )


def test_a_question_about_a_point_is_answered_by_the_hubs_own_index(campus: Hub) -> None:
    with campus.reader.look() as snapshot:
        plan = snapshot.db.execute(
            "EXPLAIN QUERY PLAN SELECT steps FROM interval WHERE point_id = 1 AND period = '15min' AND start >= 5 AND start < 9"
        ).fetchall()
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            snapshot.db.execute("DELETE FROM hub.interval")
    assert any(
        "interval_by_point (site_id=? AND point=? AND period=? AND start>? AND start<?)" in row[3]
        for row in plan
    )


@pytest.mark.parametrize("url", ["postgresql://hub@127.0.0.1/hub", "postgres://127.0.0.1/hub"])
def test_a_hub_on_postgresql_is_refused_with_what_to_do_instead(campus: Hub, url: str) -> None:
    with pytest.raises(
        StoreError, match=r"汇总数据库是本机的一个文件.*serve it with `district --role hub --database PATH`"
    ):
        HubReader(campus.site, campus.clock, Path(url)).overview()


def rest_of(campus: Hub, start: int, end: int) -> float:
    """Main less parts, recounted."""
    main, *subs = (campus.counted(name, start, end) * _step(campus, name) for name in (MAIN, *SUBS))
    return float(main - sum(subs))


def test_what_the_main_counted_after_the_last_word_of_its_parts_gateway_is_no_loss(campus: Hub) -> None:
    """Two hours in which gw-2 cannot reach the hub."""
    noon, ten = campus.midnight + 48 * QUARTER_MS, campus.midnight + 40 * QUARTER_MS
    campus.send("gw-1", [campus.slot(MAIN, at, 1000) for at in range(ten, noon, QUARTER_MS)])
    campus.clock.ms = noon + 60_000
    items = {share.code: share.value for share in campus.reader.items(campus.midnight, noon)}
    buildings = {share.code: share.value for share in campus.reader.buildings(ENERGY, campus.midnight, noon)}
    assert items[""] == buildings[""] == rest_of(campus, campus.midnight, ten)
    assert sum(value or 0.0 for value in items.values()) == pytest.approx(
        kwh(campus, MAIN, campus.midnight, ten)
    )
    assert campus.reader.total(ENERGY, campus.midnight, noon).value == kwh(
        campus, MAIN, campus.midnight, noon
    )


def test_what_the_main_counted_before_its_parts_gateway_was_there_is_no_loss(campus: Hub) -> None:
    """The main has eight days here, its parts two."""
    items = {
        share.code: share.value
        for share in campus.reader.items(campus.midnight - 8 * DAY_MS, campus.midnight)
    }
    assert items[""] == rest_of(campus, campus.midnight - 2 * DAY_MS, campus.midnight)


def test_the_rest_is_not_known_where_a_gateway_has_sent_nothing_of_the_span(campus: Hub) -> None:
    noon, ten = campus.midnight + 48 * QUARTER_MS, campus.midnight + 40 * QUARTER_MS
    campus.send("gw-1", [campus.slot(MAIN, at, 1000) for at in range(ten, noon, QUARTER_MS)])
    campus.clock.ms = noon + 60_000
    assert {share.code: share.value for share in campus.reader.items(ten, noon)}[""] is None
    before = campus.reader.items(campus.midnight - 5 * DAY_MS, campus.midnight - 4 * DAY_MS)
    assert {share.value for share in before} == {None}


def test_a_gateway_of_other_meters_that_is_behind_holds_no_balance_up(campus: Hub) -> None:
    with closing(open_database(campus.path)) as database:
        enrolment.issue_token(database, "school", "gw-3", "测试小学", campus.clock.ms)
    water, yesterday = "main-w.volume", campus.midnight - DAY_MS
    campus.send("gw-3", [campus.described(water), campus.slot(water, yesterday, 5)])
    end = campus.midnight + 40 * QUARTER_MS
    items = {share.code: share.value for share in campus.reader.items(campus.midnight, end)}
    assert items[""] == rest_of(campus, campus.midnight, end)
