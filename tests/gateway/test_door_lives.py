"""One path through the real door, with restarts: slots, states, completeness, totals, tariffs and virtual points as counted."""

from __future__ import annotations

import random
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import date, datetime
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge_config.site import LoadedSite
from gateway.intervals import CounterSpec, Sample
from gateway.open_slots import OpenSlots
from gateway.query.reader import Reader
from tests.gateway.door_lives import (
    HVAC,
    MAIN,
    MODULUS,
    OPEN,
    QUARTER,
    STARTS,
    Counted,
    StillClock,
    counted,
    flowed,
    live,
    rows,
    school,
    tariff,
)

STEP = Fraction(1, 10)


def check_slots(path: Path, name: str, found: Counted) -> None:
    told = {row["start"]: row for row in rows(path, name)}
    for start, (content, steps) in found.slots.items():
        have = told[start]
        assert have["content"] == content, (name, start)
        # Of a counter that fell silent only the rounded register at its open slot is kept in mind.
        assert abs((have["steps"] or 0) - (steps or 0)) <= (content == "estimated"), (name, start)
        found.slots[start] = content, have["steps"]
    assert all((row["steps"] or 0) >= 0 for row in told.values())


def check_state(path: Path, found: Counted) -> None:
    """Its share of time open, how often it changed, and whether it was ever open or ever closed."""
    told = {row["start"]: row for row in rows(path, OPEN)}
    changes = Counter(b[0] // QUARTER * QUARTER for a, b in pairwise(found.good) if a[1] != b[1])
    for start, (content, _) in found.slots.items():
        if content == "missing":
            assert told[start]["content"] == "missing"
            continue
        spans = [
            (min(until, at + 120_000, start + QUARTER) - max(at, start), value)
            for (at, value), (until, _) in pairwise([*found.good, (2**62, 0)])
        ]
        held = [(ms, value) for ms, value in spans if ms > 0]
        have = told[start]
        assert have["mean"] == pytest.approx(sum(ms * v for ms, v in held) / sum(ms for ms, _ in held))
        assert (have["low"], have["high"]) == (min(v for _, v in held), max(v for _, v in held))
        assert have["share"] == pytest.approx(sum(ms for ms, _ in held) / QUARTER)
        assert have["changes"] == changes[start], start


def check_resets(path: Path, name: str, found: Counted) -> None:
    """The falls that are told are those of all good readings in the order of time, up to the slot that is open."""
    modulus = MODULUS[name]
    spec = CounterSpec(name, modulus)
    samples = [Sample(at, value, 120_000) for at, value in found.good]
    slots, falls = OpenSlots(spec, 60_000, samples[0]), []
    for one in samples[1:]:
        slots.add(one)
        while slots.catch_up():
            pass
        falls += [after.at for _, after in slots.resets]
        slots.resets.clear()
    until = max(found.slots)
    with closing(sqlite3.connect(path)) as db:
        told = db.execute(
            "SELECT start FROM event WHERE kind = 'reset' AND subject = ? AND state <> 'withdrawn' ORDER BY 1",
            (name,),
        ).fetchall()
    assert [at for (at,) in told if at < until] == [at for at in falls if at < until], name


def check_completeness(reader: Reader, zone: str, now: int, every: dict[str, Counted]) -> None:
    days = sorted({local(zone, at) for found in every.values() for at in (found.good[0][0], now)})
    have = {
        (row.subject, row.day): (row.due, row.measured, row.estimated, row.missing)
        for row in reader.completeness(days[0].isoformat(), days[-1].isoformat(), "point")
        if row.subject in every
    }
    want: dict[tuple[str, str], tuple[int, ...]] = {}
    until = (now - 300_000) // QUARTER * QUARTER
    for name, found in every.items():
        for at in range(found.good[0][0] // QUARTER * QUARTER, until, QUARTER):
            content = found.slots.get(at, ("missing", None))[0]
            if name == OPEN and at not in found.slots:  # the last reading still holds into it
                content = "estimated" if found.good[-1][0] + 120_000 > at else "missing"
            key, place = (
                (name, local(zone, at).isoformat()),
                ("measured", "estimated", "missing").index(content),
            )
            one = list(want.get(key, (0, 0, 0, 0)))
            one[0] += 1
            one[1 + place] += 1
            want[key] = tuple(one)
    assert have == want


def local(zone: str, at: int) -> date:
    return datetime.fromtimestamp(at / 1000, ZoneInfo(zone)).date()


def check_spans(
    reader: Reader, site: LoadedSite, rng: random.Random, now: int, every: dict[str, Counted]
) -> None:
    begin, zone = min(found.good[0][0] for found in every.values()), site.file.site.timezone
    both = sorted(set(dict(known(every[MAIN]))) & set(dict(known(every[HVAC]))))
    # What flowed since a register fell is settled by the next slot's first word; till then nothing is promised of it.
    settled = [max(found.slots) + QUARTER for found in every.values() if not found.is_settled]
    for _ in range(12):
        start, end = sorted(rng.randrange(begin - QUARTER, min([now + QUARTER, *settled])) for _ in range(2))
        if rng.random() < 0.5:
            start, end = start // QUARTER * QUARTER, end // QUARTER * QUARTER
        for name in (MAIN, HVAC):
            want: dict[str, Fraction] = {}
            for at, steps in flowed(every[name].pieces(), start, end):
                want[tariff(zone, at)] = want.get(tariff(zone, at), Fraction(0)) + steps * STEP
            total = reader.total("active_energy_import", start, end, points=[name]).value
            place = f"{name} from {start} to {end}, now {now}"
            assert (total or 0) == pytest.approx(float(sum(want.values())), abs=1e-6), place
            told = {
                row.tariff: row.value
                for row in reader.tariffs("active_energy_import", start, end, points=[name])
            }
            assert sum(told.values()) == pytest.approx(total or 0)
            for one in want.keys() | told.keys():
                assert told.get(one, 0) == pytest.approx(float(want.get(one, 0)), abs=1e-6), (
                    name,
                    one,
                    start,
                    end,
                )
        # Within closed slots: of the open ones each meter's ends by itself.
        start, end = sorted((rng.choice(both), rng.choice(both)))
        sums = [
            sum((steps for at, steps in known(every[name]) if start <= at < end and at in both), Fraction(0))
            for name in (MAIN, HVAC)
        ]
        signs: tuple[tuple[str, Callable[[Fraction, Fraction], Fraction]], ...] = (
            ("rest.energy", lambda a, b: a - b),
            ("both.energy", lambda a, b: a + b),
        )
        for name, put in signs:
            total = reader.total("active_energy_import", start, end, points=[name]).value or 0
            assert total == pytest.approx(float(put(*sums) * STEP), abs=1e-6), name
            shares = reader.tariffs("active_energy_import", start, end, points=[name])
            assert sum(row.value for row in shares) == pytest.approx(total)
        ratio = reader.total("active_energy_import", start, end, points=["hvac.part"]).value
        assert (ratio or 0) == pytest.approx(float(sums[1] / sums[0]) if sums[0] else 0, abs=1e-9)


def known(found: Counted) -> list[tuple[int, Fraction]]:
    return [(at, Fraction(steps)) for at, (_, steps) in found.slots.items() if steps is not None]


async def check(seed: int, zone: str, hours: float) -> None:
    print(f"seed {seed} in {zone}")
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        site = school(Path(folder), zone)
        now = await live(site, rng, hours)
        path = site.buffer_path
        every = {name: counted(path, name) for name in (MAIN, HVAC, OPEN)}
        for name in (MAIN, HVAC):
            check_slots(path, name, every[name])
            check_resets(path, name, every[name])
        check_state(path, every[OPEN])
        reader = Reader(site, StillClock(now))
        check_completeness(reader, zone, now, every)
        check_spans(reader, site, rng, now, every)


@pytest.mark.real("door lives")
@pytest.mark.parametrize("zone", sorted(STARTS))
async def test_what_came_through_the_door_is_told_as_it_is_counted(zone: str) -> None:
    for seed in range(2):
        await check(seed, zone, 9)
