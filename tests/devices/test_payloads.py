"""A message gives readings for the fields it has, an error for each bad one, and is refused only as a whole."""

from __future__ import annotations

import json
import math
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.payloads import DEVICE_TIME, Decoded, PayloadError, decode
from devices.profile import MqttProfile

STEADY = settings(derandomize=True, deadline=None, database=None, max_examples=300)
SHANGHAI = ZoneInfo("Asia/Shanghai")
CO2 = {"quantity": "co2", "path": "co2"}


def profile(points: dict[str, Any], **more: Any) -> MqttProfile:
    given_keys = {
        "profile": "test-device",
        "maker": {"en": "Test"},
        "models": ["T"],
        "title": {"en": "Test"},
        "wire": "mqtt",
        "source": "test",
        "interval_s": 60,
        "points": points,
        "examples": [{"name": "none", "payload": "{}"}],
    }
    return MqttProfile.model_validate(given_keys | more)


AIR = profile({"co2": CO2, "temperature": {"quantity": "temperature", "path": "air.temperature"}})
PLAIN = profile({"t": {"quantity": "hot_temperature", "topic": "/state"}}, format="plain")
WORDS = profile({"lamp_on": {"quantity": "lamp_on", "path": "state", "values": {"ON": 1, "OFF": 0}}})
TASMOTA = profile({"t": {"quantity": "temperature", "path": "SCD30.Temperature", "unit_path": "TempUnit"}})


def timed(time_format: str) -> MqttProfile:
    return profile({"co2": CO2}, time_path="at", time_format=time_format)


def test_nested_paths_are_followed() -> None:
    assert decode(AIR, "", b'{"air":{"temperature":24.8},"co2":395}').readings == {
        "co2": 395,
        "temperature": 24.8,
    }


@pytest.mark.parametrize("payload", [b"{}", b'{"co2":null}', b'{"air":null}', b'{"air":7}', b'{"air":[1]}'])
def test_what_is_absent_or_null_gives_nothing(payload: bytes) -> None:
    assert decode(AIR, "", payload) == Decoded()


@pytest.mark.parametrize("bad", ['"395"', "[395]", "{}", "NaN", "-Infinity", "1e999", "9" * 5_000, "9" * 400])
def test_a_field_that_is_no_number_is_an_error_and_costs_the_others_nothing(bad: str) -> None:
    decoded = decode(AIR, "", f'{{"co2":{bad},"air":{{"temperature":24.8}}}}'.encode())
    assert decoded == Decoded({"temperature": 24.8}, {"co2": "not_a_number"})


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"x" * 10_000_000, "too_large"),
        (b"", "empty"),
        (b'{"co2":1,"co2":2}', "duplicate_key"),
        (b"[]", "not_an_object"),
    ],
)
def test_a_message_that_is_nonsense_as_a_whole_is_refused(payload: bytes, reason: str) -> None:
    with pytest.raises(PayloadError, match=reason):
        decode(AIR, "", payload)


def test_a_suffix_without_points_gives_nothing() -> None:
    assert decode(AIR, "/other", b'{"co2":395}') == Decoded()


def test_true_and_false_count_as_one_and_zero() -> None:
    leak = profile({"water_leak": {"quantity": "water_leak", "path": "wet"}})
    assert [decode(leak, "", b'{"wet":%s}' % word).readings for word in (b"true", b"false")] == [
        {"water_leak": 1},
        {"water_leak": 0},
    ]


def test_words_are_the_numbers_the_profile_says() -> None:
    assert decode(WORDS, "", b'{"state":"ON"}').readings == {"lamp_on": 1}


@pytest.mark.parametrize("word", [b'"on"', b"1", b"true", b"[]", b'""'])
def test_a_word_that_is_not_listed_is_an_error(word: bytes) -> None:
    assert decode(WORDS, "", b'{"state":%s}' % word).errors == {"lamp_on": "unknown_word"}


def test_true_and_false_may_be_turned_round_by_words() -> None:
    door = profile(
        {"door_open": {"quantity": "door_open", "path": "contact", "values": {"true": 0, "false": 1}}}
    )
    assert decode(door, "", b'{"contact":false}').readings == {"door_open": 1}


def test_a_sentinel_is_no_value() -> None:
    one = profile({"co2": CO2 | {"sentinels": [65535, -1]}})
    assert decode(one, "", b'{"co2":65535}').errors == {"co2": "no_value"}
    assert decode(one, "", b'{"co2":65534}').readings == {"co2": 65534}


def test_decimal_digits_are_taken_at_their_word() -> None:
    energy = {"quantity": "active_energy_import", "path": "wh", "scale": "0.001", "offset": "0.1"}
    assert 100.2 * 0.001 + 0.1 != 0.2002
    assert decode(profile({"e": energy}), "", b'{"wh":100.2}').readings == {"e": 0.2002}


