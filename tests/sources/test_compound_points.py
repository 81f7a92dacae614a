"""Points of several registers on their way from a reply to readings."""

from __future__ import annotations

import struct

from devices import profile
from devices.profile import ModbusProfile
from devices.registers import decoder
from gateway.sources.polled_device import DevicePoll, PolledDevice, ReadyBlock, Values
from gateway.sources.request_plan import plan


def polled(name: str) -> list[ReadyBlock]:
    one = profile.load(name)
    assert isinstance(one, ModbusProfile)
    decoders = {key: decoder(point) for key, point in one.points.items()}
    return DevicePoll(PolledDevice("m1", 1, 10, plan(one.points, one.limits), decoders)).blocks


def _named(found: Values) -> dict[str, float]:
    return dict(zip(found.points, found.values, strict=True))


def reply(ready: ReadyBlock, registers: dict[int, list[int]]) -> bytes:
    """What the device answers to a block, zero where nothing is given."""
    words = [0] * ready.block.count
    for first, row in registers.items():
        for index, word in enumerate(row, first - ready.block.address):
            words[index] = word
    return bytes((1, ready.block.function, 2 * len(words))) + struct.pack(f">{len(words)}H", *words)


WATER = {0: [0, 0x4048], 8: [0x073B, 0, 0, 0x3E80]}


def test_flow_total_and_signal_quality_are_of_one_reply() -> None:
    (ready,) = polled("tuf-2000m-water")
    assert (ready.block.address, ready.block.count) == (0, 92)
    assert ready.values(reply(ready, WATER | {91: [0x5250]})) == (
        ("m1.flow", "m1.volume"),
        [3.125, 1851.25],
        [],
    )


def test_a_lost_signal_gives_no_reading_of_nought() -> None:
    (ready,) = polled("tuf-2000m-water")
    points, _, bad = ready.values(reply(ready, {0: [0, 0], 8: [0x073B, 0, 0, 0x3E80], 91: [0x5200]}))
    assert points == ()
    assert [(one.point, one.reason) for one in bad] == [("m1.flow", "gated"), ("m1.volume", "gated")]


def test_a_scale_factor_that_changes_with_the_load_changes_no_value() -> None:
    (ready,) = polled("sunspec-inverter")
    energy = {40093: [0x0045, 0xB352, 1]}
    values = [
        _named(ready.values(reply(ready, {40069: [103], 40083: row} | energy)))["m1.power"]
        for row in ([1234, 1], [12340, 0], [30850, 0xFFFF])
    ]
    assert values == [12.34, 12.34, 3.085]
