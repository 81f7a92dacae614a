"""What is wrong with a bus, and what to do about it."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from edge_config.plan import BusPlan
from gateway.commissioning.advice import Advice, advise
from gateway.commissioning.doctor import LISTEN_S, UnitHealth, examine
from gateway.commissioning.line import bus_of, line_of
from gateway.commissioning.live import target_of
from tests.commissioning.meters import DTSU666, site, swapped
from tests.commissioning.meters import bus_of as script
from tests.sources import slave as far_end
from tests.sources.slave import Script, Slave, crc

QUIET = BusPlan("east", "modbus-rtu-over-tcp", "", 2, 2, 12.0, 5.0, "")
FULL = BusPlan("east", "modbus-rtu-over-tcp", "", 2, 2, 600.0, 140.0, "")


@pytest.fixture(autouse=True)
def _quiet_pymodbus() -> None:
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)


def meter(name: str, unit: int) -> str:
    return f"id: {name}, profile: chint-dtsu666, unit_id: {unit}"


async def examined(
    folder: Path, slave: Slave, *devices: str, polls: int = 2, plan: BusPlan = QUIET
) -> tuple[list[UnitHealth], list[Advice]]:
    """A bus of RTU frames over TCP with this slave at its end."""
    async with far_end.tcp(slave, is_rtu=True) as port:
        loaded = site(folder, port, *devices, kind="modbus-rtu-over-tcp", timeout_s=0.06)
        targets = [target_of(loaded, device) for device in loaded.devices]
        units = await examine(line_of(loaded, "east", LISTEN_S), targets, polls, lambda *_: None)
    return units, advise(bus_of(loaded, "east"), plan, units)


def spoken(advice: list[Advice]) -> str:
    return "\n".join(str(one) for one in advice)


async def test_a_healthy_bus_needs_no_advice(tmp_path: Path) -> None:
    slave = Slave(script({1: DTSU666, 2: DTSU666}))
    units, advice = await examined(tmp_path, slave, meter("a", 1), meter("b", 2))
    assert spoken(advice) == ""
    assert [(unit.device, unit.unit_id, unit.doubled, unit.suspicions) for unit in units] == [
        ("a", 1, 0, ()),
        ("b", 2, 0, ()),
    ]
    assert all(unit.counts == {"answered": unit.requests} and unit.requests == 4 for unit in units)
    assert all(unit.latency_ms_median is not None and unit.load_pct is not None for unit in units)


async def test_a_unit_that_never_answers_is_told_from_one_that_sometimes_does(tmp_path: Path) -> None:
    well = script({1: DTSU666})
    asked = 0

    def sometimes(request: bytes) -> bytes | None:
        nonlocal asked
        asked += request[0] == 1
        return None if asked % 4 == 3 else well(request)

    units, advice = await examined(tmp_path, Slave(sometimes), meter("a", 1), meter("b", 2), polls=3)
    assert units[0].counts["silent"] in range(1, units[0].requests)
    assert units[1].counts == {"silent": 3}
    assert "a: 地址 1 有" in spoken(advice)
    assert "b: 地址 2 从不应答" in spoken(advice)
    assert "check power, wiring and its unit id" in spoken(advice)


async def test_two_meters_at_one_address_are_suspected_by_the_second_reply(tmp_path: Path) -> None:
    slave = Slave()
    answer: Script = script({1: DTSU666, 2: DTSU666})

    def both(request: bytes) -> bytes | None:
        reply = answer(request)
        if reply and request[0] == 2:
            slave.send(reply + crc(reply))
        return reply

    slave.script = both
    units, advice = await examined(tmp_path, slave, meter("a", 1), meter("b", 2))
    assert units[0].doubled == 0
    assert units[1].doubled > 0
    assert "b: 地址 2 有" in spoken(advice)
    assert "two meters" in spoken(advice)


async def test_two_meters_at_one_address_are_suspected_by_replies_that_collide(tmp_path: Path) -> None:
    answer, slave = script({1: DTSU666, 2: DTSU666}), Slave()

    def collide(request: bytes) -> bytes | None:
        reply = answer(request)
        if reply is None or request[0] == 1:
            return reply
        slave.send(bytes(byte & 0x5A for byte in reply + crc(reply)))
        return None

    slave.script = collide
    units, advice = await examined(tmp_path, slave, meter("a", 1), meter("b", 2), polls=2)
    assert units[1].counts == {"nonsense": 2}
    assert [one.subject for one in advice] == ["b"]
    assert "two meters" in spoken(advice)


async def test_a_swapped_word_order_is_suspected_with_both_readings(tmp_path: Path) -> None:
    units, advice = await examined(tmp_path, Slave(script({1: swapped(DTSU666)})), meter("a", 1))
    assert {one.point for one in units[0].suspicions} == {"power", "energy_import", "energy_export"}
    assert "a.energy_import" in spoken(advice)
    assert "CDAB would read 1234.5" in spoken(advice)


async def test_a_schedule_that_does_not_fit_the_bus_is_a_fault(tmp_path: Path) -> None:
    _, advice = await examined(tmp_path, Slave(script({1: DTSU666})), meter("a", 1), polls=2, plan=FULL)
    assert [(one.subject, one.is_fault) for one in advice] == [("bus", True)]
    assert "140 %" in spoken(advice)


def test_a_line_on_which_nobody_answers_is_one_fault_of_the_line() -> None:
    from edge_config.schema import TcpBus

    silent = [UnitHealth(name, 1, 2, {"silent": 2}, 0, None, None, None, None) for name in ("a", "b")]
    bus = TcpBus(id="east", kind="modbus-rtu-over-tcp", host="192.0.2.1")
    assert advise(bus, QUIET, silent)[0].subject == "bus"
    assert "A and B are swapped" in spoken(advise(bus, QUIET, silent))
