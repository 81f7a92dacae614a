"""Simulated DL/T 645 and CJ/T 188 meters, heard by a plain reader that shares no code with them or with the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edge_config.schema import SiteFile
from edge_config.site import LoadedSite
from simulators.buses import Buses
from simulators.campus import Campus
from simulators.errors import SimulatorError
from simulators.meter_device import Fault
from simulators.meter_frames import bcd, next_request
from tests.sources.meter_lines import FLAT, MAIN, NOW, PUMP, WATER, school, server
from tests.sources.slave import crc

READ_ENERGY = "68 16 00 00 00 00 00 68 11 04 33 33 34 33"
READ_WATER = "68 10 78 56 34 12 00 00 00 01 03 90 1F 00"


def closed(text: str) -> bytes:
    """The bytes with check sum and end byte."""
    data = bytes.fromhex(text)
    return data + bytes((sum(data) % 256, 0x16))


@asynccontextmanager
async def served(folder: Path, fault: dict[str, Fault] | None = None) -> AsyncIterator[tuple[Campus, Buses]]:
    campus = Campus(school(folder, server(), (MAIN, FLAT, WATER, PUMP)))
    campus.warm_up(NOW)
    async with Buses(campus, lambda: NOW, fault or {}, {"line": 0}) as buses:
        yield campus, buses


async def ask(buses: Buses, request: bytes, length: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", buses.served["line"].port)
    writer.write(request)
    try:
        async with asyncio.timeout(60):
            return await reader.readexactly(length)
    finally:
        writer.close()
        await writer.wait_closed()


def number(data: bytes) -> int:
    return int(data[::-1].hex())


async def test_an_electricity_meter_shows_the_truth_at_its_step(tmp_path: Path) -> None:
    async with served(tmp_path) as (campus, buses):
        reply = await ask(buses, b"\xfe\xfe" + closed(READ_ENERGY), 22)
        assert reply[:12].hex(" ") == "fe fe 68 16 00 00 00 00 00 68 91 08"
        assert reply[-2:] == closed(reply[2:-2].hex())[-2:]
        shown = number(bytes(byte - 0x33 & 0xFF for byte in reply[16:20]))
        assert shown == int(campus.truth("flat.energy_import", NOW) * 100)


async def test_a_water_meter_shows_the_truth_in_cubic_metres(tmp_path: Path) -> None:
    async with served(tmp_path) as (campus, buses):
        reply = await ask(buses, closed(READ_WATER), 37)
        assert reply[2:16].hex(" ") == "68 10 78 56 34 12 00 00 00 81 16 90 1f 00"
        assert number(reply[16:20]) == int(campus.truth("water.volume", NOW) * 100)
        assert reply[20] == 0x2C
        assert reply[26:33] == b"\xff" * 7


async def test_a_modbus_meter_beside_them_answers_too(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, buses):
        request = bytes.fromhex("680400340002")
        reply = await ask(buses, closed(READ_WATER) + request + crc(request), 37 + 9)
        assert reply[37:40] == bytes.fromhex("680404")
        assert crc(reply[37:-2]) == reply[-2:]


async def test_faults_are_silence_and_refusals(tmp_path: Path) -> None:
    async with served(tmp_path, {"flat": Fault.BUSY, "water": Fault.DEAD}) as (_, buses):
        reply = await ask(buses, closed(READ_WATER) + closed(READ_ENERGY), 15)
        assert reply.hex(" ") == "fe fe " + closed("68 16 00 00 00 00 00 68 D1 01 34").hex(" ")
        assert (buses.frame_meters()["flat"].refused, buses.frame_meters()["water"].answered) == (1, 0)


async def test_a_taken_port_is_said_to_be_taken(tmp_path: Path) -> None:
    async with served(tmp_path) as (campus, buses):
        taken = buses.served["line"].port
        assert taken is not None
        with pytest.raises(SimulatorError, match=f"port {taken}"):
            async with Buses(campus, lambda: NOW, {}, {"line": taken}):
                pass


def test_a_meter_without_an_address_cannot_be_simulated(tmp_path: Path) -> None:
    file = SiteFile.model_validate(
        {"site": {"id": "s", "name": "S"}, "gateway": {"id": "g"}, "buses": [{"id": "line", **server()}]}
    )
    whole = school(tmp_path, server(), ({"id": "water", "profile": "cjt188-water"},))
    site = LoadedSite(whole.file, tmp_path, tmp_path / "s.yaml", whole.profiles)
    assert file.buses == site.file.buses

    async def serve() -> None:
        async with Buses(Campus(site), lambda: NOW, {}, {"line": 0}):
            pass

    with pytest.raises(SimulatorError, match="water: has no address"):
        asyncio.run(serve())


@pytest.mark.parametrize(("value", "image"), [(123456, "56341200"), (-5, "05000080"), (0, "00000000")])
def test_digits_go_low_byte_first_with_the_sign_on_top(value: int, image: str) -> None:
    assert bcd(value, 4).hex() == image


def test_requests_are_cut_out_of_noise_and_pieces() -> None:
    buffer = bytearray(b"\xfe\x68\x00\x00" + closed(READ_ENERGY)[:7])
    assert next_request(buffer) is None
    buffer += closed(READ_ENERGY)[7:] + b"\xfe" + closed(READ_WATER)
    assert next_request(buffer) == closed(READ_ENERGY)
    assert next_request(buffer) == closed(READ_WATER)
    assert next_request(buffer) is None
