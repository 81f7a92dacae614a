"""The wall clock of a real collector is set while it runs, and it starts with a wrong one (F19, F20: P12)."""

from __future__ import annotations

import asyncio
import operator
import os
import signal
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from runtime.clock import SystemClock
from tests.faults.collector import PATIENCE_S, Plant, running
from tests.faults.faked import FakedWall
from tests.ports import free_port
from tests.sources.slave import Slave, registers, tcp

pytestmark = [pytest.mark.real("faketime"), pytest.mark.timeout(900)]

RATE = 120
"""A minute of the collector's, in which its meter is read once, is half a second of ours."""
ENERGY, REGISTER = "main-e.energy_import", 0x084C
HOUR_S, DAY_S, YEAR_S = 3600, 86_400, 365 * 86_400
QUARTER = 15
"""Polls in a slot."""


@dataclass
class Meter:
    """Its register counts how often it was read: every reading is known by its value."""

    count: int = 0

    def __call__(self, request: bytes) -> bytes | None:
        unit, function, address, quantity = struct.unpack(">BBHH", request)
        place = REGISTER - address
        if not 0 <= place < quantity - 1:
            return registers(request)
        self.count += 1
        words = [0] * quantity
        words[place : place + 2] = divmod(self.count, 1 << 16)
        return struct.pack(f">BBB{quantity}H", unit, function, 2 * quantity, *words)


@dataclass
class Bench:
    """A plant with its meter and its wall clock."""

    plant: Plant
    meter: Meter
    wall: FakedWall

    async def polls(self, count: int) -> None:
        """Wait until the meter was read so many times more."""
        wanted = self.meter.count + count
        await until(lambda: self.meter.count >= wanted, f"poll {wanted}")

    async def booked(self, count: int = 3) -> None:
        """Wait until nothing waits for its time, and some readings were taken in since."""
        await self.polls(count)
        wanted = self.meter.count
        await until(lambda: wanted in self.held() and self.waiting() == 0, "no reading waits for its time")

    def held(self) -> set[int]:
        """What the buffer holds, also what it holds as bad or as replaced."""
        rows = self.plant.rows(
            "SELECT value FROM reading JOIN point USING (point_id) WHERE name = ?1 UNION ALL"
            " SELECT old_value FROM correction JOIN point USING (point_id) WHERE name = ?1",
            ENERGY,
        )
        return {value for (value,) in rows}

    def waiting(self) -> int:
        [(count,)] = self.plant.rows("SELECT count(*) FROM unsynced") or [(-1,)]
        return int(count)

    def quarters(self) -> list[tuple[int, ...]]:
        """(start, end, steps, start_steps, end_steps) of those that are known, by time."""
        return self.plant.rows(
            'SELECT start, "end", steps, start_steps, end_steps FROM interval JOIN point USING (point_id)'
            " WHERE name = ? AND period = '15min' AND content <> 'missing' ORDER BY start",
            ENERGY,
        )

    def good(self) -> list[tuple[int, int]]:
        return self.plant.rows(
            "SELECT measured_at, value FROM reading JOIN point USING (point_id)"
            " WHERE name = ? AND quality = 0 ORDER BY measured_at",
            ENERGY,
        )

    async def doubted(self) -> None:
        await until(lambda: self.waiting() > 0, "readings wait for their time")

    async def told(self, count: int) -> None:
        """Wait until so many steps of the clock are events."""
        sql = "SELECT 1 FROM event WHERE kind = 'clock_step'"
        await until(lambda: len(self.plant.rows(sql)) >= count, f"step {count} is told")


async def until(is_so: Callable[[], bool], what: str) -> None:
    for _ in range(int(PATIENCE_S / 0.05)):
        if is_so():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"not within {PATIENCE_S:g} s: {what}")


@asynccontextmanager
async def bench(folder: Path) -> AsyncIterator[Bench]:
    meter = Meter()
    async with tcp(Slave(meter)) as bus:
        yield Bench(Plant(folder, free_port(), bus), meter, FakedWall(folder / "wall", RATE))


@asynccontextmanager
async def collecting(bench: Bench, *, end: int = signal.SIGTERM) -> AsyncIterator[None]:
    words = bench.plant.command("--clock-rate", str(RATE))
    with running(words, bench.plant.folder / "log", env=bench.wall.environment()) as process:
        try:
            yield
        except BaseException:
            print((bench.plant.folder / "log").read_text(encoding="utf-8")[-3000:])
            raise
        os.kill(process.pid, end)
        assert await asyncio.to_thread(process.wait, PATIENCE_S) == (0 if end == signal.SIGTERM else -end)


