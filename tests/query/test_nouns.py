"""Each noun of the pages: what it says, and what it says when something is not known."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import QueryError
from gateway.query.reader import Reader
from tests.query.buffers import DAY_MS, QUARTER_MS, Buffer, ManualClock, school
from tests.query.conftest import Campus, ago

MINUTE = 60_000


def test_latest_is_the_newest_good_reading(campus: Campus) -> None:
    now = campus.clock.ms
    campus.buffer.reading("air-101.co2", now - 2000, 910)
    campus.buffer.reading("air-101.co2", now - 1000, 9999, quality=2, reason="range")
    (found,) = campus.reader.latest(["air-101.co2"])
    assert (found.value, found.quality, found.measured_at, found.is_delayed) == (
        910.0,
        "good",
        now - 2000,
        False,
    )
    assert (found.unit, found.device, found.space, found.quantity) == ("ppm", "air-101", "a-101", "co2")


def test_latest_of_a_silent_point_is_the_value_its_newest_interval_keeps(campus: Campus) -> None:
    campus.buffer.connection.execute(
        "DELETE FROM reading WHERE point_id = ?", (campus.buffer.ids["air-101.co2"],)
    )
    campus.buffer.connection.execute(
        "DELETE FROM watermark WHERE point_id = ?", (campus.buffer.ids["air-101.co2"],)
    )
    (found,) = campus.reader.latest(["air-101.co2"])
    assert (found.value, found.measured_at, found.is_delayed) == (800.0, ago(campus, 0), True)


def test_latest_never_shows_as_now_what_a_clock_that_was_ahead_dated_later(campus: Campus) -> None:
    point_id, day = campus.buffer.ids["air-101.co2"], 86_400_000
    newest = "SELECT max(start) FROM interval WHERE point_id = ? AND period = '15min'"
    for sql in (
        "DELETE FROM reading WHERE point_id = ?",
        f"UPDATE watermark SET left_at = left_at + {day} WHERE point_id = ?",
        f'UPDATE interval SET start = start + {day}, "end" = "end" + {day} WHERE start = ({newest}) AND period = \'15min\'',
    ):
        campus.buffer.connection.execute(sql, (point_id,))
    (found,) = campus.reader.latest(["air-101.co2"])
    assert found.measured_at is not None
    assert found.measured_at < campus.clock.ms


def test_latest_of_a_point_with_bad_readings_alone_has_the_reason(tmp_path: Path) -> None:
    site = school(tmp_path)
    with Buffer(site) as buffer:
        buffer.reading("air-101.co2", 1_000_000, 700)
        buffer.reading("air-102.co2", 1_000_500, None, quality=2, reason="range")
        (found,) = Reader(site, ManualClock(1_001_000)).latest(["air-102.co2"])
    assert (found.value, found.quality, found.reason) == (None, "bad", "range")


def test_latest_of_a_point_that_never_spoke_is_not_known(campus: Campus) -> None:
    (found,) = campus.reader.latest(["air-101.humidity"])
    assert (found.value, found.measured_at, found.is_delayed, found.reason) == (
        None,
        None,
        True,
        "no_reading",
    )


def test_a_reading_from_the_future_is_not_the_newest(campus: Campus) -> None:
    campus.buffer.reading("air-101.co2", campus.clock.ms + DAY_MS, 400, quality=2, reason="device_clock")
    (found,) = campus.reader.latest(["air-101.co2"])
    assert found.value == 800.0


def test_latest_of_a_virtual_point_is_as_old_as_its_oldest_part(campus: Campus) -> None:
    now = campus.clock.ms
    campus.buffer.reading("main-e.energy_import", now - 1000, 90_000)
    campus.buffer.reading("hvac-a.energy_import", now - 3000, 20_000)
    (found,) = campus.reader.latest(["rest.energy"])
    assert (found.value, found.measured_at) == (9000.0 - 200.0, now - 3000)


def test_series_leaves_slots_that_do_not_exist_out(campus: Campus) -> None:
    found = campus.reader.series("main-e.power", campus.began - DAY_MS, campus.began + DAY_MS, "hour")
    assert len(found.slots) == 24
    assert found.slots[0].mean == pytest.approx(101.5)
    assert (found.unit, found.period, found.label_en) == ("kW", "hour", "Active power")
    with pytest.raises(QueryError, match="no intervals of 'week'"):
        campus.reader.series("main-e.power", 0, 1, "week")


def test_series_holds_the_slot_that_the_span_begins_in(campus: Campus) -> None:
    start = campus.midnight + 7 * MINUTE
    found = campus.reader.series("main-e.power", start, start + QUARTER_MS, "15min")
    assert [slot.start for slot in found.slots] == [campus.midnight, campus.midnight + QUARTER_MS]


def test_raw_readings_come_oldest_first_and_no_more_than_asked(campus: Campus) -> None:
    start = campus.clock.ms + 1000
    for number in range(5):
        campus.buffer.reading("air-101.co2", start + number, 600 + number, quality=number % 3)
    found = campus.reader.raw("air-101.co2", start, start + 100, limit=4)
    assert found == [
        (start, 600.0, "good"),
        (start + 1, 601.0, "uncertain"),
        (start + 2, 602.0, "bad"),
        (start + 3, 603.0, "good"),
    ]


def test_raw_readings_end_with_the_span_also_where_a_damaged_one_is_the_last(campus: Campus) -> None:
    start = campus.clock.ms + 1000
    for number in range(6):
        campus.buffer.reading("air-101.co2", start + number, 600 + number)
    campus.buffer.connection.execute("UPDATE reading SET value = 1 WHERE measured_at = ?", (start + 3,))
    found = campus.reader.raw("air-101.co2", start, start + 4)
    assert [at for at, _, _ in found] == [start, start + 1, start + 2]
    assert campus.reader.raw("air-101.co2", start + 6, start + 60_000) == []


def test_rooms_say_what_is_wrong_and_what_to_do(campus: Campus) -> None:
    campus.buffer.event(
        "e1",
        "limit",
        "air-102.co2",
        campus.clock.ms - 600_000,
        level=2,
        rule="co2",
        advice_zh="开窗通风",
        advice_en="Open a window",
    )
    ok, outside = campus.reader.rooms()
    assert (ok.space, ok.building, ok.state, ok.why) == ("a-101", "a", "ok", [])
    assert ok.figures["co2"].value == 800.0
    assert (outside.state, outside.why, outside.advice_zh) == ("outside", ["co2"], "开窗通风")


@pytest.mark.parametrize(
    ("level", "age_ms", "device", "state"),
    [
        (4, 0, "online", "advise"),
        (3, 0, "online", "outside"),
        (3, 600_000, "online", "delayed"),
        (3, 0, "offline", "offline"),
    ],
)
def test_a_room_whose_air_is_not_known_is_not_called_outside(
    campus: Campus, level: int, age_ms: int, device: str, state: str
) -> None:
    campus.buffer.event("e1", "limit", "air-102.co2", campus.clock.ms - 600_000, level=level, rule="co2")
    campus.buffer.device("air-102", device, campus.began)
    campus.clock.ms += age_ms
    assert campus.reader.rooms()[1].state == state


def test_the_air_grid_has_a_row_of_hours_for_each_room(campus: Campus) -> None:
    grid = campus.reader.air_grid("co2", "2026-11-18")
    assert [(row.space, len(row.slots)) for row in grid] == [("a-101", 10), ("a-102", 10)]
    assert grid[1].slots[0].mean == pytest.approx(1250.0)
    with pytest.raises(QueryError, match="not a day"):
        campus.reader.air_grid("co2", "yesterday")


def test_cold_units_have_the_band_of_their_own_limit(campus: Campus) -> None:
    found = {unit.device: unit for unit in campus.reader.cold()}
    bands = {name: (unit.kind, unit.low_limit, unit.high_limit, unit.state) for name, unit in found.items()}
    assert bands == {
        "fridge": ("fridge", 0.0, 8.0, "ok"), "freezer": ("freezer", None, -12.0, "ok"),
        "sample": ("sample", 0.0, 8.0, "ok"), "hot": ("hot", 60.0, None, "ok"),
    }  # fmt: skip
    assert len(campus.reader.cold_series("fridge", campus.midnight, campus.clock.ms).slots) == 40
    with pytest.raises(QueryError, match="no cold-chain temperature"):
        campus.reader.cold_series("main-e", 0, 1)


def test_minutes_outside_count_once_and_only_those_of_today(campus: Campus) -> None:
    midnight, point = campus.midnight, "fridge.temperature"
    campus.buffer.event("e1", "cold_excursion", point, midnight - 30 * MINUTE, midnight + 10 * MINUTE)
    campus.buffer.event("e2", "cold_excursion", point, midnight + 5 * MINUTE, midnight + 20 * MINUTE)
    campus.buffer.event("e3", "cold_excursion", point, campus.clock.ms - 15 * MINUTE)
    campus.buffer.event(
        "e4", "cold_excursion", point, midnight + 60 * MINUTE, midnight + 90 * MINUTE, state="withdrawn"
    )
    fridge = campus.reader.cold()[0]
    assert (fridge.minutes_outside_today, fridge.state) == (35.0, "outside")


def test_the_door_of_a_fridge_is_the_sensor_that_names_it(campus: Campus) -> None:
    assert campus.reader.cold()[0].door_open is None
    campus.buffer.reading("door.door_open", campus.clock.ms - 1000, 1)
    assert [unit.door_open for unit in campus.reader.cold()] == [True, None, None, None]


def test_disinfection_runs_of_today_are_counted_and_judged_by_their_rule(campus: Campus) -> None:
    midnight = campus.midnight
    campus.buffer.event(
        "r0",
        "disinfection",
        "uv-101",
        midnight - 60 * MINUTE,
        midnight - 20 * MINUTE,
        complete=True,
        minutes=35.0,
    )
    campus.buffer.event(
        "r1",
        "disinfection",
        "uv-101",
        midnight + 60 * MINUTE,
        midnight + 100 * MINUTE,
        complete=True,
        minutes=35.0,
    )
    campus.buffer.event(
        "r2",
        "disinfection",
        "uv-101",
        midnight + 120 * MINUTE,
        midnight + 130 * MINUTE,
        complete=False,
        minutes=5.0,
    )
    campus.buffer.event("r3", "disinfection", "cabinet", campus.clock.ms - 12 * MINUTE)
    lamp, cabinet = campus.reader.disinfection_units()
    assert (lamp.device, lamp.state, lamp.runs_today, lamp.complete_today) == ("uv-101", "idle", 2, 1)
    assert lamp.last_end == midnight + 130 * MINUTE
    with campus.reader.look() as snapshot:
        (began,) = snapshot.db.execute(
            "SELECT first_at FROM watermark JOIN point USING (point_id) WHERE name = 'uv-101.lamp_power'"
        ).fetchone()
    assert lamp.first_at == began
    assert (cabinet.state, cabinet.runs_today, cabinet.complete_today, cabinet.last_end) == (
        "running",
        1,
        0,
        None,
    )
    runs = campus.reader.disinfection_runs(midnight, campus.clock.ms)
    assert [(run.event_id, run.minutes, run.complete) for run in runs] == [
        ("r3", 12.0, None),
        ("r2", 5.0, False),
        ("r1", 35.0, True),
    ]


def test_alarms_are_gravest_first_and_runs_are_none_of_them(campus: Campus) -> None:
    at = campus.clock.ms
    campus.buffer.event(
        "old", "limit", "air-101.co2", at - 9000, level=3, text_zh="二氧化碳偏高", text_en="CO₂ is high"
    )
    campus.buffer.event("grave", "device_offline", "main-e", at - 9500, level=1)
    campus.buffer.event("new", "limit", "air-102.co2", at - 1000, level=3)
    campus.buffer.event("run", "disinfection", "uv-101", at - 1000, level=4)
    campus.buffer.event("over", "limit", "air-101.co2", at - 99_000, at - 90_000)
    campus.buffer.event("gone", "limit", "air-101.co2", at - 99_000, at - 90_000, state="withdrawn")
    open_ones = campus.reader.alarms()
    assert [alarm.event_id for alarm in open_ones] == ["grave", "new", "old"]
    assert (open_ones[0].subject_name, open_ones[0].text_zh, open_ones[0].text_en) == (
        "总表",
        "设备离线",
        "Device offline",
    )
    assert (open_ones[2].text_zh, open_ones[2].space) == ("二氧化碳偏高", "a-101")
    assert [alarm.event_id for alarm in campus.reader.alarms(None)] == ["new", "old", "grave", "over"]
    assert [alarm.event_id for alarm in campus.reader.alarms("closed")] == ["over"]
    assert [alarm.event_id for alarm in campus.reader.alarms(None, 1)] == ["new"]
    assert [alarm.event_id for alarm in campus.reader.alarms(None, start=at - 100_000, end=at - 95_000)] == [
        "over"
    ]
    with pytest.raises(QueryError, match="state 'mine'"):
        campus.reader.alarms("mine")


def test_an_alarm_says_who_acknowledged_it_last(campus: Campus) -> None:
    campus.buffer.event("e1", "limit", "air-101.co2", campus.clock.ms)
    for key, at, user in (("k1", 5, "王工"), ("k2", 9, "李工")):
        campus.buffer.connection.execute(
            "INSERT INTO act VALUES (?, ?, ?, 'acknowledge', 'e1', '{}', '{}')", (key, at, user)
        )
    (alarm,) = campus.reader.alarms()
    assert (alarm.acknowledged_by, alarm.acknowledged_at) == ("李工", 9)


def test_devices_say_how_they_are(campus: Campus) -> None:
    campus.buffer.device("pv", "offline", campus.midnight, "连接超时 no answer")
    campus.buffer.connection.execute("DELETE FROM device_state WHERE device = 'door'")
    for subject, count in (("air-101", 2), ("air-101.co2", 3)):
        campus.buffer.connection.execute(
            "INSERT INTO rejection VALUES (?, 'range', ?, 7, 'x')", (subject, count)
        )
    found = {row.device: row for row in campus.reader.devices()}
    assert list(found) == list(campus.site.devices)
    assert (found["pv"].state, found["pv"].since, found["pv"].detail) == (
        "offline",
        campus.midnight,
        "连接超时 no answer",
    )
    assert (found["door"].state, found["door"].seen_at, found["door"].completeness_today) == (
        "unknown",
        None,
        None,
    )
    assert (found["air-101"].rejected, found["air-101"].address, found["air-101"].line) == (
        5,
        "school/air-101",
        "local",
    )
    assert (found["main-e"].wire, found["main-e"].address, found["main-e"].title_zh) == (
        "modbus",
        "1",
        "三相导轨式电能表",
    )
    assert found["main-e"].completeness_today == 1.0
    assert sorted(row.count for row in campus.reader.rejections()) == [2, 3]


def test_an_uplink_says_how_far_it_is_behind(campus: Campus) -> None:
    first = campus.buffer.change(1000)
    for at in (2000, 3000):
        campus.buffer.change(at)
    (fresh,) = campus.reader.uplinks()
    assert (fresh.cursor, fresh.waiting, fresh.waiting_since) == (0, campus.buffer.seq, 1000)
    campus.buffer.connection.execute(
        "INSERT INTO uplink (uplink, cursor, delivered, refused, delivered_at, error, error_at)"
        " VALUES ('district', ?, 40, 1, 4000, 'late', 5000)",
        (first,),
    )
    (row,) = campus.reader.uplinks()
    assert (row.head, row.waiting, row.waiting_since, row.delivered, row.refused) == (
        first + 2,
        2,
        2000,
        40,
        1,
    )
    assert (row.delivered_at, row.error, row.error_at, row.destination) == (
        4000,
        "late",
        5000,
        "http://127.0.0.1:9/v1",
    )
    assert (row.cause_zh, row.cure_zh) == ("", "")
    campus.buffer.connection.execute("UPDATE uplink SET error = 'token: cannot read it'")
    assert campus.reader.uplinks()[0].cause_zh == "本机的密钥不能用"
    campus.buffer.connection.execute("UPDATE uplink SET cursor = ?", (first + 2,))
    campus.buffer.connection.execute("DELETE FROM change")
    (done,) = campus.reader.uplinks()
    assert (done.waiting, done.waiting_since, done.head) == (0, None, first + 2)


def test_activity_is_shown_until_it_is_done(campus: Campus) -> None:
    assert campus.reader.activity() is None
    put = "INSERT OR REPLACE INTO meta VALUES ('activity', ?)"
    campus.buffer.connection.execute(put, ('{"kind":"replay","done":3,"total":9,"updated_at":77}',))
    found = campus.reader.activity()
    assert found is not None
    assert (found.kind, found.done, found.total, found.updated_at) == ("replay", 3, 9, 77)
    campus.buffer.connection.execute(put, ('{"kind":"replay","done":9,"total":9,"updated_at":99}',))
    assert campus.reader.activity() is None


def test_statements_come_newest_first(campus: Campus) -> None:
    for day in ("2026-11-15", "2026-11-17", "2026-11-16"):
        campus.buffer.connection.execute("INSERT INTO statement VALUES (?, '{\"points\":3}', 9, 1)", (day,))
    assert [row.day for row in campus.reader.statements(2)] == ["2026-11-17", "2026-11-16"]
    assert campus.reader.statements(1)[0].body == {"points": 3}
