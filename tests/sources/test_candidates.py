"""Strangers on a broker: counted and sampled, bounded, never more (S13)."""

from __future__ import annotations

import json

import pytest

from devices import profile
from devices.profile import MqttProfile
from edge_config.schema import Broker
from gateway.sources.candidates import (
    ANNOUNCEMENTS,
    CANDIDATES_MAX,
    LOOKS_PER_S_MAX,
    SAMPLE_BYTES_MAX,
    Candidates,
    Place,
    covers,
)
from gateway.sources.leftovers import leftovers
from tests.sources.fakes import T0

PROFILES = [one for name in profile.names() if isinstance(one := profile.load(name), MqttProfile)]
BOX = b'{"co2":640,"pm25":5,"temperature":24.8,"humidity":60}'


def looking(*discover: str, known: tuple[str, ...] = (), places: tuple[Place, ...] = ()) -> Candidates:
    broker = Broker(id="local", host="h", discover=discover)
    return Candidates(broker, places, known, PROFILES)


def air_place(topic: str = "zigbee2mqtt/+") -> Place:
    return Place(topic, next(one for one in PROFILES if one.profile == "zigbee2mqtt-air"))


@pytest.mark.parametrize(
    ("pattern", "topic", "does"),
    [("a/#", "a/b/c", True), ("a/#", "a", True), ("a/#", "ab", False), ("a/+", "a/b", True), ("a/+", "a/b/c", False),
     ("+/b", "a/b", True), ("a/+/c", "a/b/d", False), ("#", "a/b", True), ("a/b", "a/b", True), ("a/#", "a/+", True)],
)  # fmt: skip
def test_a_pattern_brings_the_topics_the_standard_says(pattern: str, topic: str, does: bool) -> None:
    assert covers(pattern, topic) is does


def test_no_pattern_lies_inside_another_for_brokers_may_then_send_twice() -> None:
    found = looking("zigbee2mqtt", "homeassistant", places=(air_place(), air_place("site/+/air")))
    assert found.patterns == ("zigbee2mqtt/#", *ANNOUNCEMENTS, "site/+/air", "site/+/air/availability")


def test_a_stranger_is_counted_sampled_and_matched_with_profiles() -> None:
    found = looking("zigbee2mqtt")
    for n in range(3):
        assert found.see("zigbee2mqtt/new", BOX, T0 + n, 100.0 + n) is None
    (one,) = found.take()
    assert (one.broker, one.topic, one.profile) == ("local", "zigbee2mqtt/new", "zigbee2mqtt-air")
    assert (one.first_at, one.last_at, one.count, one.sample) == (T0, T0 + 2, 3, BOX.decode())
    assert found.take() == []


def test_what_a_mapping_says_wins_over_what_a_payload_shows() -> None:
    found = looking(places=(air_place(),))
    found.see("zigbee2mqtt/box-9", b'{"temperature":20,"battery":90}', T0, 1.0)
    assert [one.profile for one in found.take()] == ["zigbee2mqtt-air"]


def test_topics_of_devices_and_availability_are_no_strangers() -> None:
    found = looking("zigbee2mqtt", known=("zigbee2mqtt/air-101",))
    for topic in ("zigbee2mqtt/air-101", "zigbee2mqtt/air-101/set", "zigbee2mqtt/new/availability"):
        assert found.see(topic, BOX, T0, 1.0) is None
    found.see("zigbee2mqtt/empty", b"", T0, 1.0)
    assert found.take() == []


def test_an_adopted_stranger_is_one_no_more() -> None:
    found = looking("zigbee2mqtt")
    found.see("zigbee2mqtt/new", BOX, T0, 1.0)
    found.know("zigbee2mqtt/new")
    found.see("zigbee2mqtt/new", BOX, T0, 2.0)
    assert found.take() == []


def test_announcements_of_one_device_add_up_to_one_candidate_with_a_profile() -> None:
    found = looking("homeassistant")
    for n, name in enumerate(("co2", "pm25", "temperature", "humidity")):
        said = {
            "state_topic": "zigbee2mqtt/air-7", "value_template": f"{{{{ value_json.{name} }}}}",
            "device": {"manufacturer": "Tuya", "model": "Air box"},
        }  # fmt: skip
        found.see(f"homeassistant/sensor/0x7/{name}/config", json.dumps(said).encode(), T0 + n, 1.0 + n)
    (one,) = found.take()
    assert (one.topic, one.title, one.profile, one.count) == (
        "zigbee2mqtt/air-7",
        "Tuya Air box",
        "zigbee2mqtt-air",
        4,
    )


def test_a_flood_of_names_is_bounded_and_counted() -> None:
    found = looking("x")
    refused = [found.see(f"x/{n}", BOX, T0, float(n)) for n in range(CANDIDATES_MAX + 50)]
    assert [one.reason for one in refused if one is not None] == ["discover_full"] * 50
    assert len(found.take()) == CANDIDATES_MAX


def test_a_flood_of_messages_is_looked_at_so_many_times_a_second() -> None:
    found = looking("x")
    refused = [found.see("x/1", BOX, T0, 50.0) for _ in range(1000)]
    assert [one.reason for one in refused if one] == ["discover_rate"] * (1000 - LOOKS_PER_S_MAX)
    assert found.see("x/1", BOX, T0, 51.0) is None


def test_a_sample_is_short_and_text_whatever_came() -> None:
    found = looking("x")
    found.see("x/1", b"\xff\x00" * 100_000, T0, 1.0)
    (one,) = found.take()
    assert len(one.sample) <= SAMPLE_BYTES_MAX * 4
    assert one.fits == ()


def test_an_old_session_is_rid_of_patterns_that_are_no_longer_in_use() -> None:
    assert leftovers("a/b", ["a/#"]) == ["a/b", "a/b/#", "+/b", "a/+"]
    assert ANNOUNCEMENTS[1] in leftovers("homeassistant/sensor/0x7/co2/config", [])
