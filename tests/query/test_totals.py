"""Totals against a recount from what the fixture wrote: parts, gaps, the open slot, and days of 23 and 25 hours."""

from __future__ import annotations

import operator
import tempfile
from datetime import date, timedelta
from fractions import Fraction
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import QueryError
from gateway.query.reader import Reader
from gateway.slots import day_bounds
from tests.query.buffers import DAY_MS, QUARTER_MS, Buffer, ManualClock, Truth, local_ms, school, wavering
from tests.query.conftest import Campus

MAIN, HVAC = "main-e.energy_import", "hvac-a.energy_import"


def recount(truth: Truth, start: int, end: int) -> float | None:
    """Σ of slots, those that the span cuts by their share of time, and the registers of the open slot."""
    flowed, is_known = Fraction(0), False
    pieces = [(at, at + QUARTER_MS, steps) for at, (steps, _, _) in truth.slots.items()]
    for first, last, steps in [*pieces, (truth.open_from, truth.read_at, truth.open_steps)]:
        inside = min(last, end) - max(first, start)
        if inside > 0:
            flowed += Fraction(steps) * inside / (last - first)
            is_known = True
    return float(flowed * truth.step) if is_known else None


CONTENTS = st.sampled_from(
    [("measured", 1.0), ("measured", 1.0), ("estimated", 0.4), ("estimated", 0.0), ("missing", 0.0)]
)