def test_fahrenheit_is_converted_where_the_payload_says_so() -> None:
    decoded = decode(TASMOTA, "", b'{"SCD30":{"Temperature":71.6},"TempUnit":"F"}')
    assert decoded.readings == {"t": 22.0}


@pytest.mark.parametrize("unit", [b'"C"', b"null"])
def test_celsius_or_no_unit_is_left_alone(unit: bytes) -> None:
    decoded = decode(TASMOTA, "", b'{"SCD30":{"Temperature":21.6},"TempUnit":%s}' % unit)
    assert decoded.readings == {"t": 21.6}


@pytest.mark.parametrize("unit", [b'"K"', b"1", b"[]"])
def test_another_unit_is_an_error_and_never_taken_for_celsius(unit: bytes) -> None:
    decoded = decode(TASMOTA, "", b'{"SCD30":{"Temperature":294},"TempUnit":%s}' % unit)
    assert decoded == Decoded({}, {"t": "unknown_unit"})


@pytest.mark.parametrize(
    ("payload", "value"), [(b"21.5", 21.5), (b" -3\n", -3), (b"+.5", 0.5), (b"1e2", 100), (b"7.", 7)]
)
def test_a_plain_payload_is_one_number(payload: bytes, value: float) -> None:
    assert decode(PLAIN, "/state", payload).readings == {"t": value}


@pytest.mark.parametrize(
    "payload",
    [
        b"nan",
        b"inf",
        b"1e999",
        b"1_000",
        "２１".encode(),
        b"21.5 C",
        b"unavailable",
        b'"21.5"',
        b"0x10",
        b"9" * 65,
    ],
)
def test_any_other_plain_payload_is_not_a_number(payload: bytes) -> None:
    assert decode(PLAIN, "/state", payload) == Decoded({}, {"t": "not_a_number"})


@pytest.mark.parametrize(
    ("payload", "reason"),
    [(b"", "empty"), (b" ", "empty"), (b"\xff", "not_utf8"), (b"1" * 70_000, "too_large")],
)
def test_a_plain_payload_is_refused_as_a_whole_too(payload: bytes, reason: str) -> None:
    with pytest.raises(PayloadError, match=reason):
        decode(PLAIN, "/state", payload)


def test_a_plain_word_is_looked_up() -> None:
    values = {"open": 1, "closed": 0}
    door = profile({"door_open": {"quantity": "door_open", "values": values}}, format="plain")
    assert decode(door, "", b"open").readings == {"door_open": 1}
    assert decode(door, "", b"ajar").errors == {"door_open": "unknown_word"}


THREE_PHASE = profile(
    {
        "current_a": {"quantity": "current", "path": "ENERGY.Current.0"},
        "current_b": {"quantity": "current", "path": "ENERGY.Current.1"},
        "current_c": {"quantity": "current", "path": "ENERGY.Current.2"},
    }
)


def test_digits_of_a_path_count_from_0_where_a_list_lies() -> None:
    """A three-phase Tasmota device lists its phases."""
    whole = b'{"Time":"2026-09-01T08:30:00","ENERGY":{"Total":12.5,"Current":[0.157,0,0.5]}}'
    assert decode(THREE_PHASE, "", whole).readings == {"current_a": 0.157, "current_b": 0, "current_c": 0.5}
    short = b'{"ENERGY":{"Current":[0.157,null]}}'
    assert decode(THREE_PHASE, "", short) == Decoded({"current_a": 0.157})
    keyed = b'{"ENERGY":{"Current":{"0":0.157}}}'
    assert decode(THREE_PHASE, "", keyed) == Decoded({"current_a": 0.157})


@pytest.mark.parametrize("key", ["-1", "01", "+0", "1.0", "0x0", "x", "\N{FULLWIDTH DIGIT ZERO}", "9" * 5000])
def test_what_is_no_plain_index_finds_nothing_in_a_list(key: str) -> None:
    one = profile({"co2": {"quantity": "co2", "path": "co2." + key.replace(".", "\\.")}})
    assert decode(one, "", b'{"co2":[400,500]}') == Decoded()


QUOTED = profile(
    {
        "temperature": {"quantity": "temperature", "path": "temp"},
        "humidity": {"quantity": "humidity", "path": "humi"},
        "co2": CO2,
        "door_open": {"quantity": "door_open", "path": "door", "values": {"0": 0, "1": 1}},
    },
    quoted=True,
    time_path="at",
    time_format="epoch_ms",
)


def test_a_device_that_quotes_its_numbers_is_read_where_its_profile_says_so() -> None:
    """As a published board with MicroPython sends them: ``{"temp":"25.8","humi":"66.8","co2":"10"}``."""
    said = b'{"temp":"25.8","humi":"66.8","co2":"10","door":"1","at":"1588074240833"}'
    expected = {"temperature": 25.8, "humidity": 66.8, "co2": 10, "door_open": 1}
    assert decode(QUOTED, "", said) == Decoded(expected, {}, 1_588_074_240_833)
    assert decode(QUOTED, "", b'{"temp":25.8,"humi":"-0.5e1"}').readings == {
        "temperature": 25.8,
        "humidity": -5,
    }


