"""A profile that does not do what it says is found out, and the place is named."""

from __future__ import annotations

from typing import Any

import pytest

from devices.profile import ModbusProfile, MqttProfile
from devices.proof import Flaw, flaws

BASE = {"profile": "test-one", "maker": {"en": "T"}, "models": ["T"], "title": {"en": "T"}, "source": "test"}
VOLUME = {"quantity": "water_volume", "address": 0, "type": "u32", "scale": "0.001"}
FLOW = {"quantity": "water_flow", "address": 8, "type": "f32"}
AIR = {"co2": {"quantity": "co2", "path": "co2", "topic": "/air"}}


def meter(*examples: dict[str, Any], points: dict[str, Any] | None = None, **more: Any) -> list[Flaw]:
    named = [{"name": f"case {number}"} | one for number, one in enumerate(examples)]
    one = BASE | {"wire": "modbus", "points": points or {"volume": VOLUME}, "examples": named} | more
    return flaws(ModbusProfile.model_validate(one))


def sensor(*examples: dict[str, Any], points: dict[str, Any] | None = None, **more: Any) -> list[Flaw]:
    named = [{"name": f"case {number}", "topic": "/air"} | one for number, one in enumerate(examples)]
    one = BASE | {"wire": "mqtt", "interval_s": 60, "points": points or AIR, "examples": named} | more
    return flaws(MqttProfile.model_validate(one))


GOOD_WATER = {"registers": {0: [0, 1]}, "readings": {"volume": 0.001}}
GOOD_AIR = {"payload": '{"co2":395}', "readings": {"co2": 395}}


def test_sound_profiles_have_no_flaw() -> None:
    assert meter(GOOD_WATER) == []
    assert sensor(GOOD_AIR) == []


def test_a_reading_that_differs_in_the_last_digit_is_found() -> None:
    (flaw,) = meter(GOOD_WATER, {"registers": {0: [0, 1]}, "readings": {"volume": 0.0010000000000000002}})
    assert flaw.path == ("examples", 1, "readings", "volume")
    assert flaw.wrong == "says 0.0010000000000000002, decodes to 0.001"


def test_a_reading_that_is_not_said_or_not_given_is_found() -> None:
    assert [flaw.wrong for flaw in meter(GOOD_WATER, {"registers": {0: [0, 1]}})] == [
        "says nothing, decodes to 0.001"
    ]
    assert [flaw.wrong for flaw in meter(GOOD_WATER, {"registers": {}, "readings": {"volume": 1}})] == [
        "says 1.0, decodes to nothing"
    ]


def test_an_error_that_does_not_come_is_found() -> None:
    found = sensor(GOOD_AIR, {"payload": '{"co2":395}', "errors": {"co2": "not_a_number"}})
    assert [flaw.path for flaw in found] == [
        ("examples", 1, "readings", "co2"),
        ("examples", 1, "errors", "co2"),
    ]


def test_a_message_refused_as_a_whole_is_an_error_of_the_payload() -> None:
    assert sensor(GOOD_AIR, {"payload": "[]", "errors": {"payload": "not_an_object"}}) == []


def test_half_a_value_is_found() -> None:
    (flaw,) = meter(GOOD_WATER, {"registers": {1: [1]}})
    assert flaw.path == ("examples", 1, "errors", "volume")
    assert "u32 is 2 words" in flaw.wrong


def test_a_register_of_no_point_is_found() -> None:
    (flaw,) = meter(GOOD_WATER | {"registers": {0: [0, 1, 5]}})
    assert flaw.wrong == "register 0x0002 is of no point"


def test_a_point_without_an_example_is_found() -> None:
    (flaw,) = meter(GOOD_WATER, points={"volume": VOLUME, "flow": FLOW})
    assert flaw.path == ("points", "flow")


def test_a_float_counter_must_say_its_step() -> None:
    points = {"volume": {"quantity": "water_volume", "address": 0, "type": "f32"}}
    example = {"registers": {0: [0x3F80, 0]}, "readings": {"volume": 1}}
    (flaw,) = meter(example, points=points)
    assert "resolution" in flaw.wrong
    assert meter(example, points={"volume": points["volume"] | {"step": 0.01}}) == []


