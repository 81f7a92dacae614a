"""A payload that names another device than its topic's is refused (S13)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.sources.mapping import TopicMap
from gateway.sources.owners import WRONG_IDENTITY, Owners
from tests.sources.fakes import T0
from tests.sources.sensors import air


def owners() -> Owners:
    found = Owners()
    found.add("lamp", "shellyplus1pm-aa", None)
    found.add("other", "shellyplus1pm-bb", None)
    found.add("box", "lora/room-1", "24E124000000AA01")
    return found


@pytest.mark.parametrize(
    ("device", "payload", "is_wrong"),
    [
        ("lamp", {"src": "shellyplus1pm-aa", "params": {}}, False),
        ("lamp", {"src": "SHELLYPLUS1PM-AA"}, False),
        ("lamp", {"src": "shellyplus1pm-bb"}, True),
        ("lamp", {"src": "a-name-nobody-has"}, False),  # the topic prefix of a switch may be set freely
        ("lamp", {"temperature": 20}, False),
        ("box", {"devEUI": "24e124000000aa01"}, False),
        ("box", {"devEUI": "24E124000000AA02"}, True),  # its identity is known: anybody else is wrong
        ("box", {"temperature": 20}, False),
        ("lamp", {"device": {"friendlyName": "room-1"}}, True),
        ("lamp", {"src": 7, "device": "room-1"}, False),
    ],
)
def test_a_payload_is_refused_when_it_names_somebody_else(
    device: str, payload: dict[str, Any], is_wrong: bool
) -> None:
    assert owners().is_of_another(device, json.dumps(payload).encode()) is is_wrong


def test_the_payload_of_another_device_gives_a_counted_reason_and_no_reading() -> None:
    topics = TopicMap([air("air-101"), air("air-102")])
    spoof = b'{"co2":500,"device":{"friendlyName":"air-102"}}'
    mapped = topics.map("zigbee2mqtt/air-101", spoof, is_retained=False, now_ms=T0)
    assert mapped.readings == []
    assert mapped.presence == []
    assert [(one.subject, one.reason) for one in mapped.rejections] == [("air-101", WRONG_IDENTITY)]
    own = topics.map("zigbee2mqtt/air-102", spoof, is_retained=False, now_ms=T0)
    assert [reading.value for reading in own.readings] == [500.0]


def test_nonsense_that_names_somebody_keeps_its_own_reason() -> None:
    mapped = TopicMap([air()]).map("zigbee2mqtt/air-101", b'{"src":', is_retained=False, now_ms=T0)
    assert [one.reason for one in mapped.rejections] == ["not_json"]