@pytest.mark.parametrize(
    "text",
    ["", " ", "25.8 ", "25.8 \u2103", "25,8", "0064", "+1", ".5", "5.", "0x10", "NaN", "nan", "inf", "-", "1_000",
     "\uff11", "1" * 65, "1e999", "true", "null"],
)  # fmt: skip
def test_a_quoted_text_that_json_would_not_write_as_a_number_is_none(text: str) -> None:
    decoded = decode(QUOTED, "", json.dumps({"temp": text, "humi": "41.5"}).encode())
    assert decoded == Decoded({"humidity": 41.5}, {"temperature": "not_a_number"})


def test_quotes_are_a_matter_of_json() -> None:
    with pytest.raises(ValueError, match="only JSON knows quotes"):
        profile({"co2": {"quantity": "co2"}}, format="plain", quoted=True)


@pytest.mark.parametrize(
    ("time_format", "raw", "expected"),
    [
        ("iso8601", '"2026-09-01T08:30:00+08:00"', 1_788_222_600_000),
        ("iso8601", '"2026-09-01T00:30:00.5Z"', 1_788_222_600_500),
        ("iso8601", '"2026-09-01T08:30:00"', 1_788_222_600_000),
        ("iso8601", '"2026-09-01 08:30:00"', 1_788_222_600_000),
        ("iso8601", '"2026-09-01T08:30:00+0800"', 1_788_222_600_000),
        ("iso8601", '"2022-07-18T09:34:15.775023242+00:00"', 1_658_136_855_775),
        ("compact", '"20260901083000"', 1_788_222_600_000),
        ("compact", '"20260901083000881"', 1_788_222_600_881),
        ("compact", "20260901083000", 1_788_222_600_000),
        ("epoch_s", "1757060280.21", 1_757_060_280_210),
        ("epoch_s", "1757060280", 1_757_060_280_000),
        ("epoch_ms", "1588074240833", 1_588_074_240_833),
        ("epoch_ms", "null", None),
    ],
)
def test_a_device_time_is_utc_milliseconds(time_format: str, raw: str, expected: int | None) -> None:
    decoded = decode(timed(time_format), "", f'{{"co2":395,"at":{raw}}}'.encode(), SHANGHAI)
    assert decoded == Decoded({"co2": 395}, {}, expected)


def test_a_time_without_a_zone_is_not_guessed() -> None:
    assert decode(timed("iso8601"), "", b'{"at":"2026-09-01T08:30:00"}') == Decoded()
    assert decode(timed("compact"), "", b'{"at":"20260901083000"}') == Decoded()


@pytest.mark.parametrize(
    ("time_format", "raw"),
    [
        ("iso8601", '"yesterday"'),
        ("iso8601", '"2026-09-01"'),
        ("iso8601", '"2026-13-01T00:00:00Z"'),
        ("iso8601", '"0001-01-01T00:00:00+23:59"'),
        ("iso8601", "1757060280"),
        ("iso8601", '"20260901083000"'),
        ("compact", '"2026090108300"'),
        ("compact", '"202609010830005"'),
        ("compact", '"20261301083000"'),
        ("compact", '"2026-09-01 08:30"'),
        ("compact", "1757060280"),
        ("compact", "20260901083000.5"),
        ("compact", '"00000000000000"'),
        ("epoch_s", '"1757060280"'),
        ("epoch_s", "true"),
        ("epoch_s", "-1"),
        ("epoch_s", "1e308"),
        ("epoch_s", "NaN"),
        ("epoch_s", "9" * 300),
        ("epoch_ms", "1e999"),
        ("epoch_ms", "253402300800000"),
    ],
)
def test_a_time_that_is_no_time_is_an_error_and_the_readings_stay(time_format: str, raw: str) -> None:
    decoded = decode(timed(time_format), "", f'{{"co2":395,"at":{raw}}}'.encode(), SHANGHAI)
    assert decoded == Decoded({"co2": 395}, {DEVICE_TIME: "not_a_time"})


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=4), inside, max_size=3),
    max_leaves=5,
)


@STEADY
@given(ANYTHING, ANYTHING, ANYTHING, st.sampled_from(["iso8601", "compact", "epoch_s", "epoch_ms"]))
def test_whatever_a_field_holds_only_finite_numbers_come_out(
    co2: object, power: object, at: object, time_format: str
) -> None:
    points = {
        "co2": CO2,
        "power": {"quantity": "lamp_power", "path": "p.w", "scale": "0.1", "unit_path": "u"},
    }
    one = profile(points, time_path="at", time_format=time_format)
    decoded = decode(
        one, "", json.dumps({"co2": co2, "p": {"w": power}, "u": at, "at": at}).encode(), SHANGHAI
    )
    assert all(math.isfinite(value) for value in decoded.readings.values())
    assert not decoded.readings.keys() & decoded.errors.keys()
