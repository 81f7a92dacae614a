"""P3, F4: what a start after a power cut cannot know is told, and nothing else."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gateway.door import ingest
from gateway.door.ingest import Door
from gateway.points import build_points
from gateway.store import ending
from gateway.store.database import open_writer
from gateway.store.ending import Marks
from gateway.store.high_water import Witness
from gateway.store.tally import SETTLED_TO
from tests.gateway.conftest import T0, ManualClock, small_site
from tests.power_cuts.afterlife import started_anew
from tests.store import damaged

NOW = "boot-2"


def witness(boot: str | None = "boot-1", ended: str | None = None) -> Witness:
    return Witness("e", 10_000, boot=boot, ended=ended)


@pytest.mark.parametrize(
    ("here", "beside", "may_have"),
    [
        (Marks(), None, False),  # a new buffer, or one from before there were marks
        (Marks(), witness(boot=None), False),
        (Marks(), witness(), True),  # all of it fell back
        (Marks(NOW), witness(), False),  # killed, and started again
        (Marks("boot-1"), witness(), True),
        (Marks("boot-1", "5"), witness(ended="5"), False),
        (Marks("boot-1", "5"), witness(), True),
        (Marks("boot-1", "5"), witness(ended="4"), True),
        (Marks("boot-1", "5"), None, True),
        (Marks("boot-1"), witness(ended="5"), True),
    ],
)
def test_p3_only_two_equal_marks_or_the_same_start_of_the_machine_are_believed(
    here: Marks, beside: Witness | None, may_have: bool
) -> None:
    assert ending.may_have_lost(here, beside, NOW) is may_have


@pytest.fixture
def buffer(tmp_path: Path) -> sqlite3.Connection:
    return open_writer(tmp_path / "buffer.db")


def test_the_span_begins_before_the_end_of_what_is_counted_and_only_grows(buffer: sqlite3.Connection) -> None:
    with closing(buffer):
        ending.doubt(buffer, Marks(settled_to="1000000"), known_to=5_000_000)
        assert ending.lost_from(buffer) == 1_000_000 - ending.UNCOUNTED_MS
        ending.doubt(buffer, Marks(settled_to="2000000"), known_to=5_000_000)
        assert ending.lost_from(buffer) == 1_000_000 - ending.UNCOUNTED_MS
        ending.told(buffer)
        ending.doubt(buffer, Marks(), known_to=5_000_000)
        assert ending.lost_from(buffer) == 5_000_000 - ending.LATE_MS
        assert SETTLED_TO not in dict(buffer.execute("SELECT key, value FROM meta"))


def test_a_copy_that_is_put_into_use_has_no_life_behind_it(buffer: sqlite3.Connection) -> None:
    with closing(buffer):
        ending.begin(buffer, "boot-1")
        ending.end(buffer, 5)
        ending.forget(buffer)
        assert ending.marks(buffer) == Marks()


async def test_p12_what_a_power_cut_may_have_cost_is_told_when_the_clock_is_trusted(tmp_path: Path) -> None:
    """A machine without a battery starts in 1970; the span ends at the start, by the time that is known later."""
    history = await damaged.begun(tmp_path / "live", 60)
    cut = history.copy(tmp_path / "cut")
    high_water = cut.site.buffer_path.with_name("buffer.db.high-water")
    high_water.unlink()
    clock = _Wall(cut.clock.ms)
    clock.wrong_ms = -T0
    with started_anew(tmp_path):
        async with Door(cut.site, build_points(cut.site), clock) as door:
            writer = asyncio.create_task(door.run())
            started_at = clock.ms
            await _tick(door, clock)
            assert damaged.rows_of(cut.site.buffer_path, "SELECT 1 FROM gap") == []
            clock.wrong_ms = 0
            await _tick(door, clock)
            await _tick(door, clock)
            door.close()
            await writer
    [(reason, end)] = damaged.rows_of(cut.site.buffer_path, 'SELECT reason, "end" FROM gap')
    assert reason == "unclean_end"
    assert abs(end - started_at) <= 1000


class _Wall(ManualClock):
    """A clock whose wall is wrong by so much."""

    wrong_ms = 0

    def now_ms(self) -> int:
        return self.ms + self.wrong_ms

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        await asyncio.sleep(0)


async def _tick(door: Door, clock: _Wall) -> None:
    clock.ms += round(ingest.TICK_S * 1000) + 1
    await door.execute(lambda connection, accounts: None)


def test_a_site_without_a_buffer_yet_has_nothing_to_tell(tmp_path: Path) -> None:
    async def live() -> None:
        site = small_site(tmp_path)
        async with Door(site, build_points(site), ManualClock()):
            pass

    asyncio.run(live())
    assert damaged.rows_of(tmp_path / "buffer.db", "SELECT key FROM meta WHERE key = 'lost_from'") == []
