"""LoRaWAN bytes give what they say, and nothing is guessed where they end."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from devices import profile
from devices.payloads import PAYLOAD, Decoded, PayloadError, decode
from devices.profile import MqttProfile

STEADY = settings(derandomize=True, deadline=None, database=None, max_examples=200)


def milesight() -> MqttProfile:
    one = profile.load("milesight-am319-raw")
    assert isinstance(one, MqttProfile)
    return one


def said(hexadecimal: str, **more: Any) -> Decoded:
    data = base64.b64encode(bytes.fromhex(hexadecimal)).decode()
    return decode(milesight(), "", json.dumps({"fPort": 85, "data": data} | more).encode())


def test_the_low_byte_comes_first_and_the_sign_counts() -> None:
    assert said("0367 48FF").readings == {"temperature": -18.4}
    assert said("0B7D FF00").readings == {"pm25": 255}


def test_a_channel_without_a_form_is_passed_over() -> None:
    assert said("06CB 02 0175 55") == Decoded({"battery": 85})


def test_records_from_the_memory_are_counted_and_give_no_reading_of_now() -> None:
    record = f"20CE {'64' * 22}"
    assert said(f"{record} 0175 55 {record}") == Decoded({"battery": 85}, {PAYLOAD: "history_record"})
    assert said(record) == Decoded({}, {PAYLOAD: "history_record"})
    assert said(f"{record} FE01 12").errors == {PAYLOAD: "unknown_channel"}
    with pytest.raises(PayloadError, match="cut_short"):
        said(record[:-2])


def test_an_unknown_channel_ends_the_reading_and_what_came_before_counts() -> None:
    assert said("0175 55 FE01 12 0468 7C") == Decoded({"battery": 85}, {PAYLOAD: "unknown_channel"})


@pytest.mark.parametrize("length", range(1, 8))
def test_bytes_cut_short_are_refused_as_a_whole(length: int) -> None:
    whole = "0367EE00 077DA803".replace(" ", "")
    if length == 4:
        assert said(whole[: 2 * length]).readings == {"temperature": 23.8}
        return
    with pytest.raises(PayloadError, match="cut_short"):
        said(whole[: 2 * length])


def test_a_channel_given_twice_is_refused() -> None:
    with pytest.raises(PayloadError, match="duplicate_key"):
        said("0175 55 0175 56")


@pytest.mark.parametrize("port", [0, 84, "85"])
def test_another_port_is_not_read(port: object) -> None:
    assert said("0175 55", fPort=port) == Decoded()


@pytest.mark.parametrize("data", ["01 75 55", "AXV", 7, ["AXVV"], "ＡＸＶＶ"])
def test_what_is_no_base64_is_refused(data: object) -> None:
    with pytest.raises(PayloadError, match="not_base64"):
        decode(milesight(), "", json.dumps({"fPort": 85, "data": data}).encode())


def test_a_message_is_known_by_device_and_count() -> None:
    first = said("0175 55", devEUI="24e1", fCnt=7)
    assert first.message_id is not None
    assert said("0175 55", devEUI="24e1", fCnt=7).message_id == first.message_id
    assert said("0175 55", devEUI="24e1", fCnt=8).message_id != first.message_id
    assert said("0175 55", devEUI="24e1").message_id is None
    assert said("0175 55", devEUI="24e1", fCnt=True).message_id is None


@STEADY
@given(st.binary(max_size=60))
def test_any_bytes_give_readings_or_a_reason(data: bytes) -> None:
    with contextlib.suppress(PayloadError):
        decoded = said(data.hex())
        assert set(decoded.readings) <= set(milesight().points)


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"format": "channels"}, "only one of"),
        ({"channels": {"port": 85, "types": {"0175": "u8"}}}, "only one of"),
        ({"format": "channels", "channels": {"port": 85, "types": {"0175": 1}}}, "is no channel with a form"),
    ],
)
def test_channels_and_points_go_together(keys: dict[str, Any], sentence: str) -> None:
    one = {
        "profile": "test-device", "maker": {"en": "T"}, "models": ["T"], "title": {"en": "T"}, "wire": "mqtt",
        "source": "test", "interval_s": 60, "points": {"battery": {"quantity": "battery", "path": "0175"}},
        "examples": [{"name": "none", "payload": "{}"}],
    }  # fmt: skip
    with pytest.raises(ValidationError, match=sentence):
        MqttProfile.model_validate(one | keys)
