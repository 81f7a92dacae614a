from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from devices.payloads import decode
from devices.profile import MqttProfile
from simulators.campus import Campus
from simulators.messages import Message, availability, messages


def said(campus: Campus, device_id: str, ms: int) -> Message:
    device = campus.site.devices[device_id]
    profile = campus.site.profiles[device.profile]
    assert isinstance(profile, MqttProfile)
    assert device.topic is not None
    (message,) = messages(profile, device.topic, campus.of(device_id), ms)
    return message


def body(campus: Campus, device_id: str, ms: int) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(said(campus, device_id, ms).payload)
    return read


def test_every_sensor_of_the_school_speaks_in_json_or_in_one_plain_word(campus: Campus, monday: int) -> None:
    for device in campus.site.file.devices:
        profile = campus.site.profiles[device.profile]
        if isinstance(profile, MqttProfile):
            payload = said(campus, device.id, monday + 30_000_000).payload
            value = json.loads(payload)
            assert isinstance(value, dict if profile.format == "json" else int | float), device.id


def test_zigbee_air_has_the_fields_of_its_bridge(campus: Campus, monday: int) -> None:
    ms = monday + 33_000_000
    message = said(campus, "air-a101", ms)
    read = json.loads(message.payload)
    assert message.topic == "zigbee2mqtt/air-a101"
    assert set(read) == {"co2", "formaldehyd", "humidity", "linkquality", "temperature", "voc", "pm25"}
    assert read["co2"] == campus.points["air-a101.co2"].shown(ms)
    assert isinstance(read["co2"], int)
    assert abs(read["temperature"] - float(campus.truth("air-a101.temperature", ms))) <= 0.05001


def test_a_device_that_quotes_lists_and_writes_its_time_without_marks_is_simulated_so(
    campus: Campus, monday: int
) -> None:
    """Found by the shipped decoder again: what a profile may say, a simulated device does."""
    shipped = campus.site.profiles["zigbee2mqtt-air"]
    assert isinstance(shipped, MqttProfile)
    said = shipped.model_dump(mode="json", exclude_unset=True)
    said |= {"quoted": True, "time_path": "at", "time_format": "compact"}
    said["examples"] = [{"name": "form", "payload": '{"co2":["0"],"at":""}', "readings": {"co2": 0}}]
    said["points"]["co2"] |= {"path": "co2.0"}
    said["points"]["pm25"] |= {"path": "pm.2"}
    one, zone = MqttProfile.model_validate(said), campus.site.zone
    points = [replace(point, spec=one.points[point.key]) for point in campus.of("air-a101")]
    (message,) = messages(one, "t", points, monday + 881, zone)
    read = json.loads(message.payload)
    assert read["at"] == f"{datetime.fromtimestamp(monday / 1000, zone):%Y%m%d%H%M%S}881"
    assert isinstance(read["co2"], list)
    assert {type(read[key]) for key in ("temperature", "humidity")} == {str}
    decoded = decode(one, "", message.payload.encode(), zone)
    assert (decoded.device_time, decoded.errors) == (monday + 881, {})
    assert decoded.readings.keys() == one.points.keys()


def test_milesight_counts_humidity_in_halves(campus: Campus, monday: int) -> None:
    read = body(campus, "air-a202", monday)
    assert set(read) == {"battery", "temperature", "humidity", "co2"}
    assert read["humidity"] * 2 == int(read["humidity"] * 2)


def test_tasmota_nests_power_and_total(campus: Campus, monday: int) -> None:
    begin, end = campus.world.spells_of(campus.site.devices["uv-a101"])[0].day(
        campus.world.almanac.day_of(monday)[0]
    )[0]
    message = said(campus, "uv-a101", monday + (begin + end) // 2)
    energy = json.loads(message.payload)["ENERGY"]
    assert message.topic == "tele/uv-a101/SENSOR"
    assert 60 < energy["Power"] < 90
    assert energy["Total"] == campus.points["uv-a101.energy_import"].shown(monday + (begin + end) // 2)


def test_shelly_tells_its_time_and_watt_hours(campus: Campus, monday: int) -> None:
    message = said(campus, "disinfector-a201", monday + 12_345)
    params = json.loads(message.payload)["params"]
    assert message.topic == "shelly-a201/events/rpc"
    assert params["ts"] == pytest.approx((monday + 12_345) / 1000, abs=0.01)
    assert params["switch:0"]["output"] is False
    kwh = float(campus.truth("disinfector-a201.energy_import", monday + 12_345))
    assert params["switch:0"]["aenergy"]["total"] == int(kwh * 1000)


def test_a_contact_is_true_while_the_door_is_shut(campus: Campus, monday: int) -> None:
    begin, _ = campus.world.spells_of(campus.site.devices["door-fridge-1"])[0].day(
        campus.world.almanac.day_of(monday)[0]
    )[0]
    assert body(campus, "door-fridge-1", monday + begin - 1)["contact"] is True
    assert body(campus, "door-fridge-1", monday + begin)["contact"] is False


def test_a_cabinet_writes_its_door_as_a_word(campus: Campus, monday: int) -> None:
    assert body(campus, "cabinet-1", monday)["door"] == "closed"


def test_esphome_says_a_bare_number_under_its_sensor_topic(campus: Campus, monday: int) -> None:
    message = said(campus, "cold-samples", monday)
    assert message.topic == "esphome/samples/sensor/temperature/state"
    assert float(message.payload) == campus.points["cold-samples.temperature"].shown(monday)


def test_availability_is_retained_in_the_words_of_the_family(campus: Campus) -> None:
    def told(name: str, *, is_online: bool) -> Message | None:
        profile = campus.site.profiles[name]
        assert isinstance(profile, MqttProfile)
        return availability(profile, "t", is_online=is_online)

    assert told("zigbee2mqtt-air", is_online=True) == Message(
        "t/availability", '{"state": "online"}', retain=True
    )
    assert told("tasmota-uv-lamp", is_online=False) == Message("t/LWT", "Offline", retain=True)
    assert told("milesight-am103", is_online=True) is None
