"""One clock for every process: real by default, faster from a shared anchor for tests and the demo."""

from __future__ import annotations

import time

import pytest

from runtime.clock import ClockSetting, SystemClock, format_utc, parse_setting, parse_utc, timeline_of

START_MS = 1_789_315_200_123


def test_the_plain_clock_is_the_systems() -> None:
    before = time.time_ns() // 1_000_000
    assert before <= SystemClock().now_ms() <= time.time_ns() // 1_000_000


def test_two_clocks_of_one_anchor_agree_whenever_they_were_made() -> None:
    setting = ClockSetting(100.0, START_MS, time.time() - 5.0)
    first, second = SystemClock(setting), SystemClock(setting)
    assert abs(first.now_ms() - second.now_ms()) < 10_000
    assert 500_000 <= first.now_ms() - START_MS < 520_000


def test_a_child_gets_the_very_clock_of_its_parent() -> None:
    setting = parse_setting(60.0, format_utc(START_MS)).anchored()
    rate, start = setting.arguments()[1::2]
    assert parse_setting(float(rate), start) == setting


def test_real_time_needs_no_options() -> None:
    assert ClockSetting().anchored().arguments() == []


async def test_a_sleep_is_as_short_as_the_rate_is_high() -> None:
    clock = SystemClock(ClockSetting(10_000.0))
    before = clock.monotonic_s()
    await clock.sleep(60)
    assert clock.monotonic_s() - before >= 60


@pytest.mark.parametrize(
    ("rate", "start"), [(0, None), (-1, None), (20_000, None), (1, "2026-09-01"), (1, "soon")]
)
def test_an_unusable_setting_is_refused_in_words(rate: float, start: str | None) -> None:
    with pytest.raises(ValueError, match=r"--clock-rate|time zone|isoformat"):
        parse_setting(rate, start)


def test_instants_are_written_as_they_are_read() -> None:
    assert format_utc(START_MS) == "2026-09-13T16:00:00.123Z"
    assert parse_utc(format_utc(START_MS)) == START_MS
    assert parse_utc("2026-09-14T00:00:00.123+08:00") == START_MS


def test_the_monotonic_timeline_is_the_machines_and_that_of_a_scaled_clock_its_own() -> None:
    assert timeline_of(SystemClock()) == timeline_of(SystemClock())
    scaled = SystemClock(ClockSetting(60.0))
    assert timeline_of(scaled) != timeline_of(SystemClock())
    assert timeline_of(scaled) != timeline_of(scaled)
