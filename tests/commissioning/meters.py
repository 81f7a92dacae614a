"""Meters of a few lines behind the scripted slave, and site files that name them."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

from edge_config.loader import load_site
from edge_config.site import LoadedSite
from tests.sources.slave import Script

Registers = Mapping[int, int]


def f32(*places: tuple[int, float]) -> dict[int, int]:
    """Registers that hold big-endian floats at the addresses given."""
    words: dict[int, int] = {}
    for address, value in places:
        words[address], words[address + 1] = struct.unpack(">HH", struct.pack(">f", value))
    return words


DTSU666 = f32((0x101E, 1234.5), (0x1028, 512.25), (0x2012, 12500.0))
"""1234.5 kWh in, 512.25 kWh out, 1.25 kW, as a CHINT DTSU666 keeps them."""

SUNSPEC = {0: 0x5375, 1: 0x6E53, 2: 1, 3: 66, 70: 103, 71: 50, 84: 1234, 85: 1, 94: 0x0045, 95: 0xB352, 96: 1}
"""12.34 kW and 45678.9 kWh in a block that begins at 70, behind the marker at 0."""
INVERTER = "id: m, profile: sunspec-inverter, unit_id: 1"


def swapped(registers: Registers) -> dict[int, int]:
    """The same numbers with the low word first."""
    words = dict(registers)
    for address in sorted(registers)[::2]:
        words[address], words[address + 1] = registers[address + 1], registers[address]
    return words


def bus_of(units: Mapping[int, Registers]) -> Script:
    """Units that answer from their registers, refuse other addresses with exception 2, and function 4 with 1; the
    registers between them, where a block may pass, hold 0 as on the real meter. Other units are silent."""

    def answer(request: bytes) -> bytes | None:
        unit, function = request[:2]
        if unit not in units:
            return None
        if len(request) != 6:
            return bytes((unit, function | 0x80, 1))
        address, count = struct.unpack(">HH", request[2:])
        if function != 3:
            return bytes((unit, function | 0x80, 1))
        registers = units[unit]
        if not any(at in registers for at in range(address, address + count)):
            return bytes((unit, function | 0x80, 2))
        words = [registers.get(at, 0) for at in range(address, address + count)]
        return struct.pack(f">BBB{count}H", unit, function, 2 * count, *words)

    return answer


def site(
    folder: Path, port: int | str, *devices: str, kind: str = "modbus-tcp", timeout_s: float = 0.15
) -> LoadedSite:
    """A site of one bus; each device is its keys after ``bus: east``."""
    where = f"port: {port}, baudrate: 115200" if kind == "modbus-rtu" else f"host: 127.0.0.1, port: {port}"
    lines = [f"  - {{bus: east, {device}}}" for device in devices]
    path = folder / "site.yaml"
    path.write_text(
        "site: {id: s, name: 测试学校}\n"
        "gateway: {id: gw-1}\n"
        "spaces:\n  - {id: a, name: 教学楼A, kind: building}\n  - {id: a-1, name: 配电间, kind: room, in: a}\n"
        f"buses:\n  - {{id: east, kind: {kind}, {where}, timeout_s: {timeout_s}}}\n"
        "devices:\n" + "\n".join(lines) + "\n",
        encoding="utf-8",
    )
    return load_site(path)
