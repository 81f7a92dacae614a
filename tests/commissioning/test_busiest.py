"""The busiest tick is found where the poller would make it, and named with its cure."""

from __future__ import annotations

import pytest

from edge_config.plan import BusPlan, Plan, PolledPlan
from gateway.commissioning.busiest import busiest, crowded


def polled(device: str, interval_s: float, fast_s: float, slow_s: float = 0.0) -> PolledPlan:
    return PolledPlan(device, interval_s, 0.0, interval_s, fast_s, slow_s)


def plan(*devices: PolledPlan, load_pct: float = 50.0) -> Plan:
    bus = BusPlan("line1", "modbus-rtu", "/dev/x", len(devices), 0, 0.0, load_pct, "", devices)
    return Plan("s", len(devices), 0, 0, (bus,), (), (), 0, 0, 0, 0, 1)


def test_devices_of_one_interval_share_their_tick() -> None:
    tick = busiest([polled("a", 2, 0.5), polled("b", 2, 0.4)])
    assert tick is not None
    assert tick.length_s == 2
    assert tick.busy_s == pytest.approx(0.9)
    assert busiest([]) is None


def test_slow_groups_are_spread_and_do_not_add_up_in_one_tick() -> None:
    tick = busiest([polled(name, 10, 1.0, 2.0) for name in "abcd"])
    assert tick is not None
    assert tick.busy_s == pytest.approx(4 * 1.0 + 2.0)


def test_a_rare_device_is_too_much_for_the_ticks_of_a_frequent_one() -> None:
    (said,) = crowded(plan(polled("fast", 1, 0.3), polled("rare", 60, 0.6)))
    assert "bus line1: its busiest tick" in said
    assert (
        "takes 900 ms of the 1000 ms until the next (90 %, more than 80 %): rare 600 ms, fast 300 ms" in said
    )
    assert said.endswith("would fit: poll_interval_s 2 for fast, or part the line")


def test_a_tick_with_room_needs_no_word_and_an_overloaded_bus_has_had_its_own() -> None:
    assert crowded(plan(polled("a", 1, 0.79))) == []
    assert crowded(plan(polled("a", 1, 1.2), load_pct=120)) == []


def test_where_no_interval_helps_the_line_is_to_be_parted() -> None:
    (said,) = crowded(plan(polled("a", 600, 590.0)))
    assert said.endswith("; part the line")
