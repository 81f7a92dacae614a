"""A unit's own words are kept; what it says badly, or not at all, costs little."""

from __future__ import annotations

import logging

import pytest

from edge_config.schema import SerialBus, TcpBus
from gateway.commissioning.identity import SILENCES_MAX, identities, text_of
from tests.sources import slave as far_end
from tests.sources.slave import Slave


@pytest.fixture(autouse=True)
def _quiet_pymodbus() -> None:
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)


def bus(port: int, *, is_rtu: bool = False) -> TcpBus:
    kind = "modbus-rtu-over-tcp" if is_rtu else "modbus-tcp"
    return TcpBus.model_validate(
        {"id": "b", "kind": kind, "host": "127.0.0.1", "port": port, "timeout_s": 0.1}
    )


def test_maker_model_and_revision_stand_in_one_line() -> None:
    assert text_of({0: b"Maker", 1: b"M-1\x00", 2: b"2.0", 3: b"http"}) == "Maker M-1 2.0"
    assert text_of({0: b"\xff\xfe", 2: [b"1", b"2"]}) == "��"
    assert text_of({}) == ""


async def test_a_unit_that_refuses_says_nothing() -> None:
    async with far_end.tcp(Slave(lambda request: bytes((request[0], request[1] | 0x80, 1)))) as port:
        assert await identities(bus(port), [1, 2]) == {}


async def test_units_that_are_silent_are_not_asked_for_ever() -> None:
    slave = Slave(lambda _: None)
    async with far_end.tcp(slave) as port:
        assert await identities(bus(port), range(1, 50)) == {}
    assert len(slave.asked) == SILENCES_MAX


async def test_a_truncated_answer_is_no_identity() -> None:
    async with far_end.tcp(Slave(lambda request: request[:2] + bytes((0x0E, 1)))) as port:
        assert await identities(bus(port), [1]) == {}


async def test_nobody_is_asked_where_nobody_was_found_or_the_line_is_gone() -> None:
    async with far_end.tcp(Slave()) as port:
        assert await identities(bus(port), []) == {}
    assert await identities(bus(port), [1]) == {}
    gone = SerialBus(id="b", kind="modbus-rtu", port="/nonexistent/tty", timeout_s=0.1)
    assert await identities(gone, [1]) == {}
