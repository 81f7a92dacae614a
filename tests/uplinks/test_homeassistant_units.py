"""Device classes, units and state classes as Home Assistant takes them. Since its release 2025.3 a discovery message with a pair
it does not know makes no entity at all, so that one wrong unit would lose a point without a word."""

from __future__ import annotations

import json
from typing import Any

import pytest

from devices.quantities import QUANTITIES, Kind
from gateway.uplinks.homeassistant import discovery
from tests.uplinks.speakers import point
from tests.uplinks.test_homeassistant import NAMES, UPLINK

MEASURED, RUNNING = {"measurement"}, {"total", "total_increasing"}
ANY = MEASURED | RUNNING
SENSORS: dict[str, tuple[set[str | None], set[str]]] = {
    # of developers.home-assistant.io, "Sensor entity", as far as our quantities go
    "energy": ({"kWh", "MWh", "Wh", "GJ", "MJ"}, RUNNING),
    "reactive_energy": ({"varh", "kvarh"}, RUNNING),
    "power": ({"mW", "W", "kW", "MW"}, MEASURED),
    "reactive_power": ({"mvar", "var", "kvar"}, MEASURED),
    "apparent_power": ({"mVA", "VA", "kVA"}, MEASURED),
    "voltage": ({"V", "mV", "kV"}, MEASURED),
    "current": ({"A", "mA"}, MEASURED),
    "power_factor": ({None, "%"}, MEASURED),
    "frequency": ({"Hz", "kHz"}, MEASURED),
    "water": ({"m³", "L"}, RUNNING),
    "gas": ({"m³", "L"}, RUNNING),
    "volume_flow_rate": ({"m³/h", "L/min", "m³/s"}, MEASURED),
    "distance": ({"mm", "cm", "m", "km"}, ANY),
    "precipitation": ({"cm", "mm"}, ANY),
    "wind_speed": ({"m/s", "km/h"}, MEASURED),
    "carbon_dioxide": ({"ppm"}, MEASURED),
    "pm25": ({"µg/m³", "μg/m³"}, MEASURED),
    "pm10": ({"µg/m³", "μg/m³"}, MEASURED),
    "volatile_organic_compounds_parts": ({"ppm", "ppb"}, MEASURED),
    "temperature": ({"°C", "°F", "K"}, MEASURED),
    "humidity": ({"%"}, MEASURED),
    "battery": ({"%"}, MEASURED),
    "atmospheric_pressure": ({"hPa", "kPa", "Pa", "mbar"}, MEASURED),
    "sound_pressure": ({"dB", "dBA"}, MEASURED),
    "illuminance": ({"lx"}, MEASURED),
    "duration": ({"d", "h", "min", "s", "ms"}, ANY),
}
BINARY = {"door", "light", "occupancy", "smoke", "moisture", "battery"}
TAKEN = {
    "availability", "availability_mode", "device", "device_class", "json_attributes_topic", "name", "origin",
    "state_class", "state_topic", "unique_id", "unit_of_measurement", "value_template",
}  # fmt: skip


def told(quantity: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(discovery(UPLINK, NAMES, point("d.p", quantity)).payload)
    return found


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_class_unit_and_state_class_are_a_combination_home_assistant_takes(quantity: str) -> None:
    found = told(quantity)
    if QUANTITIES[quantity].kind is Kind.STATE:
        assert found.get("device_class") in {*BINARY, None}
        return
    if "device_class" not in found:
        assert found["unit_of_measurement"]
        return
    units, state_classes = SENSORS[found["device_class"]]
    assert found.get("unit_of_measurement") in units
    assert found["state_class"] in state_classes


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_only_keys_home_assistant_knows_are_sent_and_those_it_needs_are(quantity: str) -> None:
    """A key it does not know is "extra keys not allowed"; availability and availability_topic exclude each other; a device
    needs an identifier, an origin its name, and an entity of a device a unique_id."""
    found = told(quantity)
    assert found.keys() <= TAKEN
    assert found.keys() >= {"state_topic", "unique_id", "device", "origin", "availability"}
    assert found["device"]["identifiers"]
    assert found["origin"]["name"]
    assert found["device"].keys() <= {"identifiers", "name", "suggested_area"}