@settings(max_examples=40, deadline=None)
@given(
    flows=st.lists(st.integers(0, 10_000), min_size=1, max_size=40),
    contents=st.lists(CONTENTS, min_size=1, max_size=40),
    hours=st.integers(1, 80),
    minutes=st.integers(0, 59),
    span=st.tuples(st.integers(0, 80 * 60), st.integers(1, 80 * 60)),
)
def test_any_span_of_any_history_equals_the_recount(
    flows: list[int], contents: list[tuple[str, float]], hours: int, minutes: int, span: tuple[int, int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        site = school(Path(folder))
        began = local_ms(site, "2026-11-10")
        now = began + hours * 3_600_000 + minutes * 60_000 + 6_000
        with Buffer(site) as buffer:
            truth = buffer.counter(
                MAIN,
                began,
                now,
                lambda slot: flows[slot % len(flows)],
                content=lambda slot: contents[slot % len(contents)],
            )
            start, end = began + span[0] * 60_000, began + sum(span) * 60_000
            found = Reader(site, ManualClock(now)).total("active_energy_import", start, end, points=[MAIN])
        expected = recount(truth, start, min(end, now))
        if expected is not None:
            assert found.value == pytest.approx(expected, abs=1e-9)
        else:
            # Only within the hold of the newest reading is "nothing so far" known to be 0.
            assert found.value in (None, 0.0)
        assert 0 <= found.known_share <= 1
        assert found.known_share + found.estimated_share <= 1 + 1e-9


def test_known_and_estimated_shares_are_those_of_the_slots(tmp_path: Path) -> None:
    site = school(tmp_path)
    began = local_ms(site, "2026-11-17")
    contents = [("measured", 1.0), ("estimated", 0.25), ("missing", 0.0), ("measured", 1.0)]
    with Buffer(site) as buffer:
        buffer.counter(MAIN, began, began + DAY_MS, lambda _: 4, content=lambda slot: contents[slot % 4])
        found = Reader(site, ManualClock(began + DAY_MS)).total(
            "active_energy_import", began, began + DAY_MS, points=[MAIN]
        )
    assert found.known_share == pytest.approx((2 + 0.25) / 4)
    assert found.estimated_share == pytest.approx(0.75 / 4)
    assert found.value == pytest.approx(96 * 3 / 4 * 4 * 0.1)


def test_the_site_total_is_the_incomer_alone(campus: Campus) -> None:
    span = campus.midnight, campus.clock.ms
    site_total = campus.reader.total("active_energy_import", *span)
    assert site_total.value == pytest.approx(recount(campus.buffer.truth[MAIN], *span))
    assert (site_total.unit, site_total.known_share, site_total.estimated_share) == ("kWh", 1.0, 0.0)


def test_a_lamp_that_counts_its_own_energy_is_no_incomer(campus: Campus) -> None:
    span = campus.midnight, campus.clock.ms
    lamp = campus.reader.total("active_energy_import", *span, points=["uv-101.energy_import"])
    assert lamp.value is not None
    codes = {share.code for share in campus.reader.meters("energy", *span)}
    assert codes == {"main-e", "hvac-a", "light-a", "kitchen-e", "pv"}


def test_long_spans_read_whole_days_and_come_to_the_same(campus: Campus) -> None:
    start, end = campus.midnight - 7 * DAY_MS + 1234, campus.clock.ms
    found = campus.reader.total("active_energy_import", start, end)
    assert found.value == pytest.approx(recount(campus.buffer.truth[MAIN], start, end), abs=1e-9)


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"], ids=["23 hours", "25 hours"])
def test_days_of_a_zone_with_summer_time_add_up(tmp_path: Path, day: str) -> None:
    site = school(tmp_path, timezone="Europe/Berlin")
    first = local_ms(site, day) - 2 * DAY_MS
    began, now = first - first % QUARTER_MS, local_ms(site, day) + 3 * DAY_MS
    with Buffer(site) as buffer:
        truth = buffer.counter(MAIN, began, now, lambda slot: 10 + slot % 13)
        reader = Reader(site, ManualClock(now))
        start, end = day_bounds(date.fromisoformat(day), site.zone)
        assert (end - start) // 3_600_000 == (23 if day.startswith("2026-03") else 25)
        days = reader.series(MAIN, start, end, "day").slots
        total = reader.total("active_energy_import", start, end, points=[MAIN])
    assert [(slot.start, slot.end) for slot in days] == [(start, end)]
    assert days[0].value == pytest.approx(total.value)
    assert total.value == pytest.approx(recount(truth, start, end))


def test_a_slot_that_has_not_closed_counts_by_its_registers(campus: Campus) -> None:
    truth = campus.buffer.truth[MAIN]
    start = campus.clock.ms - campus.clock.ms % QUARTER_MS
    found = campus.reader.total("active_energy_import", start, start + QUARTER_MS)
    assert found.value == pytest.approx(float(truth.open_steps * truth.step))
    assert found.known_share == 1.0  # five minutes have passed and are measured; the other ten are not due
    assert found.updated_at == truth.read_at


def test_a_register_that_fell_since_the_last_slot_is_not_guessed_at(campus: Campus) -> None:
    campus.buffer.reading(MAIN, campus.clock.ms - 1000, 3)
    start = campus.clock.ms - campus.clock.ms % QUARTER_MS
    assert campus.reader.total("active_energy_import", start, campus.clock.ms).value is None


def test_a_meter_that_has_been_silent_is_known_up_to_its_last_word(tmp_path: Path) -> None:
    site = school(tmp_path)
    began = local_ms(site, "2026-11-18")
    heard, now = began + 3_600_000, began + 5 * 3_600_000
    with Buffer(site) as buffer:
        truth = buffer.counter(MAIN, began, heard + 60_000, lambda _: 10, read_ago_ms=0, silent_since=True)
        buffer.gauge("air-101.co2", began, now, lambda _: 700.0)
        found = Reader(site, ManualClock(now)).total("active_energy_import", began, now, points=[MAIN])
    assert found.value == pytest.approx(recount(truth, began, now))
    assert found.known_share == pytest.approx((heard + 60_000 - began) / (now - began))
    assert found.updated_at == heard + 60_000


def test_what_lies_ahead_is_not_due(campus: Campus) -> None:
    found = campus.reader.total("active_energy_import", campus.clock.ms + 1, campus.clock.ms + DAY_MS)
    assert (found.value, found.known_share) == (None, 0.0)


def test_before_the_first_reading_nothing_is_known(campus: Campus) -> None:
    found = campus.reader.total("active_energy_import", campus.began - DAY_MS, campus.began)
    assert (found.value, found.known_share, found.updated_at) == (None, 0.0, None)


def test_a_meter_that_left_the_site_file_still_counts_for_its_time(campus: Campus) -> None:
    campus.buffer.connection.execute("UPDATE point SET in_service = 0 WHERE name = 'main-w.volume'")
    truth = campus.buffer.truth["main-w.volume"]
    span = campus.midnight - DAY_MS, campus.midnight
    found = campus.reader.total("water_volume", *span)
    assert found.value == pytest.approx(recount(truth, *span))


def test_a_space_is_added_up_by_the_meters_on_top_within_it(campus: Campus) -> None:
    span = campus.midnight, campus.clock.ms
    found = campus.reader.total("active_energy_import", *span, space="a")
    parts = [
        recount(campus.buffer.truth[f"{name}.energy_import"], *span) or 0 for name in ("hvac-a", "light-a")
    ]
    assert found.value == pytest.approx(sum(parts))


def test_an_incomer_inside_a_building_is_not_that_buildings(tmp_path: Path) -> None:
    site = school(tmp_path)
    moved = site.file.model_copy(
        update={
            "devices": tuple(
                d.model_copy(update={"space": "a"}) if d.id == "main-e" else d for d in site.file.devices
            )
        }
    )
    site = type(site)(moved, site.folder, site.path, site.profiles, site.limits)
    began = local_ms(site, "2026-11-18")
    now = began + 7_200_000
    with Buffer(site) as buffer:
        for name, flow in ((MAIN, 100), (HVAC, 30), ("kitchen-e.energy_import", 20)):
            buffer.counter(name, began, now, wavering(flow, 1))
        reader = Reader(site, ManualClock(now))
        inside = reader.total("active_energy_import", began, now, space="a")
        hvac = recount(buffer.truth[HVAC], began, now)
    assert inside.value == pytest.approx(hvac)


def test_a_virtual_point_is_the_sum_of_its_parts_and_missing_where_one_is(tmp_path: Path) -> None:
    site = school(tmp_path)
    began = local_ms(site, "2026-11-18")
    now = began + 4 * 3_600_000 + 300_000
    with Buffer(site) as buffer:
        main = buffer.counter(MAIN, began, now, lambda slot: 50 + slot)
        hvac = buffer.counter(
            HVAC, began, now, lambda slot: 100 + slot,
            content=lambda slot: ("missing", 0.0) if slot == 2 else ("estimated", 0.5) if slot == 3 else ("measured", 1.0),
        )  # fmt: skip
        reader = Reader(site, ManualClock(now))
        slots = reader.series("rest.energy", began, now, "15min").slots
        total = reader.total("active_energy_import", began, now, points=["rest.energy"])
    assert [slot.content for slot in slots[:4]] == ["measured", "measured", "missing", "estimated"]
    assert slots[0].value == pytest.approx(5.0 - 1.0)
    assert slots[2].value is None
    both = [at for at in main.slots if at in hvac.slots]
    expected = sum(
        (main.slots[at][0] * main.step - hvac.slots[at][0] * hvac.step for at in both), Fraction(0)
    )
    expected += main.open_steps * main.step - hvac.open_steps * hvac.step
    assert total.value == pytest.approx(float(expected))


def test_a_sum_takes_of_a_meter_that_catches_up_with_a_silence_what_flowed_while_the_others_slot_is_open(
    tmp_path: Path,
) -> None:
    """Its open piece is the whole silence; taken as that of the last minutes, the sum leapt by it."""
    site = school(tmp_path)
    began = local_ms(site, "2026-11-18")
    now = began + 4 * 3_600_000 + 600_000
    with Buffer(site) as buffer:
        main = buffer.counter(MAIN, began, now, lambda _: 50)
        hvac = buffer.counter(HVAC, began, now, lambda _: 30)
        buffer.connection.execute(
            "DELETE FROM interval WHERE point_id = ? AND start >= ?", (buffer.ids[HVAC], began + 3_600_000)
        )
        reader = Reader(site, ManualClock(now))
        span = now - 600_000, now
        total = reader.total("active_energy_import", *span, points=["rest.energy"]).value
    silent = 12 * 30 + hvac.open_steps
    passed = now - began - 3_600_000
    expected = main.open_steps * main.step - Fraction(silent * 600_000, passed) * hvac.step
    assert total == pytest.approx(float(expected), rel=0.02)


def test_a_question_that_makes_no_sense_is_answered_with_what_would(campus: Campus) -> None:
    with pytest.raises(QueryError, match=r"has no consumption.*active_energy_import"):
        campus.reader.total("co2", 0, 1)
    with pytest.raises(QueryError, match=r"there is no point 'main-e\.voltage'"):
        campus.reader.total("active_energy_import", 0, 1, points=["main-e.voltage"])


def test_days_add_up_to_their_week(campus: Campus) -> None:
    today = date(2026, 11, 18)
    bounds = [day_bounds(today - timedelta(days=n), campus.site.zone) for n in range(1, 8)]
    days = [campus.reader.total("active_energy_import", *span).value or 0 for span in bounds]
    week = campus.reader.total("active_energy_import", bounds[-1][0], bounds[0][1])
    assert week.value == pytest.approx(sum(days))


@pytest.mark.parametrize("points", [[MAIN], ["rest.energy"]])
def test_what_retention_left_of_a_span_is_summed_from_the_longer_intervals(
    tmp_path: Path, points: list[str]
) -> None:
    """Days with an estimate in them are no less known for being old."""
    site = school(tmp_path)
    began = local_ms(site, "2025-09-01")
    now = began + 50 * DAY_MS + 6_000
    with Buffer(site) as buffer:
        main, hvac = (
            buffer.counter(
                name, began, now, partial(operator.add, least),
                content=lambda slot: ("estimated", 0.5) if slot % 150 == 3 else ("measured", 1.0),
            )
            for name, least in ((MAIN, 20), (HVAC, 5))
        )  # fmt: skip
        for period, days in (("15min", 35.26), ("hour", 45.3)):
            buffer.connection.execute(
                "DELETE FROM interval WHERE period = ? AND start < ?", (period, now - round(days * DAY_MS))
            )
        found = Reader(site, ManualClock(now)).total("active_energy_import", began, now, points=points)
    whole, part = (recount(truth, began, now) or 0 for truth in (main, hvac))
    assert found.value == pytest.approx(whole if points == [MAIN] else whole - part)
    assert found.known_share + found.estimated_share == pytest.approx(1.0, abs=1e-6)
