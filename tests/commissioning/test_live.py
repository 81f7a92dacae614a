"""One device read once: the values the collector would store, beside what came for them."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from gateway.commissioning.line import line_of
from gateway.commissioning.live import look, target_of
from gateway.errors import ConfigError
from tests.commissioning.meters import DTSU666, INVERTER, SUNSPEC, bus_of, f32, site
from tests.sources import slave as far_end
from tests.sources.slave import Slave

METER = "id: m, profile: chint-dtsu666, unit_id: 1, ct_ratio: 10"


@pytest.fixture(autouse=True)
def _quiet_pymodbus() -> None:
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)


async def test_values_stand_beside_the_registers_they_came_from(tmp_path: Path) -> None:
    async with far_end.tcp(Slave(bus_of({1: DTSU666}))) as port:
        loaded = site(tmp_path, port, METER)
        async with line_of(loaded, "east") as line:
            rows = {row.point: row for row in (await look(line, target_of(loaded, "m"), 0)).rows}
    energy = rows["m.energy_import"]
    assert (energy.value, energy.unit, energy.quality, energy.reason) == (12345.0, "kWh", "good", None)
    assert (energy.place, energy.raw) == ("3 0x101E", "449a 5000")
    assert energy.latency_ms is not None
    assert rows["m.power"].value == 12.5


async def test_a_sunspec_device_is_read_where_its_chain_leads_to(tmp_path: Path) -> None:
    async with far_end.tcp(Slave(bus_of({1: SUNSPEC}))) as port:
        loaded = site(tmp_path, port, INVERTER)
        async with line_of(loaded, "east") as line:
            rows = {row.point: row for row in (await look(line, target_of(loaded, "m"), 0)).rows}
    assert {name: row.value for name, row in rows.items()} == {"m.power": 12.34, "m.energy_yield": 45678.9}
    assert rows["m.power"].registers[-2:] == (1234, 1)


async def test_a_device_without_the_block_of_its_profile_is_called_another(tmp_path: Path) -> None:
    async with far_end.tcp(Slave(bus_of({1: {**SUNSPEC, 70: 203}}))) as port:
        loaded = site(tmp_path, port, INVERTER)
        async with line_of(loaded, "east") as line:
            rows = (await look(line, target_of(loaded, "m"), 0)).rows
    assert {(row.value, row.quality, row.reason) for row in rows} == {(None, "bad", "wrong_identity")}


async def test_a_value_out_of_range_is_shown_and_called_bad(tmp_path: Path) -> None:
    meter = {**DTSU666, **f32((0x2012, 9e7))}
    async with far_end.tcp(Slave(bus_of({1: meter}))) as port:
        loaded = site(tmp_path, port, METER)
        async with line_of(loaded, "east") as line:
            rows = {row.point: row for row in (await look(line, target_of(loaded, "m"), 0)).rows}
    assert (rows["m.power"].value, rows["m.power"].quality, rows["m.power"].reason) == (
        90000.0,
        "bad",
        "range",
    )


async def test_a_refused_block_is_cut_as_the_poller_cuts_it(tmp_path: Path) -> None:
    meter = bus_of({1: DTSU666})

    def strict(request: bytes) -> bytes | None:
        return meter(request) if int.from_bytes(request[4:6], "big") == 2 else b"\x01\x83\x02"

    async with far_end.tcp(Slave(strict)) as port:
        loaded = site(tmp_path, port, METER)
        async with line_of(loaded, "east") as line:
            rows = (await look(line, target_of(loaded, "m"), 0)).rows
    assert [row.value for row in rows] == [12.5, 12345.0, 5122.5]


async def test_after_a_silence_the_rest_is_not_asked(tmp_path: Path) -> None:
    slave = Slave(lambda _: None)
    async with far_end.tcp(slave) as port:
        loaded = site(tmp_path, port, METER)
        async with line_of(loaded, "east") as line:
            rows = (await look(line, target_of(loaded, "m"), 0)).rows
    assert len(slave.asked) == 1
    assert {row.reason for row in rows} == {"silent", "not_asked"}
    assert {row.quality for row in rows} == {"bad"}


async def test_a_device_that_does_not_exist_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no device 'x'"):
        target_of(site(tmp_path, 502, METER), "x")
