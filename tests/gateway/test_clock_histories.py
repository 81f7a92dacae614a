"""Any history of clock steps, crashes and power cuts: nothing is lost, nothing is negative, raw readings tell the same story."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.book.closed_slots import SILENT_MS_MAX
from gateway.intervals import Sample
from gateway.model import Content, Interval
from gateway.open_slots import OpenSlots
from gateway.store import unsynced
from tests.gateway.conftest import T0, small_site
from tests.gateway.restless import CO2, ENERGY, Gateway, Wall, gateway_on, register

SECOND, HOUR, DAY, YEAR = 1_000, 3_600_000, 86_400_000, 365 * 86_400_000
SIZES = (SECOND, 5 * SECOND, 61 * SECOND, HOUR, DAY, 3 * DAY, 40 * DAY, 10 * YEAR)
STEPS = st.sampled_from([sign * size for size in SIZES for sign in (1, -1)])
IN_1970 = 90_000 - T0
WRONG = st.one_of(STEPS, st.just(0), st.just(0), st.just(IN_1970))
"""How wrong the wall is from now on: right again rather often, and sometimes 1970."""

LIFE = st.tuples(st.sampled_from(["goes on", "goes on", "crash", "power cut"]), WRONG, st.integers(1, 45))
HISTORIES = st.lists(LIFE, min_size=1, max_size=6)


@contextmanager
def lived(history: list[tuple[str, int, int]]) -> Iterator[Gateway]:
    """After the history, and three hours of calm."""
    with TemporaryDirectory() as folder, gateway_on(small_site(Path(folder)), Wall()) as gateway:
        gateway.run(20)
        for what, error_ms, minutes in history:
            gateway.wall.error_ms = error_ms
            if what == "crash":
                gateway.start()
            elif what == "power cut":
                gateway.power_cut()
            gateway.run(minutes)
        gateway.wall.error_ms = 0
        gateway.run(180)
        yield gateway


def check_counter(gateway: Gateway) -> None:
    """Registers of neighbours meet, nothing is negative, the calm is measured and true, and raw readings say the same."""
    rows, now = gateway.quarters(ENERGY), gateway.wall.ms
    assert all(row["end"] <= now for row in rows)
    assert all(row["steps"] == row["end_steps"] - row["start_steps"] >= 0 for row in rows)
    for a, b in pairwise(rows):
        fits = operator.eq if a["end"] == b["start"] else operator.le
        assert fits(a["end_steps"], b["start_steps"])
    calm = [row for row in rows if row["start"] > now - 2 * HOUR]
    assert [row["content"] for row in calm] == ["measured"] * 7
    assert all(abs(row["steps"] - register(row["end"]) + register(row["start"])) <= 1 for row in calm)
    again = counted_again(gateway, ENERGY)
    assert [(row["start"], row["content"]) for row in rows] == [
        (s, again[s].content.value) for s in sorted(again)
    ]
    # Of a counter that fell silent only the rounded register at its open slot is kept in mind.
    off = {row["start"]: abs(row["steps"] - (again[row["start"]].steps or 0)) for row in rows}
    assert max(off.values()) <= 1
    assert not any(off[row["start"]] for row in rows if row["content"] == "measured")
    assert sum(row["steps"] for row in rows) == sum(one.steps or 0 for one in again.values())


def check_gauge(gateway: Gateway) -> None:
    again = counted_again(gateway, CO2)
    told = {row["start"]: (row["mean"], row["low"], row["high"]) for row in gateway.quarters(CO2)}
    assert told == {start: (one.mean, one.low, one.high) for start, one in again.items()}


def counted_again(gateway: Gateway, point: str) -> dict[int, Interval]:
    """Quarter-hours by start, from the good readings alone."""
    account = gateway.accounts.every[point]
    rows = gateway.connection.execute(
        "SELECT measured_at, value FROM reading WHERE point_id = ? AND quality = 0 ORDER BY measured_at",
        (account.point_id,),
    )
    samples = [Sample(at, value, account.tolerance_ms) for at, value in rows]
    expected_ms, found = round(account.point.expected_interval_s * 1000), []
    slots = OpenSlots(account.spec, expected_ms, samples[0])
    for sample in samples[1:]:
        if sample.at - slots.newest.at > SILENT_MS_MAX:
            slots = OpenSlots(account.spec, expected_ms, sample)
            continue
        found += slots.add(sample)
        while more := slots.catch_up():
            found += more
    return {interval.start: interval for interval in found if interval.content is not Content.MISSING}


def check_history(history: list[tuple[str, int, int]]) -> None:
    with lived(history) as gateway:
        assert gateway.clock.is_trusted
        assert unsynced.count(gateway.connection) == 0
        assert gateway.accounted == gateway.offered
        check_counter(gateway)
        check_gauge(gateway)


@pytest.mark.parametrize(
    "history",
    [
        # A wait that ends a second before the newest stored reading.
        [("crash", IN_1970, 33), ("crash", -61 * SECOND, 14)],
        # The right time comes back at the very millisecond of a bad reading.
        [("crash", HOUR, 21), ("goes on", -3 * DAY, 22), ("goes on", 10 * YEAR, 25), ("goes on", -DAY, 8)],
        # A slot that was closed by a reading from later than the step's end.
        [
            ("goes on", 0, 4),
            ("power cut", 0, 15),
            ("goes on", -61 * SECOND, 11),
            ("goes on", 61 * SECOND, 39),
        ],
        # Back to before a silence that had been estimated.
        [("crash", -40 * DAY, 30), ("crash", 10 * YEAR, 20)],
    ],
    ids=["wait", "twice", "boundary", "silence"],
)
def test_a_history_that_once_told_two_stories_tells_one(history: list[tuple[str, int, int]]) -> None:
    check_history(history)


@settings(max_examples=4)
@given(HISTORIES)
def test_whatever_the_clock_does_raw_readings_and_intervals_tell_the_same_story(
    history: list[tuple[str, int, int]],
) -> None:
    check_history(history)
