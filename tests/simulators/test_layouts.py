"""What the simulator writes for any packaged profile, the gateway's decoders read as the truth it stands for.

The two sides share no code: a swapped order, a wrong digit or a lost scale factor in either shows here.
"""

from __future__ import annotations

import pytest

from devices import profile
from devices.marks import is_identified, shown
from devices.payloads import decode as decode_payload
from devices.profile import ModbusProfile, MqttProfile
from devices.registers import decode as decode_registers
from edge_config.site import LoadedSite
from simulators.campus import Campus
from simulators.messages import messages
from simulators.meter_device import meter_device

MODBUS = [name for name in profile.names() if isinstance(profile.load(name), ModbusProfile)]
MQTT = [name for name in profile.names() if isinstance(profile.load(name), MqttProfile)]


def one_device(school: LoadedSite, name: str, **wire: object) -> Campus:
    """The school with a single device of that profile, with ratios of 1."""
    keys = {"id": "one", "profile": name, "bus": None, "broker": None, "unit_id": None, "parent": None} | wire
    device = school.file.devices[0].model_copy(update={**keys, "ct_ratio": 1, "pt_ratio": 1})
    file = school.file.model_copy(update={"devices": (device,), "points": ()})
    return Campus(
        LoadedSite(file, school.folder, school.path, {name: profile.load(name)}, None, school.calendar)
    )


@pytest.mark.parametrize("name", MODBUS)
def test_simulated_registers_are_read_as_they_are_meant(school: LoadedSite, monday: int, name: str) -> None:
    one, ms = profile.load(name), monday + 36_000_000
    assert isinstance(one, ModbusProfile)
    campus = one_device(school, name, bus="east", unit_id=1)
    meter = meter_device(campus.of("one"), one, lambda: ms, None)
    for key, point in one.points.items():
        words = meter.image(point.function, point.start, point.stop - point.start)
        shown = campus.points[f"one.{key}"].shown(ms)
        precision = max(float(point.resolution), abs(shown) * 1e-4 if point.exponent else 0.0)
        assert decode_registers(point, words) == pytest.approx(shown, abs=precision / 2 + 1e-9), key


@pytest.mark.parametrize("name", MQTT)
def test_simulated_messages_are_read_as_they_are_meant(school: LoadedSite, monday: int, name: str) -> None:
    one, ms = profile.load(name), monday + 36_000_000
    assert isinstance(one, MqttProfile)
    campus = one_device(school, name, broker="local", topic="t")
    found: dict[str, float] = {}
    for message in messages(one, "t", campus.of("one"), ms):
        decoded = decode_payload(one, message.topic.removeprefix("t"), message.payload.encode())
        assert decoded.errors == {}
        found |= decoded.readings
    for key, point in one.points.items():
        shown = campus.points[f"one.{key}"].shown(ms)
        assert found[key] == pytest.approx(shown, abs=float(point.resolution) / 2 + 1e-9), key


@pytest.mark.parametrize("name", [name for name in MODBUS if getattr(profile.load(name), "identify", ())])
def test_a_simulated_device_is_known_by_its_marks(school: LoadedSite, monday: int, name: str) -> None:
    one = profile.load(name)
    assert isinstance(one, ModbusProfile)
    meter = meter_device(one_device(school, name, bus="east", unit_id=1).of("one"), one, lambda: monday, None)
    words: dict[tuple[int, int], list[int]] = {
        (mark.function, mark.address): meter.image(mark.function, mark.address, mark.end - mark.address)
        for mark in one.identify
    }
    assert is_identified(one, words) in {True, None}
    texts = [shown(mark, words[mark.function, mark.address]) for mark in one.identify if mark.length]
    assert texts
    assert all(texts)
