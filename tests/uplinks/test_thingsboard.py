from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model import Quality
from gateway.uplinks.feed import Latest
from gateway.uplinks.thingsboard import PAYLOAD_MAX, connect, explain, messages, present, telemetry
from tests.district.campus import METER, MIDNIGHT, NOW, WATER, event, point, slot
from tests.uplinks.memory import row


def test_a_device_is_announced_so() -> None:
    assert (connect("main-e").topic, connect("main-e").payload) == (
        "v1/gateway/connect",
        b'{"device":"main-e"}',
    )


def test_an_interval_is_this_message() -> None:
    assert explain(row(1, slot(METER, 0, 1.25))) == (
        b'v1/gateway/telemetry {"main-e":[{"ts":%d,"values":{"energy_import_15min":1.25,"energy_import_15min_content":"measured",'
        b'"energy_import_15min_register_end":101.0,"energy_import_15min_share":1.0}}]}\n' % MIDNIGHT
    )


def test_a_gauge_has_mean_low_and_high() -> None:
    body = {
        **slot("air-101.co2", 0, None),
        "content": "estimated",
        "share": 0.5,
        "mean": 800.5,
        "low": 400.0,
        "high": 1200.0,
    }
    (message,), devices, _ = telemetry([row(1, body)])
    (entry,) = json.loads(message.payload)["air-101"]
    assert devices == ["air-101"]
    assert entry["values"] == {
        "co2_15min_content": "estimated", "co2_15min_share": 0.5, "co2_15min_mean": 800.5, "co2_15min_low": 400.0,
        "co2_15min_high": 1200.0,
    }  # fmt: skip


def test_what_is_missing_has_no_figure() -> None:
    (message,), _, _ = telemetry([row(1, slot(METER, 0, None))])
    (entry,) = json.loads(message.payload)["main-e"]
    assert entry["values"] == {"energy_import_15min_content": "missing", "energy_import_15min_share": 0.0}


def test_the_last_word_of_a_slot_holds_and_devices_go_together() -> None:
    changes = [
        row(1, slot(METER, 0, 1.0)),
        row(2, slot(WATER, 0, 2.0)),
        row(3, slot(METER, 0, 3.0)),
        row(4, slot(METER, 1, 4.0)),
    ]
    (message,), devices, _ = telemetry(changes)
    found = json.loads(message.payload)
    assert devices == ["main-e", "main-w"]
    assert [entry["values"]["energy_import_15min"] for entry in found["main-e"]] == [3.0, 4.0]


def test_descriptions_and_events_are_no_telemetry_and_what_cannot_be_read_is_refused() -> None:
    assert telemetry([row(1, point(METER)), row(2, event())]) == ([], [], ())
    broken = row(3, {"kind": "interval"})
    assert [seq for seq, _ in telemetry([broken])[2]] == [3]
    with pytest.raises(ValueError, match="cannot be read"):
        explain(broken)


def test_the_newest_is_said_under_its_own_time_and_what_is_not_present_is_not_said() -> None:
    latest = [
        Latest(METER, NOW - 5, 1234.5, Quality.GOOD, False),
        Latest(WATER, NOW, 1.0, Quality.GOOD, True),
        Latest("air-101.co2", NOW, None, Quality.BAD, False),
    ]
    (message,) = present(latest)
    assert json.loads(message.payload) == {"main-e": [{"ts": NOW - 5, "values": {"energy_import": 1234.5}}]}
    assert present(latest[1:]) == []


@settings(max_examples=20)
@given(
    entries=st.lists(
        st.tuples(
            st.sampled_from(["main-e", "main-w", "a"]),
            st.integers(0, 2**41),
            st.dictionaries(
                st.text("ab_", min_size=1, max_size=300),
                st.floats(allow_nan=False, allow_infinity=False),
                max_size=5,
            ),
        ),
        max_size=150,
    )
)
def test_messages_are_short_enough_and_put_together_are_the_entries(
    entries: list[tuple[str, int, dict[str, Any]]],
) -> None:
    joined: dict[str, list[Any]] = {}
    for message in messages(entries):
        assert len(message.payload) <= PAYLOAD_MAX + 16
        for device, found in json.loads(message.payload).items():
            joined.setdefault(device, []).extend(found)
    expected: dict[str, list[Any]] = {}
    for device, at, values in entries:
        expected.setdefault(device, []).append({"ts": at, "values": values})
    assert joined == expected
