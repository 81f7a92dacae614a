"""Meters whose plates nobody has read are found, alone and in company."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from edge_config.schema import SerialBus
from gateway.commissioning import scan_meters
from gateway.commissioning.line import Line as Asked
from gateway.commissioning.scan_meters import PAIRS, Seen
from gateway.commissioning.scan_rounds import Protocol, Steps
from gateway.sources.serial_wire import LineWire
from tests.commissioning.raw_meters import Line, electric, serial, water

ONE, TWO, THREE = "000012345678", "000012345679", "000099991278"
TIMEOUT_S = 0.1


@dataclass
class Told:
    """What a scan told while it went on."""

    steps: list[tuple[int, int]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


async def found_on(
    line: Line, protocol: Protocol = "dlt645", timeout_s: float = TIMEOUT_S
) -> tuple[list[Seen], Told]:
    told = Told()
    async with serial(line) as path:
        bus = SerialBus(id="b", kind="serial-meter", port=path, baudrate=115200, timeout_s=timeout_s)
        steps = Steps(lambda done, total: told.steps.append((done, total)), 1)
        async with Asked(bus, lambda tap: LineWire(bus, tap)) as asked:
            found = [seen async for seen in scan_meters.meters(asked, protocol, steps, told.said.append)]
    return found, told


@pytest.mark.parametrize("tells_address", [True, False])
async def test_the_only_meter_is_found_by_the_wildcard_and_no_other_is_looked_for(
    tells_address: bool,
) -> None:
    line = Line([electric(ONE, tells_address=tells_address)])
    found, told = await found_on(line)
    assert [seen.address for seen in found] == [ONE]
    assert told.said == []
    assert len(line.asked) <= 4


async def test_nobody_is_found_where_nobody_is() -> None:
    assert await found_on(Line([])) == ([], Told([(1, 1)]))


@pytest.fixture(name="pairs")
def _pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the pairs that matter are asked: a hundred silences take too long for a test."""
    monkeypatch.setattr(scan_meters, "PAIRS", ("12", "34", "56", "78", "79", "99"))


@pytest.mark.usefixtures("pairs")
async def test_several_meters_that_garble_each_other_are_told_apart_by_their_digits() -> None:
    found, told = await found_on(Line([electric(ONE), electric(TWO), electric(THREE)]))
    assert sorted(seen.address or "" for seen in found) == [ONE, TWO, THREE]
    assert "several meters answer at once" in told.said[0]
    assert "6 × 0.2 s = 1 s" in told.said[0]
    assert told.steps[-1][0] == told.steps[-1][1] == 1 + 2 * 6  # the pair 78 is shared


async def test_a_second_meter_that_answers_later_is_not_overlooked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan_meters, "PAIRS", ("78", "79"))
    found, _ = await found_on(Line([electric(ONE), electric(TWO)], late_s=0.3), timeout_s=0.6)
    assert sorted(seen.address or "" for seen in found) == [ONE, TWO]


@pytest.mark.usefixtures("pairs")
async def test_meters_that_refuse_the_first_reading_are_asked_for_another() -> None:
    meters = [electric(ONE, has="00000000"), electric(TWO, has="00000000")]
    found, _ = await found_on(Line(meters))
    assert sorted(seen.address or "" for seen in found) == [ONE, TWO]


@pytest.mark.usefixtures("pairs")
async def test_what_cannot_be_told_apart_is_said_to_be_garbled() -> None:
    def noise(request: bytes) -> bytes | None:
        return b"\x68\x00\xff" if request[8] == 0x13 else None

    (seen,), _ = await found_on(Line([noise]))
    assert (seen.address, seen.answer.outcome) == (None, "nonsense")
    assert "no digits tell them apart" in seen.answer.detail


async def test_a_water_meter_is_found_by_its_wildcard_whichever_way_round_it_wants_its_identifier() -> None:
    for order in (b"\x90\x1f", b"\x1f\x90"):
        (seen,), _ = await found_on(Line([water("33001122334455", order)]), "cjt188")
        assert (seen.address, seen.meter_type) == ("33001122334455", 0x10)


async def test_several_water_meters_are_said_to_be_several() -> None:
    (seen,), _ = await found_on(Line([water("33001122334455"), water("33001122334466")]), "cjt188")
    assert (seen.address, seen.answer.outcome) == (None, "nonsense")
    assert "several meters answer at once: connect one alone" in seen.answer.detail


def test_every_pair_of_digits_is_asked() -> None:
    assert [*map(int, PAIRS)] == [*range(100)]
