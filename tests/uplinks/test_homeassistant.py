from __future__ import annotations

import json
from typing import Any

import pytest

from devices.quantities import QUANTITIES, Kind
from edge_config.uplinks import MqttUplink, UplinkFilter
from gateway.model import Quality
from gateway.uplinks.feed import Latest
from gateway.uplinks.homeassistant import BINARY_CLASSES, SENSOR_CLASSES, discovery, states
from gateway.uplinks.mqtt_said import Names, Said, wanted
from tests.district.campus import METER, NOW
from tests.uplinks.speakers import point, points

UPLINK = MqttUplink(id="ha", kind="mqtt", host="127.0.0.1", homeassistant=True)
NAMES = Names("demo", {"main-e": "总表"}, {"a-101": "101教室"})


def body(said: Said) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(said.payload)
    return found


def test_a_counter_is_this_message() -> None:
    said = discovery(UPLINK, NAMES, point(METER, "active_energy_import"))
    assert (said.topic, said.is_retained) == ("homeassistant/sensor/demo_main-e/energy_import/config", True)
    assert (
        said.payload
        == (
            '{"availability":[{"topic":"campus-gateway/demo/status"},'
            '{"topic":"campus-gateway/demo/main-e/energy_import/availability"}],"availability_mode":"all",'
            '"device":{"identifiers":["campus-gateway_demo_main-e"],"name":"总表","suggested_area":"101教室"},'
            '"device_class":"energy","json_attributes_topic":"campus-gateway/demo/main-e/energy_import/state",'
            '"name":"正向有功电能","origin":{"name":"campus-gateway"},'
            '"state_class":"total_increasing","state_topic":"campus-gateway/demo/main-e/energy_import/state",'
            '"unique_id":"campus-gateway_demo_main-e_energy_import","unit_of_measurement":"kWh",'
            '"value_template":"{{ value_json.value }}"}'
        ).encode()
    )


def test_a_gauge_is_a_measurement_in_the_unit_as_it_is_written_there() -> None:
    found = body(discovery(UPLINK, NAMES, point("air-101.temperature", "temperature")))
    assert (found["state_class"], found["unit_of_measurement"], found["device_class"]) == (
        "measurement",
        "°C",
        "temperature",
    )
    assert found["device"]["name"] == "air-101"
    plain = body(discovery(UPLINK, NAMES, point("main-e.power_factor", "power_factor")))
    assert "unit_of_measurement" not in plain


def test_a_state_is_a_binary_sensor() -> None:
    said = discovery(UPLINK, NAMES, point("lamp-1.lamp_on", "lamp_on"))
    assert said.topic == "homeassistant/binary_sensor/demo_lamp-1/lamp_on/config"
    assert body(said)["value_template"] == "{{ 'ON' if value_json.value else 'OFF' }}"
    assert body(said).keys() & {"state_class", "unit_of_measurement"} == set()


def test_every_quantity_has_its_class_or_is_known_to_have_none() -> None:
    without = {"formaldehyde", "valve_closed"}
    assert (SENSOR_CLASSES.keys() | BINARY_CLASSES.keys() | without) == QUANTITIES.keys()
    assert all(QUANTITIES[name].kind is not Kind.STATE for name in SENSOR_CLASSES)
    assert all(QUANTITIES[name].kind is Kind.STATE for name in BINARY_CLASSES)


@pytest.mark.parametrize("name", QUANTITIES)
def test_only_what_runs_up_is_total_increasing(name: str) -> None:
    found = body(discovery(UPLINK, NAMES, point("d.p", name)))
    is_counter = QUANTITIES[name].kind is Kind.COUNTER
    assert (found.get("state_class") == "total_increasing") == is_counter


def test_a_value_that_can_be_believed_is_said_with_its_time() -> None:
    state, available = states(UPLINK, NAMES, Latest(METER, NOW + 7, 1234.56, Quality.UNCERTAIN, False))
    assert state == Said(
        "campus-gateway/demo/main-e/energy_import/state",
        b'{"measured_at":"2026-11-22T06:00:00.007+00:00","quality":"uncertain","value":1234.56}',
        True,
    )
    assert available == Said("campus-gateway/demo/main-e/energy_import/availability", b"online", True)


@pytest.mark.parametrize(
    "latest",
    [
        Latest(METER, NOW, None, Quality.BAD, False),
        Latest(METER, NOW, 5.0, Quality.BAD, False),
        Latest(METER, NOW, 5.0, Quality.GOOD, True),
        Latest(METER, NOW, None, Quality.GOOD, False),
    ],
)
def test_a_value_that_cannot_be_believed_is_no_value(latest: Latest) -> None:
    assert states(UPLINK, NAMES, latest) == [
        Said("campus-gateway/demo/main-e/energy_import/availability", b"offline", True)
    ]


def test_topics_begin_as_the_site_file_says() -> None:
    uplink = UPLINK.model_copy(update={"discovery_prefix": "ha", "topic": "school/gw"})
    said = discovery(uplink, NAMES, point(METER, "active_energy_import"))
    assert said.topic.startswith("ha/sensor/")
    assert body(said)["state_topic"] == "school/gw/demo/main-e/energy_import/state"


def test_the_filter_holds_for_the_newest_values_too() -> None:
    assert wanted(points(), UplinkFilter()).keys() == points().keys()
    assert set(wanted(points(), UplinkFilter(quantities=("energy",)))) == {METER}
