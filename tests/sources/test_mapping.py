"""Topic and payload to readings, without a socket."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from devices import profile
from devices.profile import MqttProfile
from gateway.model import Quality, Reading
from gateway.sources.mapping import MqttDevice, TopicMap
from tests.sources.fakes import T0
from tests.sources.sensors import air, timed


def test_topics_are_the_devices_with_their_suffixes_and_availability() -> None:
    assert TopicMap([air(), timed()]).topics == (
        "site/fridge",
        "site/fridge/more",
        "zigbee2mqtt/air-101",
        "zigbee2mqtt/air-101/availability",
    )


def test_a_message_gives_a_reading_per_field_at_its_arrival() -> None:
    mapped = TopicMap([air()]).map(
        "zigbee2mqtt/air-101", b'{"co2":640,"temperature":21.5}', is_retained=False, now_ms=T0
    )
    assert mapped.readings == [
        Reading("air-101.co2", T0, T0, 640.0),
        Reading("air-101.temperature", T0, T0, 21.5),
    ]
    assert mapped.presence == [("air-101", None)]
    assert mapped.rejections == []


def test_untimed_messages_of_a_point_get_later_and_later_milliseconds() -> None:
    topics = TopicMap([air()])
    stamps = [
        topics.map("zigbee2mqtt/air-101", b'{"co2":640}', is_retained=False, now_ms=now)
        .readings[0]
        .measured_at
        for now in (T0, T0, T0, T0 - 500, T0 + 100)
    ]
    assert stamps == [T0, T0 + 1, T0 + 2, T0 + 3, T0 + 100]


def test_points_are_stamped_apart_from_each_other() -> None:
    topics = TopicMap([air("a"), air("b")])
    for device in ("a", "b"):
        mapped = topics.map(f"zigbee2mqtt/{device}", b'{"co2":640}', is_retained=False, now_ms=T0)
        assert mapped.readings[0].measured_at == T0


def test_after_a_large_step_back_stamps_follow_the_clock() -> None:
    topics = TopicMap([air()])
    for now in (T0, T0 - 3_600_000):
        mapped = topics.map("zigbee2mqtt/air-101", b'{"co2":640}', is_retained=False, now_ms=now)
        assert mapped.readings[0].measured_at == now


def test_device_time_is_the_time_of_measurement() -> None:
    mapped = TopicMap([timed()]).map(
        "site/fridge", b'{"t":4.5,"at":"2026-09-21T13:20:00Z"}', is_retained=False, now_ms=T0 + 42
    )
    assert mapped.readings == [Reading("fridge.temperature", 1_789_996_800_000, T0 + 42, 4.5)]


def test_device_time_without_a_zone_is_local_time_of_the_site() -> None:
    topics = TopicMap([timed(zone=ZoneInfo("Asia/Shanghai"))])
    mapped = topics.map("site/fridge", b'{"t":4.5,"at":"2026-09-21T21:20:00"}', is_retained=False, now_ms=T0)
    assert mapped.readings[0].measured_at == 1_789_996_800_000


def test_time_arrival_in_the_site_file_overrules_the_device() -> None:
    topics = TopicMap([timed(takes_device_time=False)])
    mapped = topics.map("site/fridge", b'{"t":4.5,"at":"1970-01-01T00:00:00Z"}', is_retained=False, now_ms=T0)
    assert mapped.readings[0].measured_at == T0


def test_a_time_that_is_none_makes_the_readings_bad_and_is_rejected() -> None:
    mapped = TopicMap([timed()]).map("site/fridge", b'{"t":4.5,"at":"soon"}', is_retained=False, now_ms=T0)
    assert mapped.readings == [Reading("fridge.temperature", T0, T0, None, Quality.BAD, "device_clock")]
    assert [(one.subject, one.reason) for one in mapped.rejections] == [("fridge", "not_a_time")]


def test_a_retained_value_of_unknown_age_is_no_new_reading_and_no_sign_of_life() -> None:
    mapped = TopicMap([air()]).map("zigbee2mqtt/air-101", b'{"co2":640}', is_retained=True, now_ms=T0)
    assert (mapped.readings, mapped.presence) == ([], [])
    assert [(one.subject, one.reason) for one in mapped.rejections] == [("air-101", "retained")]


def test_a_retained_value_with_its_own_time_is_a_reading() -> None:
    mapped = TopicMap([timed()]).map(
        "site/fridge", b'{"t":4.5,"at":"2026-09-21T13:20:00Z"}', is_retained=True, now_ms=T0
    )
    assert [reading.value for reading in mapped.readings] == [4.5]
    assert mapped.presence == []


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "empty"),
        (b"hello", "not_json"),
        (b'{"co2":1', "not_json"),
        (b"[1]", "not_an_object"),
        (b"\xff\xfe", "not_utf8"),
        (b'{"linkquality":1}', "no_value"),
        (b"x" * 100_000, "too_large"),
    ],
)
def test_a_message_that_gives_nothing_is_rejected_with_its_beginning(payload: bytes, reason: str) -> None:
    mapped = TopicMap([air()]).map("zigbee2mqtt/air-101", payload, is_retained=False, now_ms=T0)
    assert mapped.readings == []
    ((subject, found, shown),) = [(one.subject, one.reason, one.example) for one in mapped.rejections]
    assert (subject, found) == ("air-101", reason)
    assert len(shown) <= 200


def test_one_bad_field_costs_the_others_nothing() -> None:
    mapped = TopicMap([air()]).map(
        "zigbee2mqtt/air-101", b'{"co2":"high","humidity":60}', is_retained=False, now_ms=T0
    )
    assert [(one.point, one.value) for one in mapped.readings] == [("air-101.humidity", 60.0)]
    assert [(one.subject, one.reason) for one in mapped.rejections] == [("air-101.co2", "not_a_number")]


@pytest.mark.parametrize(
    ("payload", "is_online"),
    [
        (b'{"state":"online"}', True),
        (b'{"state":"offline"}', False),
        (b"online", True),
        (b" offline ", False),
    ],
)
def test_availability_is_read_as_object_or_bare_word(payload: bytes, is_online: bool) -> None:
    mapped = TopicMap([air()]).map("zigbee2mqtt/air-101/availability", payload, is_retained=True, now_ms=T0)
    assert mapped.presence == [("air-101", is_online)]
    assert mapped.rejections == []


@pytest.mark.parametrize("payload", [b"maybe", b'{"state":1}', b'{"x":1}', b"", b"\xff"])
def test_an_unknown_word_of_availability_is_rejected(payload: bytes) -> None:
    mapped = TopicMap([air()]).map("zigbee2mqtt/air-101/availability", payload, is_retained=False, now_ms=T0)
    assert mapped.presence == []
    assert [(one.subject, one.reason) for one in mapped.rejections] == [("air-101", "unknown_word")]


def test_a_topic_of_no_device_gives_nothing() -> None:
    topics = TopicMap([air()])
    assert not topics.knows("zigbee2mqtt/other")
    mapped = topics.map("zigbee2mqtt/other", b'{"co2":1}', is_retained=False, now_ms=T0)
    assert (mapped.readings, mapped.rejections, mapped.presence) == ([], [], [])


@pytest.mark.parametrize("name", profile.names())
def test_every_example_of_a_sensor_profile_arrives_under_its_topic(name: str) -> None:
    found = profile.load(name)
    if not isinstance(found, MqttProfile):
        return
    topics = TopicMap([MqttDevice("d", "t/d", found, 60.0)])
    for example in found.examples:
        mapped = topics.map("t/d" + example.topic, example.payload.encode(), is_retained=False, now_ms=T0)
        assert {one.point.removeprefix("d."): one.value for one in mapped.readings} == example.readings


def test_a_numbered_message_that_comes_twice_gives_the_same_readings_and_no_new_ones() -> None:
    found = profile.load("milesight-am103-raw")
    assert isinstance(found, MqttProfile)
    topics = TopicMap([MqttDevice("air", "lora/air", found, 600)])

    def readings(count: int, now_ms: int) -> list[tuple[str, int, float | None]]:
        payload = b'{"devEUI":"24e1","fCnt":%d,"fPort":85,"data":"AXVkA2cYAQ=="}' % count
        mapped = topics.map("lora/air", payload, is_retained=False, now_ms=now_ms)
        return [(one.point, one.measured_at, one.value) for one in mapped.readings]

    first = readings(7, T0)
    assert [at for _, at, _ in first] == [T0, T0]
    assert readings(7, T0 + 900) == first
    assert [at for _, at, _ in readings(8, T0)] == [T0 + 1, T0 + 1]
    # A device that has joined anew counts from the start; hours later the same number is another message.
    assert [at for _, at, _ in readings(7, T0 + 3_600_000)] == [T0 + 3_600_000] * 2


def test_after_the_clock_went_back_stamps_do_not_run_ahead_of_it() -> None:
    topics = TopicMap([air("a"), air("b")])
    for device, now in (("a", T0), ("b", T0), ("a", T0 - 30_000), ("b", T0 - 29_990)):
        mapped = topics.map(f"zigbee2mqtt/{device}", b'{"co2":640}', is_retained=False, now_ms=now)
        assert mapped.readings[0].measured_at == now
