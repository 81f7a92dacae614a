"""The benchmarks of the wires at a small size: that they run, not what they say."""

from __future__ import annotations

import re

import pytest

from bench import modbus_poll, mqtt_ingest, upload_leg

ROW = r"  {} +\d+\.\d+ +\d+\.\d+ +\d+\.\d+"


def test_a_point_polled_has_its_cost_beside_the_bare_library() -> None:
    text = modbus_poll.table(ticks=2, runs=1)
    assert re.search(ROW.format("CPU µs a point") + "   goal 1.5", text)
    assert re.search(ROW.format("peak RSS, MB"), text)


@pytest.mark.campus
def test_a_record_uploaded_has_its_cost_beside_the_bare_leg() -> None:
    text = upload_leg.table(records=upload_leg.GROWING + 10_000, runs=1)
    for kind in ("zstd", "gzip"):
        assert re.search(rf"bare, {kind} +\d+\.\d+ CPU µs a record, ours \d+\.\d+ ×   goal 2", text)


@pytest.mark.real("mosquitto")
def test_a_message_ingested_has_its_cost_beside_the_bare_client() -> None:
    text = mqtt_ingest.table(messages=500, runs=1)
    assert re.search(ROW.format("CPU µs a message") + "   goal 2", text)
