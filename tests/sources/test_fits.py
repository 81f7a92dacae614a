"""Which profile reads a stranger's payload, and what a discovery message says."""

from __future__ import annotations

import json

import pytest

from devices import profile
from devices.profile import MqttProfile
from gateway.sources import fits

PROFILES = [one for name in profile.names() if isinstance(one := profile.load(name), MqttProfile)]


@pytest.mark.parametrize("one", PROFILES, ids=lambda one: one.profile)
def test_every_profile_is_among_the_fits_of_its_own_richest_example(one: MqttProfile) -> None:
    richest = max(one.examples, key=lambda example: len(example.readings))
    suffix = richest.topic
    if not suffix and one.format == "plain":
        pytest.skip("a bare number proves no profile")
    payload = richest.payload.encode() if isinstance(richest.payload, str) else richest.payload
    found = fits.of_payload(PROFILES, f"site/dev{suffix}", payload)
    same = [fit for fit in found if fit.profile == one.profile]
    assert same, found
    assert same[0].topic == "site/dev"


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"[1]", b'{"unheard_of": 1}', b"\xff\xfe", b'{"co2": "x"}', b"7"]
)
def test_what_no_profile_reads_fits_none(payload: bytes) -> None:
    assert fits.of_payload(PROFILES, "site/dev", payload) == []


def test_a_payload_beyond_the_bound_is_not_tried() -> None:
    payload = json.dumps({"co2": 500, "pad": "x" * fits.PAYLOAD_BYTES_MAX}).encode()
    assert fits.of_payload(PROFILES, "site/dev", payload) == []


def test_a_discovery_message_is_read_in_full_and_abbreviated() -> None:
    full = {
        "name": "CO2", "state_topic": "zigbee2mqtt/air-7", "value_template": "{{ value_json.co2 }}",
        "device": {"manufacturer": "Tuya", "model": "Air box", "name": "air-7"},
    }  # fmt: skip
    short = {
        "~": "tele/plug",
        "stat_t": "~/SENSOR",
        "val_tpl": "{{value_json['ENERGY'].Power}}",
        "dev": {"mf": "T", "mdl": "P"},
    }
    assert fits.announced(json.dumps(full).encode()) == fits.Announced(
        "zigbee2mqtt/air-7", "Tuya Air box air-7", ("co2",)
    )
    assert fits.announced(json.dumps(short).encode()) == fits.Announced(
        "tele/plug/SENSOR", "T P", ("ENERGY", "Power")
    )


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b"{}", b'{"state_topic": 7}', b'{"state_topic": "a/#"}', b'{"dev": [1], "name": "x"}'],
)
def test_a_discovery_message_without_a_state_topic_says_nothing(payload: bytes) -> None:
    assert fits.announced(payload) is None
