"""Who answers, and what it may be."""

from __future__ import annotations

import logging

import pytest

from devices import profile as packaged
from devices.profile import ModbusProfile
from edge_config.schema import SerialBus, TcpBus
from gateway.commissioning.scan import Found, Wanted, answers_to_any, scan
from gateway.commissioning.scan_rounds import Round, Steps, rounds_of, steps_of
from gateway.errors import NotConnectedError
from tests.commissioning.meters import DTSU666, bus_of
from tests.sources import slave as far_end
from tests.sources.slave import Slave

MODBUS = Round(TcpBus(id="b", kind="modbus-tcp", host="192.0.2.1")).asks
READ_IDENTIFICATION = 0x2B


@pytest.fixture(autouse=True)
def _quiet_pymodbus() -> None:
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)


def profiles(*names: str) -> list[ModbusProfile]:
    loaded = [packaged.load(name) for name in names]
    return [profile for profile in loaded if isinstance(profile, ModbusProfile)]


async def found_by(wanted: Wanted) -> tuple[list[Found], list[tuple[int, int]]]:
    told: list[tuple[int, int]] = []
    steps = Steps(lambda done, total: told.append((done, total)), steps_of(wanted.rounds, len(wanted.units)))
    return [one async for one in scan(wanted, steps, lambda _: None)], told


async def test_units_that_answer_or_refuse_are_found_and_others_not() -> None:
    slave = Slave(bus_of({2: DTSU666, 5: {0: 7}}))
    async with far_end.tcp(slave) as port:
        bus = TcpBus(id="b", kind="modbus-tcp", host="127.0.0.1", port=port, timeout_s=0.05)
        found, told = await found_by(Wanted([Round(bus)], range(1, 7), []))
    assert [(one.unit_id, one.outcome) for one in found] == [(2, "refused"), (5, "answered")]
    assert told[-1] == (6, 6)


async def test_only_reads_go_out() -> None:
    slave = Slave(bus_of({1: DTSU666}))
    async with far_end.tcp(slave) as port:
        bus = TcpBus(id="b", kind="modbus-tcp", host="127.0.0.1", port=port, timeout_s=0.05)
        await found_by(
            Wanted([Round(bus)], [1], profiles("chint-dtsu666", "eastron-sdm630", "growatt-inverter"))
        )
    assert {request[1] for request in slave.asked} <= {1, 2, 3, 4, READ_IDENTIFICATION}


async def test_the_profile_that_reads_sensibly_is_suggested_first() -> None:
    async with far_end.tcp(Slave(bus_of({3: DTSU666}))) as port:
        bus = TcpBus(id="b", kind="modbus-tcp", host="127.0.0.1", port=port, timeout_s=0.05)
        tried = profiles(
            "acrel-adl400", "chint-dtsu666-401e", "chint-dtsu666", "eastron-sdm630", "pulse-water"
        )
        (found,), _ = await found_by(Wanted([Round(bus)], [3], tried))
    assert found.suggestions[0].profile == "chint-dtsu666"
    assert "energy_import 1234.5 kWh" in found.suggestions[0].sample


def text(address: int, words: str) -> dict[int, int]:
    data = words.encode().ljust(32, b"\0")
    return {address + index: int.from_bytes(data[2 * index : 2 * index + 2], "big") for index in range(16)}


async def test_a_device_that_names_itself_comes_first_and_others_of_its_kind_not_at_all() -> None:
    sunspec = dict.fromkeys(range(40000, 40200), 0)
    sunspec |= {40000: 0x5375, 40001: 0x6E53, 40002: 1, 40003: 66, 40070: 203, 40071: 105}
    sunspec |= {**text(40004, "Maker"), **text(40020, "M-1")}
    async with far_end.tcp(Slave(bus_of({1: sunspec}))) as port:
        bus = TcpBus(id="b", kind="modbus-tcp", host="127.0.0.1", port=port, timeout_s=0.05)
        tried = profiles("sunspec-inverter", "sunspec-meter", "chint-dtsu666")
        (found,), _ = await found_by(Wanted([Round(bus)], [1], tried))
    first, *others = found.suggestions
    assert (first.profile, first.is_identified, first.says) == ("sunspec-meter", True, "Maker, M-1")
    assert "sunspec-inverter" not in [other.profile for other in others]


async def test_a_serial_line_is_tried_at_its_own_speed_first_and_then_no_further() -> None:
    async with far_end.serial(Slave(bus_of({4: DTSU666}))) as path:
        line = SerialBus(id="b", kind="modbus-rtu", port=path, baudrate=19200, parity="N", timeout_s=0.05)
        found, _ = await found_by(Wanted(rounds_of(line, MODBUS, [9600, 19200], ["N", "E"]), [3, 4], []))
    assert [(one.unit_id, one.setting) for one in found] == [(4, "19200 8N1")]


async def test_a_line_that_cannot_be_opened_ends_the_scan_with_its_reason() -> None:
    async with far_end.tcp(Slave()) as port:
        pass
    bus = TcpBus(id="b", kind="modbus-tcp", host="127.0.0.1", port=port, timeout_s=0.05)
    with pytest.raises(NotConnectedError, match=r"no connection to 127\.0\.0\.1"):
        await found_by(Wanted([Round(bus)], range(1, 248), []))


def test_one_device_that_answers_to_any_unit_id_is_recognised() -> None:
    bus = TcpBus(id="b", kind="modbus-tcp", host="192.0.2.1")
    found = [Found(bus, unit, "answered", 1.0) for unit in range(1, 31)]
    assert answers_to_any(found, 30)
    assert not answers_to_any(found[:2], 30)
    assert not answers_to_any(found[:1], 1)


async def test_a_unit_without_holding_registers_is_found_by_its_input_registers() -> None:
    def inputs_only(request: bytes) -> bytes | None:
        return bytes((1, 4, 2, 0, 7)) if request[1] == 4 else None

    async with far_end.tcp(Slave(inputs_only)) as port:
        bus = TcpBus(id="b", kind="modbus-tcp", host="127.0.0.1", port=port, timeout_s=0.1)
        (found,), _ = await found_by(Wanted([Round(bus)], [1], []))
    assert (found.unit_id, found.outcome) == (1, "answered")


async def test_what_a_unit_says_of_itself_stands_beside_it() -> None:
    said = b"".join(bytes((key, len(text))) + text for key, text in enumerate((b"Maker", b"M-1", b"2.0")))

    def named(request: bytes) -> bytes | None:
        if request[1] == READ_IDENTIFICATION:
            return request[:2] + bytes((0x0E, 1, 1, 0, 0, 3)) + said
        return request[:2] + bytes((2, 0, 7))

    async with far_end.tcp(Slave(named)) as port:
        bus = TcpBus(id="b", kind="modbus-tcp", host="127.0.0.1", port=port, timeout_s=0.2)
        found, _ = await found_by(Wanted([Round(bus)], [1, 2], []))
    assert [(one.unit_id, one.says) for one in found] == [(1, "Maker M-1 2.0"), (2, "Maker M-1 2.0")]
