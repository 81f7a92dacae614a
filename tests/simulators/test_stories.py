"""What a person would recognise in the demo school's data, over September and October."""

from __future__ import annotations

from itertools import pairwise

from simulators.campus import Campus
from simulators.lines import Spells

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
MINUTE_MS = 60_000


def spells(campus: Campus, device: str) -> Spells:
    return campus.world.spells_of(campus.site.devices[device])[0]


def peaks(campus: Campus, point: str, monday: int, days: int) -> list[float]:
    shown = campus.points[point].shown
    return [max(shown(monday + day * DAY_MS + slot * 300_000) for slot in range(288)) for day in range(days)]


def test_exactly_one_classroom_is_often_over_1500_ppm(campus: Campus, monday: int) -> None:
    rooms = [name for name in campus.points if name.endswith(".co2")]
    often = [room for room in rooms if sum(peak > 1500 for peak in peaks(campus, room, monday, 5)) >= 3]
    assert len(often) == 1


def test_co2_climbs_in_a_lesson_and_is_fresh_at_night(campus: Campus, monday: int) -> None:
    for room in ("air-a101.co2", "air-b201.co2"):
        values = [
            campus.points[room].shown(monday + DAY_MS * day + 8 * HOUR_MS + 40 * MINUTE_MS)
            for day in range(5)
        ]
        assert max(values) > 600
        assert campus.points[room].shown(monday + 4 * HOUR_MS) < 450


def test_now_and_then_a_fridge_door_is_left_open_and_it_warms(campus: Campus, monday: int) -> None:
    door, cold = spells(campus, "door-fridge-1"), campus.points["cold-fridge-1.temperature"].shown
    first_day = campus.world.almanac.day_of(monday)[0]
    left_open = 0
    for day in range(first_day, first_day + 60):
        midnight = campus.world.almanac.midnight_ms(day)
        for start, end in door.day(day):
            if end - start > 20 * MINUTE_MS:
                left_open += 1
                assert cold(midnight + end) > 8 > cold(midnight + start)
                assert cold(midnight + end + 3 * HOUR_MS) < 6
    assert 2 <= left_open <= 15


def test_uv_lamps_run_half_an_hour_on_school_evenings_and_some_runs_are_cut_short(
    campus: Campus, monday: int
) -> None:
    first_day = campus.world.almanac.day_of(monday)[0]
    lamps = [d.id for d in campus.site.file.devices if d.profile == "tasmota-uv-lamp"]
    runs = [
        (end - start) / MINUTE_MS
        for lamp in lamps
        for day in range(first_day, first_day + 40)
        for start, end in spells(campus, lamp).day(day)
    ]
    short = [minutes for minutes in runs if minutes < 30]
    assert 0.02 < len(short) / len(runs) < 0.15
    assert min(runs) >= 8
    assert spells(campus, lamps[0]).day(first_day + 5) == []


def test_lamp_energy_is_the_integral_of_its_runs(campus: Campus, monday: int) -> None:
    device = campus.site.devices["uv-a101"]
    on = spells(campus, "uv-a101")
    rated = int(campus.world.lamp_rated_w(device) * 1000)
    used = campus.truth("uv-a101.energy_import", monday + DAY_MS) - campus.truth(
        "uv-a101.energy_import", monday
    )
    lit = on.on_ms(monday + DAY_MS) - on.on_ms(monday)
    assert abs(float(used) * 1e6 - (lit * rated + (DAY_MS - lit) * 400) / HOUR_MS) <= 1


def test_a_freezer_defrosts_three_times_a_day(campus: Campus, monday: int) -> None:
    cold = campus.points["cold-freezer-1.temperature"].shown
    values = [cold(monday + 6 * DAY_MS + slot * 300_000) for slot in range(288)]
    warm = [value > -19.5 for value in values]
    assert sum(now and not before for before, now in pairwise(warm)) == 3


def test_hot_counters_are_hot_at_lunch(campus: Campus, monday: int) -> None:
    shown = campus.points["hot-1.temperature"].shown
    at_noon = [shown(monday + day * DAY_MS + 12 * HOUR_MS) for day in range(5)]
    assert sum(value > 60 for value in at_noon) >= 4
    assert shown(monday + 3 * HOUR_MS) < 30


def test_one_water_meter_leaks_at_night_for_spells_of_days(campus: Campus, monday: int) -> None:
    def night(meter: str, day: int) -> float:
        start = monday + day * DAY_MS + 2 * HOUR_MS
        return float(
            campus.truth(f"{meter}.volume", start + 2 * HOUR_MS) - campus.truth(f"{meter}.volume", start)
        )

    meters = [d.id for d in campus.site.file.devices if d.profile == "pulse-water"]
    nights = {meter: [night(meter, day) for day in range(60)] for meter in meters}
    leaking = [meter for meter, used in nights.items() if max(used) - min(used) > 0.07]
    assert len(leaking) == 1


def test_nothing_jumps_at_midnight(campus: Campus, monday: int) -> None:
    for name, point in campus.points.items():
        if point.spec.quantity in {"temperature", "cold_temperature", "cabinet_temperature", "co2"}:
            before, after = point.signal(monday - 1), point.signal(monday + 1)
            assert abs(after - before) < (30 if point.spec.quantity == "co2" else 1.5), name
