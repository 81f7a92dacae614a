from __future__ import annotations

import json
import struct
from typing import Any

from devices.profile import ModbusProfile, Part, RegisterPoint
from simulators.campus import Campus
from simulators.history import history
from simulators.meter_device import MeterDevice, meter_device

DAY_MS = 86_400_000


class StoppedClock:
    """Wall time that moves on by ``step_ms`` each time it is read."""

    def __init__(self, now_ms: int, step_ms: int = 0) -> None:
        self._now_ms, self._step_ms = now_ms, step_ms

    def now_ms(self) -> int:
        self._now_ms += self._step_ms
        return self._now_ms - self._step_ms

    def monotonic_s(self) -> float:
        return self._now_ms / 1000

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("history does not wait")


def written(campus: Campus, clock: StoppedClock, days: float) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    lines = b"".join(history(campus, clock, days, 300)).splitlines()
    return json.loads(lines[0])["replay"], [json.loads(line) for line in lines[1:]]


def test_header_says_span_interval_and_count(campus: Campus, monday: int) -> None:
    header, lines = written(campus, StoppedClock(monday + 1234), 0.5)
    assert header["expected_interval_s"] == 300
    assert (header["start"], header["end"]) == (lines[0]["measured_at"], lines[-1]["measured_at"])
    assert header["end"] == monday
    assert header["total"] == len(lines) == 144 * len(campus.points)


def test_lines_come_a_step_at_a_time_oldest_first_with_every_point(campus: Campus, monday: int) -> None:
    _, lines = written(campus, StoppedClock(monday), 0.02)
    names = list(campus.points)
    assert [line["point"] for line in lines] == names * (len(lines) // len(names))
    times = [line["measured_at"] for line in lines]
    assert times == sorted(times)
    assert all(ms % 300_000 == 0 for ms in times)


def test_no_days_give_a_header_and_nothing_else(campus: Campus, monday: int) -> None:
    header, lines = written(campus, StoppedClock(monday), 0)
    assert header["total"] == 0
    assert lines == []


def test_history_goes_on_until_it_has_caught_up_with_the_clock(campus: Campus, monday: int) -> None:
    """Each look at the clock finds that a minute has passed."""
    header, lines = written(campus, StoppedClock(monday, step_ms=60_000), 0.1)
    assert lines[-1]["measured_at"] > header["end"]


def plain_number(meter: MeterDevice, function: int, number: RegisterPoint | Part) -> float:
    words = meter.image(function, number.address, 2)
    high_first = words if number.order == "ABCD" else words[::-1]
    code = {"f32": ">f", "u32": ">I", "i32": ">i"}[number.type]
    raw: float = struct.unpack(code, b"".join(word.to_bytes(2, "big") for word in high_first))[0]
    return raw


def test_history_and_live_registers_agree_at_the_same_instant(campus: Campus, monday: int) -> None:
    """What a plain reader takes from the live registers at a history step is the history line's value: no seam."""
    now = monday + 9 * 3_600_000
    _, lines = written(campus, StoppedClock(now), 0.01)
    last = {line["point"]: line["value"] for line in lines if line["measured_at"] == now}
    for device in campus.site.file.devices:
        profile = campus.site.profiles[device.profile]
        if not isinstance(profile, ModbusProfile):
            continue
        meter = meter_device(campus.of(device.id), profile, lambda: now, None)
        for key, spec in profile.points.items():
            raw = plain_number(meter, spec.function, spec)
            raw += sum(plain_number(meter, spec.function, part) for part in spec.parts)
            ratio = float(device.ct_ratio) if spec.ratio != "none" else 1.0
            step = float(spec.resolution) * ratio
            assert round(raw * float(spec.scale) * ratio / step) == round(
                last[f"{device.id}.{key}"] / step
            ), device.id
