"""Home Assistant by MQTT discovery: what a point is (retained), what it says now, and whether that may be believed. Pure.

Source: home-assistant.io/integrations/mqtt, "MQTT Discovery", "Sensor", "Binary sensor", and the units each device class takes.
A value that is bad or too old makes its point unavailable; it never becomes a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from devices.quantities import Kind
from edge_config.uplinks import MqttUplink
from gateway.model import Point
from gateway.uplinks.feed import Latest
from gateway.uplinks.mqtt_said import Names, Said, said

ONLINE, OFFLINE = b"online", b"offline"
SENSOR_CLASSES = {
    "active_energy_import": "energy", "active_energy_export": "energy", "active_energy_yield": "energy",
    "active_energy_tariff": "energy", "reactive_energy_import": "reactive_energy", "active_power": "power",
    "reactive_power": "reactive_power", "apparent_power": "apparent_power", "voltage": "voltage", "current": "current",
    "power_factor": "power_factor", "frequency": "frequency", "residual_current": "current", "water_volume": "water",
    "water_flow": "volume_flow_rate", "gas_volume": "gas", "heat_energy": "energy", "water_level": "distance",
    "rainfall": "precipitation", "wind_speed": "wind_speed", "co2": "carbon_dioxide", "pm25": "pm25", "pm10": "pm10",
    "tvoc": "volatile_organic_compounds_parts", "temperature": "temperature", "humidity": "humidity",
    "pressure": "atmospheric_pressure", "noise": "sound_pressure", "illuminance": "illuminance",
    "cold_temperature": "temperature", "hot_temperature": "temperature", "cabinet_temperature": "temperature",
    "lamp_power": "power", "lamp_hours": "duration", "battery": "battery",
}  # fmt: skip
BINARY_CLASSES = {
    "door_open": "door", "lamp_on": "light", "occupied": "occupancy", "smoke": "smoke", "water_leak": "moisture",
    "battery_low": "battery",
}  # fmt: skip
UNITS = {"℃": "°C", "dB(A)": "dBA", "1": None}
"""Where Home Assistant writes a unit otherwise; a plain number has none."""


def status_topic(uplink: MqttUplink, site: str) -> str:
    """Where the gateway says that it is there; the broker says otherwise when it is not."""
    return f"{uplink.topic}/{site}/status"


def discovery(uplink: MqttUplink, names: Names, point: Point) -> Said:
    """What Home Assistant makes a device and an entity of."""
    device, own = point.name.split(".", 1)
    is_binary = point.kind is Kind.STATE
    state, available = _topics(uplink, names.site, point.name)
    body: dict[str, Any] = {
        "availability": [{"topic": status_topic(uplink, names.site)}, {"topic": available}],
        "availability_mode": "all",
        "device": _device(names, device, point.space),
        "json_attributes_topic": state,
        "name": point.label_zh or own,
        "origin": {"name": "campus-gateway"},
        "state_topic": state,
        "unique_id": f"campus-gateway_{names.site}_{device}_{own}",
    }
    body |= _of_binary(point) if is_binary else _of_sensor(point)
    component = "binary_sensor" if is_binary else "sensor"
    topic = f"{uplink.discovery_prefix}/{component}/{names.site}_{device}/{own}/config"
    return said(topic, body, is_retained=True)


def states(uplink: MqttUplink, names: Names, latest: Latest) -> list[Said]:
    """What a point says now; of one that cannot be believed only that."""
    state, available = _topics(uplink, names.site, latest.point)
    if not latest.is_present:
        return [Said(available, OFFLINE, is_retained=True)]
    at = datetime.fromtimestamp(latest.measured_at / 1000, UTC).isoformat(timespec="milliseconds")
    body = {"value": latest.value, "quality": latest.quality.name.lower(), "measured_at": at}
    return [said(state, body, is_retained=True), Said(available, ONLINE, is_retained=True)]


def _topics(uplink: MqttUplink, site: str, point: str) -> tuple[str, str]:
    """Of a point: its state, and whether it is available."""
    base = f"{uplink.topic}/{site}/{point.replace('.', '/', 1)}"
    return f"{base}/state", f"{base}/availability"


def _device(names: Names, device: str, space: str | None) -> Mapping[str, Any]:
    found: dict[str, Any] = {
        "identifiers": [f"campus-gateway_{names.site}_{device}"],
        "name": names.devices.get(device, device),
    }
    if space is not None and space in names.spaces:
        found["suggested_area"] = names.spaces[space]
    return found


def _of_binary(point: Point) -> dict[str, Any]:
    found = {"value_template": "{{ 'ON' if value_json.value else 'OFF' }}"}
    if point.quantity in BINARY_CLASSES:
        found["device_class"] = BINARY_CLASSES[point.quantity]
    return found


def _of_sensor(point: Point) -> dict[str, Any]:
    found = {
        "value_template": "{{ value_json.value }}",
        "state_class": "total_increasing" if point.kind is Kind.COUNTER else "measurement",
    }
    unit = UNITS.get(point.unit, point.unit)
    if unit is not None:
        found["unit_of_measurement"] = unit
    if point.quantity in SENSOR_CLASSES:
        found["device_class"] = SENSOR_CLASSES[point.quantity]
    return found
