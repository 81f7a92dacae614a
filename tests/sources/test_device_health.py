"""What silence costs."""

from __future__ import annotations

from gateway.sources.device_health import DeviceHealth, Health, ProbeGate


def test_the_third_silent_poll_in_a_row_is_quarantine() -> None:
    health = DeviceHealth(10.0)
    states = []
    for at in (0.0, 10.0, 20.0):
        health.silent(at)
        states.append(health.state)
    assert states == [Health.SUSPECT, Health.SUSPECT, Health.QUARANTINED]


def test_an_answer_in_between_starts_the_count_again() -> None:
    health = DeviceHealth(10.0)
    for _ in range(5):
        health.silent(0.0)
        health.silent(0.0)
        health.answered()
    assert health.state is Health.OK


def test_probes_grow_rare_but_not_rarer_than_a_minute() -> None:
    health = DeviceHealth(10.0)
    waits = []
    for _ in range(7):
        health.silent(100.0)
        waits.append(health.probe_s)
    assert waits[2:] == [20.0, 40.0, 60.0, 60.0, 60.0]


def test_a_device_polled_every_quarter_hour_is_probed_as_often() -> None:
    health = DeviceHealth(900.0)
    for _ in range(4):
        health.silent(0.0)
    assert health.probe_s == 900.0


def test_a_quarantined_device_is_due_when_its_probe_is() -> None:
    health = DeviceHealth(10.0)
    for _ in range(3):
        health.silent(100.0)
    assert not health.is_due(110.0)
    assert health.is_due(120.0)
    health.probe_soon()
    assert health.is_due(100.0)


def test_failed_probes_take_a_tenth_of_the_bus_at_most() -> None:
    gate = ProbeGate()
    gate.failed(now_s=11.0, took_s=1.0)
    assert not gate.is_open(20.9)
    assert gate.is_open(21.0)