@pytest.mark.parametrize("topic", ["air", "/+/air", "/#"])
def test_a_topic_suffix_begins_with_a_slash_and_has_no_wildcard(topic: str) -> None:
    found = sensor(GOOD_AIR | {"topic": topic}, points={"co2": AIR["co2"] | {"topic": topic}})
    assert [flaw.path for flaw in found] == [("points", "co2", "topic")]


def test_an_example_under_a_topic_without_points_is_found() -> None:
    (flaw,) = sensor(GOOD_AIR, {"topic": "/water", "payload": "{}"})
    assert flaw.path == ("examples", 1, "topic")
    assert "'/air'" in flaw.right


@pytest.mark.parametrize("said", [None, "2026-09-01T00:00:01Z", "2026-09-01T00:00:00", "today"])
def test_a_device_time_that_differs_is_found(said: str | None) -> None:
    example = {"payload": '{"co2":395,"t":1788220800}', "readings": {"co2": 395}, "device_time": said}
    found = sensor(example, time_path="t", time_format="epoch_s")
    assert [flaw.path for flaw in found] == [("examples", 0, "device_time")]


def test_a_device_time_that_agrees_is_no_flaw() -> None:
    example = GOOD_AIR | {"payload": '{"co2":395,"t":1788220800}', "device_time": "2026-09-01T08:00:00+08:00"}
    assert sensor(example, time_path="t", time_format="epoch_s") == []


SCALED = {"quantity": "active_power", "address": 4, "type": "i16", "step": 1, "exponent": {"address": 9}}


def test_a_scale_factor_that_the_example_leaves_out_is_named() -> None:
    good = {"registers": {4: [12], 9: [1]}, "readings": {"power": 120}}
    assert meter(good, points={"power": SCALED}) == []
    (flaw,) = meter(good, {"registers": {4: [12]}}, points={"power": SCALED})
    assert flaw.path == ("examples", 1, "errors", "power")
    assert "needs register 0x0009 too" in flaw.wrong


def test_what_lies_between_the_numbers_of_a_point_is_of_no_point() -> None:
    (flaw,) = meter({"registers": {4: [12, 7], 9: [1]}, "readings": {"power": 120}}, points={"power": SCALED})
    assert flaw.wrong == "register 0x0005 is of no point"


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        ({"registers_max": 5}, "needs 6 registers in one request, limits.registers_max is 5"),
        ({"holes": [[6, 7]]}, "reads over one of limits.holes"),
    ],
)
def test_numbers_that_no_single_request_can_read_are_found(limits: dict[str, Any], sentence: str) -> None:
    good = {"registers": {4: [12], 9: [1]}, "readings": {"power": 120}}
    (flaw,) = meter(good, points={"power": SCALED}, limits=limits)
    assert flaw.path == ("points", "power")
    assert flaw.wrong == sentence


MODEL: dict[str, Any] = {"identify": [{"address": 20, "length": 2, "text": "SDM"}]}


def test_a_mark_needs_an_example_in_which_it_is_found() -> None:
    found = GOOD_WATER | {"registers": {0: [0, 1], 20: [0x5344, 0x4D31]}, "identified": True}
    other = {"registers": {20: [0x4142, 0x4344]}, "identified": False}
    assert meter(found, other, **MODEL) == []
    assert [flaw.path for flaw in meter(GOOD_WATER, **MODEL)] == [("identify",)]


def test_an_example_that_is_wrong_about_its_marks_is_found() -> None:
    wrong = GOOD_WATER | {"registers": {0: [0, 1], 20: [0x4142, 0x4344]}, "identified": True}
    (flaw,) = meter(wrong, **MODEL)
    assert flaw.path == ("examples", 0, "identified")
    assert flaw.wrong == "says True, the marks say False"
    (flaw,) = meter(GOOD_WATER | {"identified": True})
    assert flaw.wrong == "says True, the marks say nothing"