def check(bench: Bench, polled: int) -> None:
    """No reading lost, no slot twice, negative, or unlike its neighbours, and all as the good readings have it."""
    assert set(range(1, polled + 1)) - bench.held() == set()
    quarters, good = bench.quarters(), bench.good()
    assert len({start for start, *_ in quarters}) == len(quarters) > 0
    assert all(steps == last - first >= 0 for _, _, steps, first, last in quarters)
    for (_, end, *_, last), (start, _, _, first, _) in pairwise(quarters):
        assert (operator.eq if start == end else operator.le)(last, first)
    for start, end, _, first, last in quarters:
        for at, steps in ((start, first), (end, last)):
            assert abs(register(good, at) - steps) <= 1, (at, steps)


def register(good: list[tuple[int, int]], at: int) -> float:
    """Linear between the two good readings around a moment."""
    before = max((one for one in good if one[0] <= at), default=None)
    after = min((one for one in good if one[0] >= at), default=None)
    if before is None or after is None or before == after:
        return float((before or after or (0, 0))[1])
    return before[1] + (after[1] - before[1]) * (at - before[0]) / (after[0] - before[0])


async def test_f20_a_wall_clock_that_is_set_while_we_run_loses_no_reading_and_makes_no_slot_twice(
    tmp_path: Path,
) -> None:
    """By an hour, by nearly a day, and by ten years back, which is believed after ten minutes of going evenly."""
    async with bench(tmp_path) as one:
        async with collecting(one):
            await one.booked(2 * QUARTER)
            for number, size_s in enumerate((HOUR_S, -HOUR_S, DAY_S - 60, 60 - DAY_S), 1):
                one.wall.step(size_s)
                await one.told(number)
                await one.booked(QUARTER // 2)
            one.wall.step(-10 * YEAR_S)
            await one.doubted()
            one.wall.step(10 * YEAR_S)
            await one.booked(2 * QUARTER)
            polled = one.meter.count
        check(one, polled)


async def test_f20_a_wall_that_goes_on_evenly_ten_years_ahead_is_believed_and_back_again(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as one:
        async with collecting(one):
            await one.booked(2 * QUARTER)
            one.wall.step(10 * YEAR_S)
            await one.doubted()
            await one.told(1)
            await one.booked(QUARTER)
            one.wall.step(-10 * YEAR_S)
            await one.told(2)
            await one.booked(2 * QUARTER)
            polled = one.meter.count
        check(one, polled)


async def test_f19_a_boot_in_1970_and_then_the_true_time_gives_every_reading_its_time(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        now_s = SystemClock().now_ms() / 1000
        one.wall.set_to(600)
        async with collecting(one):
            await one.polls(QUARTER)
            assert one.waiting() > 0
            assert one.held() == set()
            one.wall.step(now_s - 600)
            await one.booked(2 * QUARTER)
            polled = one.meter.count
        check(one, polled)
        assert all(at > (now_s - DAY_S) * 1000 for at, _ in one.good())
        assert one.good()[-1][1] >= polled


@pytest.mark.parametrize(
    ("wrong_s", "step_s"),
    [(-2 * HOUR_S, 3 * HOUR_S), (40 * DAY_S, HOUR_S - 40 * DAY_S)],
    ids=["behind", "far ahead"],
)
async def test_f19_a_start_at_a_time_that_cannot_be_and_then_the_true_time(
    wrong_s: float, step_s: float, tmp_path: Path
) -> None:
    """After a kill, with a clock two hours behind what the buffer holds, as one that was saved, or forty days after it."""
    async with bench(tmp_path) as one:
        async with collecting(one, end=signal.SIGKILL):
            await one.booked(QUARTER)
        killed_at = one.meter.count
        newest = one.good()[-1][0]
        one.wall.set_to(newest / 1000 + wrong_s)
        async with collecting(one):
            await one.doubted()
            one.wall.step(step_s)
            await one.booked(2 * QUARTER)
            polled = one.meter.count
        later = [at for at, value in one.good() if value > killed_at]
        assert newest < min(later) <= max(later) < newest + 5 * HOUR_S * 1000
        check(one, polled)
