"""Limits with their windows and hours, and disinfection runs found in readings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_config.schema import DisinfectionRule, Limit
from gateway.model import Event, EventState, Level, Point
from gateway.points import build_points
from gateway.rules.disinfection import RunWatch
from gateway.rules.limits import LimitWatch, MeanWindow
from gateway.rules.watches import watches
from tests.gateway.conftest import T0, limits, small_site

MINUTE = 60_000


@pytest.fixture
def point(tmp_path: Path) -> Point:
    return next(p for p in build_points(small_site(tmp_path)) if p.name == "air.co2")


def limit(**fields: Any) -> Limit:
    return Limit.model_validate(
        {"id": "x", "quantity": "co2", "text": "{value} {unit} > {limit}", "source": "test", **fields}
    )


def run(watch: LimitWatch | RunWatch, values: Sequence[float], step_minutes: float = 1) -> list[Event]:
    events = [watch.step(T0 + round(i * step_minutes * MINUTE), value) for i, value in enumerate(values)]
    return [event for event in events if event is not None]


def always(_: int) -> bool:
    return True


def test_an_instant_value_is_not_yet_an_exceedance(point: Point) -> None:
    watch = LimitWatch("s", limit(above=1000, for_minutes=5), point, always)
    assert run(watch, [1100] * 5 + [900]) == []


def test_a_mean_limit_judges_the_mean_and_only_over_a_covered_window(point: Point) -> None:
    window = MeanWindow(60 * MINUTE, 2 * MINUTE)
    means = [window.add(T0 + i * MINUTE, 2000 if i < 30 else 0) for i in range(61)]
    assert means[:46] == [None] * 46
    assert means[60] == pytest.approx(2000 * 29 / 60)


def test_below_a_limit_is_outside_too_and_the_worst_value_is_kept(point: Point) -> None:
    events = run(LimitWatch("s", limit(below=10, clear=12), point, always), [20, 8, 5, 9, 11, 13])
    assert [event.state for event in events] == [EventState.OPEN, EventState.CLOSED]
    assert events[1].evidence["worst"] == 5
    assert events[1].end == T0 + 5 * MINUTE


def test_words_are_filled_with_value_unit_and_limit(point: Point) -> None:
    (event,) = run(LimitWatch("s", limit(above=1000), point, always), [1234.567])
    assert event.evidence["text_zh"] == "1235 ppm > 1000"
    assert event.level is Level.MINOR


def test_outside_its_hours_a_limit_does_not_judge_and_an_open_event_ends(point: Point) -> None:
    watch = LimitWatch("s", limit(above=1000), point, lambda at: at < T0 + 3 * MINUTE)
    events = run(watch, [1100] * 6)
    assert [(e.state, e.end) for e in events] == [
        (EventState.OPEN, None),
        (EventState.CLOSED, T0 + 3 * MINUTE),
    ]


def test_lesson_hours_follow_the_calendar_and_the_zone(tmp_path: Path) -> None:
    site = small_site(tmp_path)
    lesson = limit(above=1000, during="lesson")
    site = replace(site, limits=limits().model_copy(update={"limits": (lesson,), "disinfection": ()}))
    (watch,) = watches(site, build_points(site), [])["air.co2"]
    monday_nine = T0 + 25 * 60 * MINUTE  # Monday 2025-11-24 09:00 in Shanghai
    sunday_nine = T0 + 1 * 60 * MINUTE
    assert watch.step(sunday_nine, 3000) is None
    assert watch.step(monday_nine, 3000) is not None


def test_the_same_first_instant_gives_the_same_event_id(point: Point) -> None:
    first, second = (run(LimitWatch("s", limit(above=1000), point, always), [1100])[0] for _ in range(2))
    assert first.event_id == second.event_id
    (other,) = run(LimitWatch("other-school", limit(above=1000), point, always), [1100])
    assert other.event_id != first.event_id


def rule() -> DisinfectionRule:
    return limits().disinfection[0]


def test_a_long_enough_run_is_complete_without_its_warm_up(point: Point) -> None:
    events = run(RunWatch("s", rule(), point), [0, *[38.0] * 36, 0])
    assert [e.state for e in events] == [EventState.OPEN, EventState.CLOSED]
    assert (events[1].evidence["minutes"], events[1].evidence["complete"]) == (31.0, True)


def test_a_run_cut_short_is_told_as_incomplete(point: Point) -> None:
    events = run(RunWatch("s", rule(), point), [38.0] * 20 + [0])
    assert (events[1].evidence["minutes"], events[1].evidence["complete"]) == (15.0, False)


def test_what_nobody_saw_is_not_claimed(point: Point) -> None:
    watch = RunWatch("s", rule(), point)
    assert watch.step(T0, 38.0) is not None
    assert watch.step(T0 + 10 * MINUTE, 38.0) is None
    ended = watch.step(T0 + 60 * MINUTE, 38.0)
    assert ended is not None
    assert ended.end == T0 + 10 * MINUTE
