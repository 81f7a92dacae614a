"""P17: whatever a sensor publishes, its message becomes finite readings or counted rejections, and never an exception (S20)."""

from __future__ import annotations

import json
import math
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from devices import profile
from devices.profile import MqttProfile
from gateway.sources.mapping import MqttDevice, TopicMap
from tests.fuzz.effort import examples

MQTT = {name: found for name in profile.names() if isinstance(found := profile.load(name), MqttProfile)}
SAMPLES = [
    (name, example.topic, example.payload.encode()) for name, one in MQTT.items() for example in one.examples
]
NOW = 1_790_000_000_000

NUMBERS = st.one_of(
    st.integers(), st.floats(), st.integers(-(10**400), 10**400), st.sampled_from([0, -1, 2**63, 1e308])
)
PLAIN = st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=30))
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
TOKENS = st.lists(
    st.sampled_from(
        [b"{", b"}", b"[", b"]", b":", b",", b'"', b"\\", b"NaN", b"1e999", b"-", b"9" * 4300, b"\xff", b"\xef\xbb\xbf",
         b"\x00", b"null", b'"co2"', b"[" * 2000, b" "]
    ),
    max_size=12,
).map(b"".join)  # fmt: skip


@st.composite
def messages(draw: st.DrawFn) -> tuple[str, str, bytes]:
    """A profile, a topic suffix of it, and a payload: an example damaged, its fields replaced, or anything at all."""
    name, suffix, payload = draw(st.sampled_from(SAMPLES))
    match draw(st.integers(0, 3)):
        case 0:
            start, end = sorted((draw(st.integers(0, 200)), draw(st.integers(0, 200))))
            payload = payload[:start] + draw(st.binary(max_size=20) | TOKENS) + payload[end:]
        case 1:
            payload = _with_other_fields(draw, payload)
        case 2:
            payload = draw(TOKENS | st.binary(max_size=300))
        case _:
            payload = json.dumps(draw(VALUES)).encode()
    return name, suffix, payload


def _with_other_fields(draw: st.DrawFn, payload: bytes) -> bytes:
    try:
        root = json.loads(payload)
    except ValueError:
        return payload
    here = root
    while isinstance(here, dict) and here:
        key = draw(st.sampled_from(sorted(here)))
        if not isinstance(here[key], dict) or draw(st.booleans()):
            here[key] = draw(VALUES)
            break
        here = here[key]
    return json.dumps(root).encode()


@given(messages(), st.booleans(), st.booleans())
@examples(400)
def test_no_payload_breaks_the_mapping(
    message: tuple[str, str, bytes], is_retained: bool, is_timed: bool
) -> None:
    name, suffix, payload = message
    device = MqttDevice("d", "t", MQTT[name], 60.0, is_timed, ZoneInfo("Asia/Shanghai"))
    mapped = TopicMap([device]).map("t" + suffix, payload, is_retained=is_retained, now_ms=NOW)
    assert mapped.readings or mapped.rejections or mapped.presence  # nothing disappears
    assert all(reading.value is None or math.isfinite(reading.value) for reading in mapped.readings)
    assert all(rejection.reason and len(rejection.example) <= 1000 for rejection in mapped.rejections)
