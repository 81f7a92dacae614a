from __future__ import annotations

import math
from collections import Counter
from decimal import Decimal

import pytest

from devices import profile
from devices.profile import ModbusProfile
from devices.quantities import QUANTITIES
from edge_config.site import LoadedSite
from runtime.clock import parse_utc
from simulators.campus import Campus
from simulators.signals import UNKNOWN, is_counter, signal

SLOT_MS = 300_000
DAY_MS = 288 * SLOT_MS


def test_two_instances_show_the_same_in_whatever_order_they_are_asked(
    school: LoadedSite, campus: Campus, monday: int
) -> None:
    moments = [monday + offset for offset in (0, 7_654_321, 9 * 3_600_000, 40 * 3_600_000)]
    other = Campus(school)
    backwards = {
        (name, ms): other.truth(name, ms) for ms in reversed(moments) for name in reversed(list(other.points))
    }
    assert backwards == {(name, ms): campus.truth(name, ms) for ms in moments for name in campus.points}


def test_another_seed_is_another_world(school: LoadedSite, campus: Campus, monday: int) -> None:
    other = Campus(school, seed=7)
    assert other.truth("main-e.energy_import", monday) != campus.truth("main-e.energy_import", monday)


def test_registers_never_fall(campus: Campus, monday: int) -> None:
    for point in campus.points.values():
        if point.counts:
            seen = [point.signal(monday + step * 97_531) for step in range(3 * DAY_MS // 97_531)]
            assert seen == sorted(seen), point.name


def used(campus: Campus, point: str, start: int, end: int) -> Decimal:
    return campus.truth(point, end) - campus.truth(point, start)


def test_energy_is_conserved_between_incomer_and_parts(campus: Campus, monday: int) -> None:
    """Import − export + solar yield = Σ sub-meters + an unmetered rest, which is small, never negative."""
    parts = [d.id for d in campus.site.file.devices if d.parent == "main-e"]
    for day in range(7):
        start, end = monday + day * DAY_MS, monday + (day + 1) * DAY_MS
        flow = used(campus, "main-e.energy_import", start, end) - used(
            campus, "main-e.energy_export", start, end
        )
        supplied = flow + used(campus, "pv.energy_yield", start, end)
        metered = sum(used(campus, f"{part}.energy_import", start, end) for part in parts)
        assert 0 < supplied - metered < supplied / 4, day


def test_energy_is_conserved_to_the_milliwatt_hour_in_every_slot(campus: Campus, monday: int) -> None:
    meters = campus.world.meters
    totals = meters.ledger(campus.world.almanac.day_of(monday)[0]).totals
    parts = [d.id for d in campus.site.file.devices if d.parent == "main-e"]
    rest = campus.world.meters._electric["main-e"].own
    weather = campus.world.weather(campus.world.almanac.day_of(monday)[0])
    day = campus.world.almanac.day_of(monday)[0]
    unmetered = rest.amounts(day, campus.world.almanac.kind(day), weather)
    for slot in range(288):
        made, taken, given, *loads = (
            totals[key][slot + 1] - totals[key][slot]
            for key in [
                ("pv", "active_energy_yield"),
                ("main-e", "active_energy_import"),
                ("main-e", "active_energy_export"),
                *((part, "active_energy_import") for part in parts),
            ]
        )
        assert taken + made - given == sum(loads) + unmetered[slot]
        assert taken == 0 or given == 0


def test_water_is_conserved_with_a_small_rest(campus: Campus, monday: int) -> None:
    parts = [d.id for d in campus.site.file.devices if d.parent == "main-w"]
    total = used(campus, "main-w.volume", monday, monday + 7 * DAY_MS)
    metered = sum(used(campus, f"{part}.volume", monday, monday + 7 * DAY_MS) for part in parts)
    assert 0 < total - metered < total / 10


def test_power_shown_is_the_slope_of_the_energy_register(campus: Campus, monday: int) -> None:
    for device in ("main-e", "hvac-a", "kitchen-e", "light-dorm"):
        start = monday + 10 * 3_600_000
        energy = used(campus, f"{device}.energy_import", start, start + SLOT_MS)
        assert float(campus.truth(f"{device}.power", start + 1000)) == pytest.approx(
            float(energy) * 12, rel=0.03
        )


def test_solar_surplus_goes_back_to_the_grid_at_the_weekend(campus: Campus, monday: int) -> None:
    assert used(campus, "main-e.energy_export", monday + 5 * DAY_MS, monday + 7 * DAY_MS) > 0


def test_a_holiday_draws_less_than_a_school_day(campus: Campus) -> None:
    first_of_october = parse_utc("2026-10-01T00:00:00+08:00")
    school_day = first_of_october - 2 * DAY_MS
    for meter in ("light-a", "kitchen-e"):
        name = f"{meter}.energy_import"
        holiday = used(campus, name, first_of_october, first_of_october + DAY_MS)
        assert holiday < used(campus, name, school_day, school_day + DAY_MS) / 2


def test_before_the_epoch_there_is_no_campus(campus: Campus) -> None:
    with pytest.raises(ValueError, match="begins on 2026-01-01"):
        campus.truth("main-e.energy_import", campus.world.almanac.epoch_ms - 1)


def test_every_quantity_has_a_behaviour() -> None:
    assert UNKNOWN == []


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_a_quantity_gives_a_number_on_a_meter_and_on_a_sensor(
    campus: Campus, monday: int, quantity: str
) -> None:
    for device in ("main-e", "water-dorm", "air-a101", "uv-a101"):
        truth = signal(campus.world, campus.site.devices[device], "one_a", quantity)
        first, later = truth(monday + 36_000_000), truth(monday + 39_600_000)
        assert math.isfinite(first)
        if is_counter(quantity):
            assert isinstance(first, int)
            assert later >= first


def test_the_demo_school_has_what_a_newcomer_is_promised(school: LoadedSite) -> None:
    meters = [d for d in school.file.devices if d.bus]
    sensors = [d for d in school.file.devices if d.broker]
    assert len(meters) >= 14
    assert len(sensors) >= 30
    assert len({d.profile for d in meters}) >= 4
    assert len({d.profile.split("-")[0] for d in sensors}) >= 4
    assert Counter(bus.kind for bus in school.file.buses) == {"modbus-tcp": 2, "modbus-rtu": 1}
    assert {"01A00", "01B00", "01C00", "01D00", "02000"} <= {d.energy_code for d in meters}
    assert 110 <= sum(len(school.profiles[d.profile].points) for d in school.file.devices) <= 135
    assert school.warnings == ()


def test_every_packaged_profile_can_be_simulated(school: LoadedSite, monday: int) -> None:
    """Adding a meter is one YAML file and no code, here as well."""
    devices = []
    for index, name in enumerate(profile.names()):
        wire = {"bus": "east", "unit_id": 100 + index} if isinstance(profile.load(name), ModbusProfile) else {
            "broker": "local", "topic": f"x/{index}"
        }  # fmt: skip
        devices.append(
            school.file.devices[0].model_copy(
                update={"id": f"d{index}", "profile": name, "bus": None, **wire}
            )
        )
    profiles = {name: profile.load(name) for name in profile.names()}
    file = school.file.model_copy(update={"devices": tuple(devices), "points": ()})
    whole = Campus(LoadedSite(file, school.folder, school.path, profiles, None, school.calendar))
    for point in whole.points.values():
        shown, spec = point.shown(monday + 36_000_000), point.spec
        if spec.range is not None:
            assert spec.range[0] <= shown <= spec.range[1], point.name


def test_counter_truth_is_unwrapped_and_states_its_resolution(campus: Campus, monday: int) -> None:
    by_name = {one.point: one for one in campus.counter_truth(monday, monday + DAY_MS)}
    light = by_name["light-a.energy_import"]
    assert light.resolution == Decimal("0.1")
    assert 0 <= campus.truth("light-a.energy_import", monday) - light.start < light.resolution
    assert set(by_name) == {name for name, point in campus.points.items() if point.counts}
