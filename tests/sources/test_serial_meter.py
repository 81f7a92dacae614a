"""Meters of several protocols on one line, over a pty and a TCP serial server, read to the last digit."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from devices import cjt188
from edge_config.schema import SerialBus
from gateway.errors import ConfigError
from gateway.sources.modbus import PymodbusWire
from gateway.sources.poll import build_bus
from gateway.sources.serial_meter import MeterPoll, serial_meter
from gateway.sources.serial_wire import LineWire
from simulators.frame_meter import Following
from simulators.meter_device import Fault
from tests.sources.meter_lines import (
    FLAT,
    HEAT,
    MAIN,
    PUMP,
    WATER,
    polled,
    school,
    serial,
    server,
    simulated,
)

ALL = (MAIN, WATER, PUMP, FLAT, HEAT)


@pytest.mark.parametrize(
    "bus",
    [serial(), server(), serial(kind="modbus-rtu", parity="E"), server(kind="modbus-rtu-over-tcp")],
    ids=["serial-meter", "serial-meter-over-tcp", "modbus-rtu", "modbus-rtu-over-tcp"],
)
async def test_three_protocols_on_one_line_are_read_to_the_last_digit(
    bus: dict[str, Any], tmp_path: Path
) -> None:
    async with simulated(school(tmp_path, bus, ALL)) as line, polled(line):
        for device in ("main", "water", "pump", "flat", "heat"):
            await line.sink.until(partial(line.has, device))
            assert line.read(device) == line.expected(device)
        assert line.sink.rejected == []
        assert {state for _, state, _ in line.sink.states} == {"online"}


async def test_a_dead_meter_leaves_the_others_alone_and_is_offline_in_words(tmp_path: Path) -> None:
    async with simulated(school(tmp_path, serial(), ALL), {"water": Fault.DEAD}) as line, polled(line):
        await line.sink.until(lambda: ("water", "offline") in {(d, s) for d, s, _ in line.sink.states})
        for device in ("main", "pump", "flat", "heat"):
            await line.sink.until(partial(line.has, device))
            assert line.read(device) == line.expected(device)
        detail = next(detail for device, state, detail in line.sink.states if device == "water")
        assert "表 00000012345678 在 0.3 秒内无应答" in detail
        assert " / meter 00000012345678 did not answer within 0.3 s: check power, wiring" in detail


async def test_a_meter_that_answers_late_is_never_taken_for_another(tmp_path: Path) -> None:
    twin = {**FLAT, "id": "twin", "address": "000000000017", "ct_ratio": 1}
    async with (
        simulated(school(tmp_path, serial(), (FLAT, twin)), {"flat": Fault.SLOW}) as line,
        polled(line),
    ):
        line.meter("flat").slow_s = 0.4
        await line.sink.until(lambda: line.has("twin"))
        assert line.read("twin") == line.expected("twin")
        assert line.read("flat") == {}


async def test_the_identifier_s_order_is_found_out_and_kept(tmp_path: Path) -> None:
    async with simulated(school(tmp_path, serial(), (WATER,))) as line:
        line.meter("water").orders = (b"\x1f\x90",)
        async with polled(line):
            await line.sink.until(lambda: len(line.sink.readings) >= 9)
        orders = [request[11:13] for request in line.meter("water").asked]
        assert orders[0] == b"\x90\x1f"
        assert set(orders[1:]) == {b"\x1f\x90"}
        assert [state for _, state, _ in line.sink.states] == ["suspect", "online"]


async def test_a_meter_without_blocks_is_asked_point_by_point_and_that_is_remembered(tmp_path: Path) -> None:
    async with simulated(school(tmp_path, serial(), (MAIN,))) as line:
        line.meter("main").has_blocks = False
        async with polled(line):
            await line.sink.until(lambda: "main.current_c" in line.read("main"))
            known = len(line.sink.readings)
            await line.sink.until(lambda: len(line.sink.readings) >= known + 20)
        found = line.read("main")
        assert {"main.voltage_b", "main.current_c", "main.power"} <= found.keys()
        assert found.items() <= line.expected("main").items()
        assert line.meter("main").refused == 3  # energies, voltages, currents
        assert line.sink.rejected == []


@pytest.mark.parametrize("frame_bytes", [3, 7], ids="at most {} bytes".format)
async def test_a_block_that_comes_in_frames_that_follow_is_put_together(
    tmp_path: Path, frame_bytes: int
) -> None:
    async with simulated(school(tmp_path, serial(), (MAIN,))) as line:
        line.meter("main").frame_bytes = frame_bytes
        async with polled(line):
            await line.sink.until(lambda: line.has("main"))
        assert line.read("main") == line.expected("main")
        assert line.sink.rejected == []


@pytest.mark.parametrize("following", [Following.MISCOUNTED, Following.LOST])
async def test_of_a_block_whose_end_is_lost_nothing_is_taken(tmp_path: Path, following: Following) -> None:
    async with simulated(school(tmp_path, serial(), (FLAT,))) as line:
        meter = line.meter("flat")
        meter.frame_bytes, meter.following = 4, following
        async with polled(line):
            await line.sink.until(lambda: ("flat", "suspect") in {(d, s) for d, s, _ in line.sink.states})
            await line.sink.until(lambda: {"flat.power", "flat.frequency"} <= line.read("flat").keys())
        assert {"flat.energy_import", "flat.energy_peak"}.isdisjoint(line.read("flat"))
        assert line.read("flat").items() <= line.expected("flat").items()


async def test_a_meter_that_refuses_to_go_on_gives_no_half_block(tmp_path: Path) -> None:
    async with simulated(school(tmp_path, serial(), (MAIN,))) as line:
        meter = line.meter("main")
        meter.frame_bytes, meter.following = 4, Following.REFUSED
        async with polled(line):
            await line.sink.until(lambda: {"main.voltage_c", "main.current_c"} <= line.read("main").keys())
        assert line.read("main").items() <= line.expected("main").items()
        assert meter.refused == 3  # then each point is asked for by itself


async def test_a_heat_meter_with_the_longer_reply_is_read_at_its_own_places(tmp_path: Path) -> None:
    async with simulated(school(tmp_path, serial(), (HEAT,))) as line:
        line.meter("heat").reply_bytes = 46
        async with polled(line):
            await line.sink.until(lambda: line.has("heat"))
        assert line.read("heat") == line.expected("heat")
        assert line.sink.rejected == []


async def test_a_refusal_is_counted_with_its_words_and_the_meter_is_online(tmp_path: Path) -> None:
    async with simulated(
        school(tmp_path, serial(), (FLAT, WATER)), {"flat": Fault.BUSY, "water": Fault.BUSY}
    ) as line:
        async with polled(line):
            await line.sink.until(lambda: "water.volume" in {subject for subject, *_ in line.sink.rejected})
            await line.sink.until(lambda: "flat.power" in {subject for subject, *_ in line.sink.rejected})
        said = {subject: (reason, why) for subject, reason, why in line.sink.rejected}
        assert said["flat.power"] == (
            "refused",
            "表 000000000016 拒绝：其他错误 / meter 000000000016 refused: other error",
        )
        assert said["water.volume"][0] == "refused"
        assert [state for device, state, _ in line.sink.states if device == "flat"] == ["online"]


def test_a_reply_laid_out_otherwise_gives_no_value_and_says_so(tmp_path: Path) -> None:
    site = school(tmp_path, serial(), (WATER,))
    meter = serial_meter(site, site.file.devices[0])
    (ready,) = MeterPoll(meter).blocks
    long = cjt188.Frame(0x10, bytes.fromhex(WATER["address"])[::-1], 0x81, b"\x90\x1f\x00" + bytes(43))
    points, _, bad = ready.values(long.encode())
    assert points == ()
    assert {(one.point, one.reason) for one in bad} == {
        (f"water.{name}", "wrong_length") for name in ("volume", "valve_closed", "battery_low")
    }
    assert "46 bytes of data where its profile knows 22" in bad[0].example


def test_energies_of_a_three_phase_meter_are_asked_for_in_few_blocks_and_rarely(tmp_path: Path) -> None:
    site = school(tmp_path, serial(), (MAIN,))
    poll = MeterPoll(serial_meter(site, site.file.devices[0]))
    assert {ready.read.di for ready in poll.blocks if ready.read and not ready.is_slow} == {
        "02030000", "02040000", "0201FF00", "0202FF00", "02060000", "02800002",
    }  # fmt: skip
    assert {ready.read.di for ready in poll.blocks if ready.read and ready.is_slow} == {
        "0001FF00", "00020000", "00030000",
    }  # fmt: skip


def test_a_line_is_raw_only_where_a_meter_needs_it(tmp_path: Path) -> None:
    rtu = serial(kind="modbus-rtu")
    plain, mixed = school(tmp_path, rtu, (PUMP,)), school(tmp_path, rtu, (PUMP, WATER))
    assert isinstance(build_bus(plain, plain.file.buses[0])[1], PymodbusWire)
    assert isinstance(build_bus(mixed, mixed.file.buses[0])[1], LineWire)


def test_a_meter_s_line_has_its_usual_settings_unless_told() -> None:
    bus = SerialBus.model_validate({"id": "line", "kind": "serial-meter", "port": "/dev/ttyUSB0"})
    assert (bus.baudrate, bus.parity, bus.timeout_s) == (2400, "E", 1.0)
    told = SerialBus.model_validate(
        {"id": "line", "kind": "serial-meter", "port": "/dev/ttyUSB0", "parity": "N"}
    )
    assert (told.baudrate, told.parity) == (2400, "N")
    modbus = SerialBus.model_validate({"id": "line", "kind": "modbus-rtu", "port": "/dev/ttyUSB0"})
    assert (modbus.baudrate, modbus.parity) == (9600, "N")


def test_a_meter_without_an_address_is_a_config_error(tmp_path: Path) -> None:
    site = school(tmp_path, serial(), ({"id": "water", "profile": "cjt188-water"},))
    with pytest.raises(ConfigError, match="water"):
        build_bus(site, site.file.buses[0])
