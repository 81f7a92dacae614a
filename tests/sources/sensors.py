"""Two MQTT devices: one without a clock, one with its own."""

from __future__ import annotations

from typing import Any

from devices import profile
from devices.profile import MqttProfile, parse
from gateway.sources.mapping import MqttDevice


def air(device: str = "air-101", **more: Any) -> MqttDevice:
    found = profile.load("zigbee2mqtt-air")
    assert isinstance(found, MqttProfile)
    return MqttDevice(device, f"zigbee2mqtt/{device}", found, 60.0, **more)


def timed(device: str = "fridge", **more: Any) -> MqttDevice:
    """A sensor that sends its own time."""
    found = parse("""
        profile: timed-sensor
        maker: {en: Maker}
        models: [T]
        title: {en: Timed sensor}
        wire: mqtt
        source: a test
        interval_s: 60
        time_path: at
        points:
          temperature: {quantity: temperature, path: t}
          humidity: {quantity: humidity, path: h, topic: /more}
        examples: [{name: one, payload: '{"t": 1, "at": "2026-09-01T00:00:00Z"}', readings: {temperature: 1}}]
    """)
    assert isinstance(found, MqttProfile)
    return MqttDevice(device, f"site/{device}", found, 60.0, **more)
