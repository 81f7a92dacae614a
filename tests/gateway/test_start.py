"""P19: what a start costs does not grow with what the buffer holds. Counted in steps of SQLite's machine, so that a busy computer
cannot tell; the seconds are in ``bench/reading_store.py``."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from gateway.door.ingest import Door
from gateway.points import build_points
from gateway.store.database import open_reader
from tests.gateway.conftest import ManualClock, small_site
from tests.store.shelf import Shelf

STEPS_EACH = 100
DAY_H = 24.0


def killed(folder: Path, days: float) -> tuple[Path, int]:
    """The files of a collector that was killed after so long, and when."""
    folder.mkdir()
    with Shelf(folder) as shelf:
        shelf.hours(days * DAY_H, every_min=5)
        image = folder.with_name(f"{folder.name}-image")
        image.mkdir()
        for file in folder.glob("buffer.db*"):
            shutil.copy(file, image / file.name)
        return image, shelf.now


async def steps_of_a_start(folder: Path, now: int, monkeypatch: pytest.MonkeyPatch) -> int:
    count = 0

    def counted() -> int:
        nonlocal count
        count += 1
        return 0

    connect = sqlite3.connect

    def counting(*words: Any, **named: Any) -> sqlite3.Connection:
        made: sqlite3.Connection = connect(*words, **named)
        made.set_progress_handler(counted, STEPS_EACH)
        return made

    site = small_site(folder)
    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", counting)
        async with Door(site, build_points(site), ManualClock(now + 1000)):
            at_the_door = count
    return at_the_door


@pytest.mark.campus
async def test_p19_a_start_after_a_kill_reads_no_more_of_a_large_buffer_than_of_a_small_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    costs, held = [], []
    for days in (1.5, 9):
        image, now = killed(tmp_path / f"{days:g}", days)
        costs.append(await steps_of_a_start(image, now, monkeypatch))
        with open_reader(image / "buffer.db") as connection:
            held.append(connection.execute("SELECT count(*) FROM reading").fetchone()[0])
    print(f"{costs} hundreds of steps for {held} readings")
    assert held[1] > 5 * held[0]
    assert costs[0] > 0
    assert costs[1] <= costs[0] * 1.5
