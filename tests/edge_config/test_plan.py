"""The plan's arithmetic: bytes on a line, load of a bus, readings a day, size of the buffer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from devices.profile import ModbusProfile
from edge_config.loader import load_site
from edge_config.plan import BUSY_PCT, GIB, Request, overloads, plan, request_s
from edge_config.schema import SerialBus, TcpBus
from tests.edge_config.conftest import Folder


def one_request(profile: ModbusProfile, _interval_s: float) -> Sequence[Request]:
    return [Request(len(profile.points))]


def test_a_serial_request_costs_its_characters_its_silences_and_the_turnaround() -> None:
    """9600 8N1: 10 bits a character; 8 + 5 + 2 × 10 characters, two silences of 3.5, 20 ms."""
    bus = SerialBus(id="l", kind="modbus-rtu", port="/dev/x", baudrate=9600)
    assert request_s(bus, 10) == pytest.approx((33 + 7) * 10 / 9600 + 0.02)


def test_parity_and_a_second_stop_bit_lengthen_a_character() -> None:
    plain = SerialBus(id="l", kind="modbus-rtu", port="/dev/x")
    even = SerialBus(id="l", kind="modbus-rtu", port="/dev/x", parity="E", stopbits=2)
    assert request_s(even, 10) - 0.02 == pytest.approx((request_s(plain, 10) - 0.02) * 12 / 10)


def test_the_silence_of_a_fast_line_is_at_least_1750_microseconds() -> None:
    bus = SerialBus(id="l", kind="modbus-rtu", port="/dev/x", baudrate=115200)
    assert request_s(bus, 0) == pytest.approx(13 * 10 / 115200 + 2 * 0.00175 + 0.02)


def test_a_tcp_request_costs_a_round_trip_and_rtu_over_tcp_the_line_behind_it() -> None:
    assert request_s(TcpBus(id="t", kind="modbus-tcp", host="::1"), 100) == 0.01
    assert request_s(TcpBus(id="t", kind="modbus-rtu-over-tcp", host="::1"), 10) > 0.05


def test_the_load_of_a_bus_is_its_busy_share(folder: Folder) -> None:
    folder.write(
        ("unit_id: 3,", "unit_id: 3, poll_interval_s: 0.5,"),
        ("unit_id: 4}", "unit_id: 4, poll_interval_s: 1}"),
    )
    site = folder.load()
    line = next(bus for bus in plan(site, one_request).buses if bus.bus == "line1")
    bus = site.file.buses[1]
    expected = sum(
        rate * (request_s(bus, len(profile.points)) + profile.limits.pause_ms / 1000)
        for name, rate in (("chint-dtsu666", 2), ("pulse-water", 1))
        if isinstance(profile := site.profiles[name], ModbusProfile)
    )
    assert line.load_pct == pytest.approx(100 * expected)
    assert line.requests_per_min == pytest.approx(180)
    assert line.devices == line.requests == 2


def test_requests_of_every_second_poll_count_half(folder: Folder) -> None:
    full = plan(folder.load(), lambda *_: [Request(10)]).buses[0]
    half = plan(folder.load(), lambda *_: [Request(10, every=2)]).buses[0]
    assert half.load_pct == pytest.approx(full.load_pct / 2)


def test_a_bus_over_eighty_percent_is_called_busy(folder: Folder) -> None:
    folder.write(("unit_id: 3,", "unit_id: 3, poll_interval_s: 0.2,"))
    buses = {bus.bus: bus for bus in plan(folder.load(), lambda *_: [Request(100)] * 3).buses}
    assert buses["line1"].is_busy
    assert not buses["east"].is_busy


def test_a_bus_that_cannot_keep_its_schedule_is_named_with_its_devices_and_what_would_fit(
    folder: Folder,
) -> None:
    folder.write(("unit_id: 3,", "unit_id: 3, poll_interval_s: 0.2,"))
    found = plan(folder.load(), lambda *_: [Request(100)] * 3)
    (said,) = overloads(found)
    line = next(bus for bus in found.buses if bus.bus == "line1")
    fits_s = math.ceil(0.2 * line.load_pct / BUSY_PCT)
    assert said.startswith(f"bus line1: its devices need {line.load_pct:.0f} % of its time (hvac ")
    assert f"poll_interval_s 0.2 → {fits_s}, 10 → " in said
    calmer = sum(one.load_pct * one.interval_s / one.fits_s for one in line.polled)
    assert calmer <= BUSY_PCT


def test_a_bus_that_is_only_busy_is_not_overloaded(folder: Folder) -> None:
    assert overloads(plan(folder.load(), one_request)) == []


def test_readings_and_buffer_follow_from_points_and_intervals(folder: Folder) -> None:
    site = folder.load()
    found = plan(site, one_request)
    polled = sum(len(site.profiles[name].points) for name in ("acrel-adl400", "chint-dtsu666", "pulse-water"))
    sensed = len(site.profiles["zigbee2mqtt-air"].points)
    assert found.points == polled + sensed
    assert found.readings_per_day == polled * 8640 + sensed * 1440
    assert found.raw_bytes == found.readings_per_day * 14 * 30
    assert found.change_bytes == found.points * 121 * 14 * 300
    assert found.budget_bytes == 4 * GIB


def test_a_slow_group_is_counted_as_often_as_it_is_read(folder: Folder) -> None:
    def energy_once_a_minute(profile: ModbusProfile, _interval_s: float) -> Sequence[Request]:
        return [Request(2, points=len(profile.points) - 1), Request(2, every=6, points=1)]

    site = folder.load()
    every = plan(site, one_request).readings_per_day
    polled = [device for device in site.file.devices if device.bus]
    assert plan(site, energy_once_a_minute).readings_per_day == every - len(polled) * 8640 * 5 / 6


def test_what_a_device_costs_at_every_poll_and_more_rarely_is_told_apart(folder: Folder) -> None:
    site = folder.load()
    found = plan(site, lambda *_: [Request(10), Request(20, every=6)])
    line = next(bus for bus in found.buses if bus.bus == "line1")
    bus = next(bus for bus in site.file.buses if bus.id == "line1")
    hvac = next(one for one in line.polled if one.device == "hvac")
    assert hvac.fast_s == pytest.approx(request_s(bus, 10))
    assert hvac.slow_s == pytest.approx(request_s(bus, 20))


def test_topics_carry_the_suffixes_of_their_profiles(demo: Path) -> None:
    (broker,) = plan(load_site(demo), one_request).topics
    assert broker[0] == "local"
    assert "tele/uv-a101/SENSOR" in broker[1]
    assert "zigbee2mqtt/air-a101" in broker[1]


def test_the_demo_school_fits_its_buses_and_its_budget(demo: Path) -> None:
    found = plan(load_site(demo), one_request)
    assert not any(bus.is_busy for bus in found.buses)
    assert found.budget_pct < 80


def test_serial_meters_load_their_line_by_their_reads(folder: Folder) -> None:
    water = "profile: cjt188-water, bus: line2, address: '00000012345678'"
    folder.write(("profile: pulse-water, bus: line1, unit_id: 4", water))
    line = next(bus for bus in plan(folder.load(), one_request).buses if bus.bus == "line2")
    assert (line.devices, line.requests, line.line) == (1, 1, "/dev/ttyUSB1 2400 Bd")
    assert line.load_pct == pytest.approx(100 * ((4 + 16 + 4 + 12 + 22) * 11 / 2400 + 0.1) / 10)
    assert line.assumption == "100 ms turn-round of a meter"
