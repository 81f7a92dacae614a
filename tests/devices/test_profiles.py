"""Every packaged profile does what its examples say, and gives the other rooms what they count on."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from devices import profile, registers
from devices.profile import (
    Availability,
    Channels,
    Exponent,
    FieldPoint,
    Gate,
    Limits,
    Mark,
    ModbusProfile,
    MqttProfile,
    Part,
    PayloadExample,
    RegisterExample,
    RegisterPoint,
)
from devices.proof import flaws
from devices.quantities import Kind

FOLDER = Path(profile.__file__).parent / "profiles"
SHAPES = [
    ModbusProfile,
    MqttProfile,
    RegisterPoint,
    Part,
    Exponent,
    Gate,
    Mark,
    FieldPoint,
    Channels,
    Limits,
    RegisterExample,
    PayloadExample,
    Availability,
]
EVERY_PROFILE = pytest.mark.parametrize("name", profile.names())

CAMPUS = {
    "acrel-adl400": {"power", "energy_import", "energy_export"},
    "chint-dtsu666": {"power", "energy_import", "energy_export"},
    "chint-ddsu666": {"power", "energy_import"},
    "eastron-sdm630": {"power", "energy_import", "energy_export"},
    "eastron-sdm120": {"power", "energy_import", "energy_export"},
    "growatt-inverter": {"power", "energy_yield"},
    "tuf-2000m-water": {"volume", "flow"},
    "pulse-water": {"volume"},
    "zigbee2mqtt-air": {"co2", "pm25", "temperature", "humidity"},
    "milesight-am103": {"co2", "temperature", "humidity", "battery"},
    "milesight-em300-cold": {"temperature", "humidity", "battery"},
    "esphome-hot-holding": {"temperature"},
    "esphome-cold": {"temperature"},
    "zigbee2mqtt-contact-door": {"door_open", "battery"},
    "tasmota-uv-lamp": {"lamp_power", "energy_import"},
    "shelly-air-disinfector": {"lamp_power", "lamp_on", "energy_import"},
    "disinfection-cabinet": {"temperature", "door_open"},
}


@EVERY_PROFILE
def test_every_example_gives_exactly_what_it_says(name: str) -> None:
    assert flaws(profile.load(name)) == []


@EVERY_PROFILE
def test_a_profile_is_named_like_its_file_and_in_both_languages(name: str) -> None:
    one = profile.load(name)
    assert one.profile == name
    assert one.title.zh


@EVERY_PROFILE
def test_a_gauge_has_a_plausible_range(name: str) -> None:
    for point in profile.load(name).points.values():
        if point.info.kind is not Kind.COUNTER:
            assert point.range is not None
            assert point.range[0] < point.range[1]


@EVERY_PROFILE
def test_an_integer_counter_knows_its_rollover_or_never_meets_it(name: str) -> None:
    for point in profile.load(name).points.values():
        if isinstance(point, RegisterPoint) and point.info.kind is Kind.COUNTER and point.type.registers <= 2:
            step = registers.resolution(point)
            is_plain = not (point.type.is_signed or point.parts or point.exponent)
            assert (registers.modulus(point, registers.ONE, step) is not None) == is_plain


@EVERY_PROFILE
def test_a_float_counter_says_up_to_where_its_step_holds(name: str) -> None:
    one = profile.load(name)
    for point in one.points.values():
        if isinstance(point, RegisterPoint) and point.info.kind is Kind.COUNTER and point.type == "f32":
            # 24 bits of a float32 tell steps of 0.0078 apart up to 2^17, steps of 0.0625 up to 2^20.
            holds = {"0.01": "131,072", "0.1": "1,048,576"}[str(point.step)]
            assert any(f"up to {holds}" in caveat for caveat in one.caveats)


@pytest.mark.parametrize("name", CAMPUS)
def test_the_simulated_campus_finds_its_points(name: str) -> None:
    assert set(profile.load(name).points) == CAMPUS[name]


def test_the_cold_and_hot_chain_are_told_apart_by_quantity() -> None:
    quantities = {
        name: profile.load(name).points["temperature"].quantity
        for name in ("milesight-em300-cold", "esphome-cold", "esphome-hot-holding", "disinfection-cabinet")
    }
    assert list(quantities.values()) == [
        "cold_temperature",
        "cold_temperature",
        "hot_temperature",
        "cabinet_temperature",
    ]


def test_secondary_side_energies_are_multiplied_by_both_ratios() -> None:
    one = profile.load("chint-dtsu666")
    assert isinstance(one, ModbusProfile)
    assert {point.ratio for point in one.points.values()} == {"ct_pt"}


def test_every_profile_and_each_of_its_points_is_listed_in_the_readme() -> None:
    lines = (FOLDER / "README.md").read_text(encoding="utf-8").splitlines()
    wires = {f"| {wire} |" for wire in profile.SHAPES}
    rows = {line.split("`")[1]: line for line in lines if any(wire in line for wire in wires)}
    assert list(rows) == profile.names()
    for name, line in rows.items():
        assert all(f"`{point}`" in line for point in profile.load(name).points), name


@pytest.mark.parametrize("shape", SHAPES)
def test_every_key_a_profile_may_have_is_explained_in_the_readme(shape: type[BaseModel]) -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    words = {word for code in re.findall(r"`([^`]+)`", text) for word in re.findall(r"[a-z_]+", code)}
    assert set(shape.model_fields) - words == set()


@EVERY_PROFILE
def test_the_last_will_is_a_topic_suffix_with_two_words(name: str) -> None:
    one = profile.load(name)
    if isinstance(one, MqttProfile) and one.availability is not None:
        assert one.availability.topic.startswith("/")
        assert one.availability.online != one.availability.offline


def test_the_published_schema_is_that_of_the_shapes() -> None:
    """Out of date? ``campus-gateway profiles schema > devices/profile.schema.json``."""
    published = (FOLDER.parent / "profile.schema.json").read_text(encoding="utf-8")
    assert json.loads(published) == json.loads(json.dumps(profile.schema()))


def test_a_value_is_never_taken_from_a_block_of_another_model() -> None:
    for name in ("sunspec-inverter", "sunspec-meter"):
        one = profile.load(name)
        assert isinstance(one, ModbusProfile)
        model = next(mark for mark in one.identify if mark.type == "u16")
        for point in one.points.values():
            (gate,) = point.gates
            assert gate.address == model.address
            assert tuple(range(gate.range[0], gate.range[1] + 1)) == model.numbers
