"""In which order a line is asked, and how long that takes at most."""

from __future__ import annotations

import pytest

from edge_config.schema import SerialBus, TcpBus
from gateway.commissioning.scan_rounds import (
    PROTOCOLS,
    Protocol,
    Round,
    Steps,
    rounds_of,
    seconds_max,
    steps_of,
)

MODBUS = frozenset[Protocol]({"modbus"})
OWN = SerialBus(id="b", kind="modbus-rtu", port="/dev/ttyS9", baudrate=9600, parity="E", timeout_s=0.2)


def settings(rounds: list[Round]) -> list[tuple[int, str]]:
    return [(one.bus.baudrate, one.bus.parity) for one in rounds if isinstance(one.bus, SerialBus)]


def test_every_setting_of_the_lists_is_asked_once_the_own_first() -> None:
    rounds = rounds_of(OWN, PROTOCOLS, [9600, 2400], ["N", "E"])
    assert settings(rounds) == [(9600, "E"), (9600, "N"), (2400, "N"), (2400, "E")]
    assert {one.asks for one in rounds} == {PROTOCOLS}


def test_meters_are_asked_at_their_usual_speeds_before_modbus_units_are_at_theirs() -> None:
    own, *others = rounds_of(OWN, PROTOCOLS)
    assert (own.bus, own.asks) == (OWN, PROTOCOLS)
    meters, units = others[:3], others[3:]
    assert settings(meters) == [(2400, "E"), (1200, "E"), (4800, "E")]
    assert [sorted(one.asks) for one in meters] == [["cjt188", "dlt645"], ["dlt645"], ["dlt645"]]
    assert {one.asks for one in units} == {MODBUS}
    assert len(units) == 6 * 3 - 1


def test_a_tcp_line_has_one_setting() -> None:
    server = TcpBus(id="b", kind="modbus-rtu-over-tcp", host="192.0.2.1")
    assert rounds_of(server, PROTOCOLS) == [Round(server, PROTOCOLS)]


def test_steps_and_time_are_known_before() -> None:
    rounds = [Round(OWN, PROTOCOLS)]
    assert steps_of(rounds, 10) == 12
    unit_s = 2 * (2 * 0.2 + 8 * 11 / 9600)
    meter_s = 4 * (2 * 0.6 + 20 * 11 / 9600)
    assert seconds_max(rounds, 10, 0.6) == pytest.approx(10 * unit_s + 2 * meter_s)
    tcp = TcpBus(id="b", kind="modbus-tcp", host="192.0.2.1", timeout_s=0.2)
    assert seconds_max([Round(tcp)], 247, 0.6) == pytest.approx(247 * 2 * 0.2)


def test_a_scan_never_says_that_more_is_done_than_there_is() -> None:
    told: list[tuple[int, int]] = []
    steps = Steps(lambda done, total: told.append((done, total)), 1)
    steps.done()
    steps.done()
    steps.more(3)
    steps.done()
    assert told == [(1, 1), (2, 2), (3, 5)]
