"""A profile's shape refuses what cannot be right, and says which key."""

from __future__ import annotations

import pytest
import yaml
from pydantic import ValidationError

from devices import profile
from devices.profile import ModbusProfile, MqttProfile

METER = """
profile: test-meter
maker: {en: Test}
models: [T1]
title: {en: Test meter}
wire: modbus
source: test
points:
  volume: {quantity: water_volume, address: 0, type: u32, scale: 0.001}
examples:
  - {name: one, registers: {0: [0, 1]}, readings: {volume: 0.001}}
"""


def refusal(text: str) -> str:
    with pytest.raises(ValidationError) as caught:
        profile.parse(text)
    return str(caught.value)


def test_a_sound_profile_is_parsed() -> None:
    one = profile.parse(METER)
    assert isinstance(one, ModbusProfile)
    assert one.points["volume"].end == 2


def test_a_profile_without_examples_does_not_load() -> None:
    assert "examples" in refusal(METER[: METER.index("examples:")])
    assert "examples" in refusal(METER[: METER.index("examples:")] + "examples: []")


def test_an_unknown_key_is_named() -> None:
    assert "points.volume.adress" in refusal(METER.replace("address: 0", "address: 0, adress: 0"))
    assert "root.modbus.colour" in refusal(METER + "colour: red\n")


def test_an_unknown_quantity_is_named_with_the_known_ones() -> None:
    text = refusal(METER.replace("water_volume", "watter_volume"))
    assert "watter_volume" in text
    assert "water_volume" in text


@pytest.mark.parametrize(
    ("written", "instead", "named"),
    [
        ("scale: 0.001", "scale: 0", "scale must not be 0"),
        ("address: 0", "address: 65535", "ends after the last register"),
        ("scale: 0.001", "width: 32, rollover: 1000", "both width and rollover"),
        ("type: u32", "type: u31", "points.volume.type"),
        ("wire: modbus", "wire: carrier-pigeon", "wire"),
    ],
)
def test_what_cannot_be_right_is_named(written: str, instead: str, named: str) -> None:
    assert named in refusal(METER.replace(written, instead))


def test_a_key_given_twice_is_refused_and_not_the_last_one_taken() -> None:
    with pytest.raises(yaml.YAMLError, match="'scale' is given twice"):
        profile.parse(METER.replace("scale: 0.001", "scale: 0.001, scale: 1"))


@pytest.mark.parametrize("name", ["no-such", "../profile", "acrel-adl400.yaml", ""])
def test_there_is_no_profile_of_another_name(name: str) -> None:
    with pytest.raises(KeyError):
        profile.load(name)


def test_points_are_found_by_topic_with_their_paths_cut() -> None:
    one = profile.load("shelly-air-disinfector")
    assert isinstance(one, MqttProfile)
    (fields,) = one.fields.values()
    assert {field.name: field.keys for field in fields}["lamp_power"] == ("params", "switch:0", "apower")
    assert one.time_keys == ("params", "ts")
