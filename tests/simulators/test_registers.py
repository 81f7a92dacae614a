from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from devices.profile import ByteOrder, ModbusProfile, RegisterPoint
from simulators.campus import Campus
from simulators.meter_device import meter_device
from simulators.registers import blocks, encode


def words(*registers: int) -> bytes:
    return b"".join(register.to_bytes(2, "big") for register in registers)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (ByteOrder.ABCD, [0x4048, 0xF5C3]),
        (ByteOrder.CDAB, [0xF5C3, 0x4048]),
        (ByteOrder.BADC, [0x4840, 0xC3F5]),
        (ByteOrder.DCBA, [0xC3F5, 0x4840]),
    ],
)
def test_pi_in_every_byte_order(order: ByteOrder, expected: list[int]) -> None:
    assert encode(3.14, "f32", order) == expected


def test_integers_of_every_width() -> None:
    assert encode(-2, "i16", ByteOrder.ABCD) == [0xFFFE]
    assert encode(0x01020304, "u32", ByteOrder.CDAB) == [0x0304, 0x0102]
    assert encode(0x0102030405060708, "u64", ByteOrder.ABCD) == [0x0102, 0x0304, 0x0506, 0x0708]
    assert encode(0x0102030405060708, "u64", ByteOrder.CDAB) == [0x0708, 0x0506, 0x0304, 0x0102]


# Each maker's layout once more, by hand: (device, function, address, count) and how a reader who has only the
# maker's page would take the value from the bytes.
Reader = Callable[[bytes], float]
LAYOUTS: list[tuple[str, int, int, int, Reader]] = [
    ("main-e.energy_import", 3, 0x084C, 2, lambda b: struct.unpack(">I", b)[0] / 10),
    ("main-e.power", 3, 0x081A, 2, lambda b: struct.unpack(">f", b)[0]),
    ("light-a.energy_import", 3, 0x101E, 2, lambda b: struct.unpack(">f", b)[0] * 10),
    ("light-a.power", 3, 0x2012, 2, lambda b: struct.unpack(">f", b)[0] / 10_000 * 10),
    ("hvac-canteen.energy_import", 3, 0x401E, 2, lambda b: struct.unpack(">f", b)[0]),
    ("it-room-e.energy_import", 3, 0x4000, 2, lambda b: struct.unpack(">f", b)[0]),
    ("hvac-a.energy_import", 4, 0x0048, 2, lambda b: struct.unpack(">f", b)[0]),
    ("hvac-a.power", 4, 0x0034, 2, lambda b: struct.unpack(">f", b)[0] / 1000),
    ("pv.energy_yield", 4, 55, 2, lambda b: struct.unpack(">I", b)[0] / 10),
    (
        "main-w.volume",
        3,
        8,
        4,
        lambda b: struct.unpack(">i", b[2:4] + b[0:2])[0] + struct.unpack(">f", b[6:8] + b[4:6])[0],
    ),
    ("water-dorm.volume", 3, 0, 2, lambda b: struct.unpack(">I", b)[0] / 1000),
]


@pytest.mark.parametrize(
    ("point", "function", "address", "count", "read"), LAYOUTS, ids=lambda v: str(v)[:24]
)
def test_registers_read_as_the_makers_page_says(
    campus: Campus, monday: int, point: str, function: int, address: int, count: int, read: Reader
) -> None:
    ms = monday + 40_000_000
    device = campus.points[point].device
    profile = campus.site.profiles[device.profile]
    assert isinstance(profile, ModbusProfile)
    meter = meter_device(campus.of(device.id), profile, lambda: ms, None)
    value = read(words(*meter.image(function, address, count)))
    truth = float(campus.truth(point, ms))
    if campus.points[point].counts:
        step = float(campus.points[point].face.resolution)
        assert -1e-3 < truth - value < step + 1e-3
    else:
        assert value == pytest.approx(truth, abs=1e-2)


def test_a_window_may_cut_a_value_in_two(campus: Campus, monday: int) -> None:
    profile = campus.site.profiles["acrel-adl400"]
    assert isinstance(profile, ModbusProfile)
    meter = meter_device(campus.of("main-e"), profile, lambda: monday, None)
    whole = meter.image(3, 0x084A, 6)
    assert whole[:2] == [0, 0]
    assert meter.image(3, 0x084D, 1) == whole[3:4]


def test_near_points_share_a_block_and_far_ones_do_not() -> None:
    def at(address: int) -> RegisterPoint:
        return RegisterPoint.model_validate({"quantity": "active_power", "address": address, "type": "f32"})

    assert blocks([at(300), at(0), at(10)]) == [(0, 12), (300, 2)]
