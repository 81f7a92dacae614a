"""Any history of one point, falls, late, corrected and doubled words and restarts in it: its slots are those of a recount.

The recount is the simulation's: arithmetic of its own over the good readings that are stored, in the order of time.
"""

from __future__ import annotations

import random
import sqlite3
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.book.accounts import Accounts
from gateway.model import QUARTER_MS, Content, Quality, Reading, groups_of
from gateway.points import build_points
from gateway.store import intervals
from gateway.store.database import open_writer
from tests.gateway.conftest import T0, small_site
from tests.gateway.test_accounts import CO2, ENERGY, MINUTE
from tests.simulation import recount
from tests.simulation.site import Known

MODULUS = 1000
METER = Known(0.1, True, MODULUS)
Word = tuple[int, int, int | None]
"""When it arrives, when it was measured, steps; None is a bad one."""


def words(rng: random.Random) -> list[Word]:
    """A meter of three digits as it rolls over, dips, is reset and steps back; some words come late, twice, or otherwise."""
    at, register = T0 + rng.randrange(20 * MINUTE), rng.choice((0, 950, 500))
    found: list[Word] = []
    for _ in range(rng.randrange(5, 50)):
        to_boundary = QUARTER_MS - at % QUARTER_MS
        at += rng.choice((20_000, MINUTE, MINUTE, MINUTE, rng.randrange(1000, 5 * MINUTE), to_boundary))
        at += rng.randrange(10 * MINUTE, 200 * MINUTE) if rng.random() < 0.03 else 0
        register = (register + rng.randrange(8)) % MODULUS if rng.random() < 0.98 else rng.randrange(30)
        chance, said = rng.random(), register
        if chance < 0.03:
            said = rng.choice((0, register // 2))
        elif chance < 0.06 and register > 20:
            said = register - 1
        late = rng.choice((30_000, 100_000, 20 * MINUTE, 70 * MINUTE)) if rng.random() < 0.2 else 0
        found.append((at + late, at, said))
        if rng.random() < 0.1:
            other = min(MODULUS - 1, max(0, said + rng.choice((-3, 0, 0, 2))))
            found.append((at + late + rng.choice((0, 1000, 30 * MINUTE)), at, other))
        if rng.random() < 0.05:
            found.append((at + rng.choice((0, 90_000)), at + rng.choice((0, 10_000)), None))
    calm = [(at + 80 * MINUTE, at + minute * MINUTE, register + minute) for minute in (1, 2, 3)]
    return sorted([*found, *calm], key=lambda word: word[0])


def lived(point: str, rng: random.Random, folder: Path) -> tuple[sqlite3.Connection, int]:
    """The buffer after a history and an hour of calm, and the point's id."""
    site = small_site(folder)
    points = [
        replace(one, expected_interval_s=60.0, modulus_steps=MODULUS if one.name == ENERGY else None)
        for one in build_points(site)
    ]
    connection = open_writer(site.buffer_path)
    connection.execute("PRAGMA synchronous=OFF")
    now, accounts = T0, Accounts(site, points)
    accounts.restore(connection, now)
    for arrives, at, steps in words(rng):
        connection.execute("BEGIN")
        while now + 5 * MINUTE < arrives:
            now += 5 * MINUTE
            accounts.tick(connection, now)
        now = max(now, arrives)
        value = None if steps is None else accounts.every[point].value(steps)
        quality, reason = (Quality.GOOD, None) if steps is not None else (Quality.BAD, "range")
        accounts.book(connection, groups_of([Reading(point, at, now, value, quality, reason)]), now)
        if rng.random() < 0.1:
            accounts = Accounts(site, points)
            accounts.restore(connection, now)
        connection.execute("COMMIT")
    for minute in range(40):
        accounts.tick(connection, now + minute * 90_000)
    return connection, accounts.every[point].point_id


def check(seed: int, point: str) -> None:
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        connection, point_id = lived(point, rng, Path(folder))
        told = {one.start: one for one in intervals.quarters(connection, point_id, point, 0, 2**62)}
        good = connection.execute(
            "SELECT measured_at, value FROM reading WHERE point_id = ? AND quality = 0 ORDER BY 1",
            (point_id,),
        ).fetchall()
        connection.close()
    line = recount.unwrapped(good, METER) if point == ENERGY else good
    first, last = (at // QUARTER_MS * QUARTER_MS for at in (line[0][0], line[-1][0]))
    total = 0
    for start in range(first, last, QUARTER_MS):
        have, place = told[start], f"seed {seed}: {point} at {(start - T0) / MINUTE:g} min"
        if point == CO2:
            content, mean = recount.held(good, start)
            assert (have.content.value, have.mean) == (content, mean and pytest.approx(mean)), place
            continue
        content, steps = recount.counted(line, start)
        # Of a counter that fell silent only the rounded register at its open slot is kept in mind.
        assert have.content.value == content, place
        assert abs((have.steps or 0) - (steps or 0)) <= (have.content is Content.ESTIMATED), place
        total += have.steps or 0
    if point == ENERGY and last > first:
        assert total == recount.between(line, last) - line[0][1], f"seed {seed}: all slots of {point}"


@pytest.mark.parametrize("point", [ENERGY, CO2])
def test_any_history_tells_the_slots_that_a_recount_of_its_readings_gives(point: str) -> None:
    for seed in range(2):
        check(seed, point)


@pytest.mark.real("histories")
@pytest.mark.parametrize("point", [ENERGY, CO2])
def test_many_histories_tell_the_slots_that_a_recount_of_their_readings_gives(point: str) -> None:
    for seed in range(100, 250):
        check(seed, point)
