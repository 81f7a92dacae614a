"""P3, F11: a log that lost its end is noticed by the second witness, and told."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from gateway.door import ingest
from gateway.door.ingest import Door
from gateway.points import build_points
from gateway.store import high_water
from gateway.store.database import epoch_of, open_writer
from gateway.store.high_water import RESERVE, HighWater
from tests.store import damaged
from tests.store.damaged import History


@pytest.fixture(autouse=True)
def _retry_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "RETRY_S", 0.0)


async def killed(folder: Path, minutes: int = 120) -> History:
    """What a kill leaves: the database of an earlier start, and everything since in a hot log."""
    first = await damaged.begun(folder / "first", 30)
    async with Door(first.site, build_points(first.site), first.clock) as door:
        writer = asyncio.create_task(door.run())
        await first.live(door, minutes)
        image = first.copy(folder / "image")
        door.close()
        await writer
    return image


def wal(history: History) -> Path:
    return history.site.buffer_path.with_name("buffer.db-wal")


async def test_a_killed_buffer_that_is_whole_keeps_its_epoch_and_raises_no_alarm(tmp_path: Path) -> None:
    image = await killed(tmp_path)
    before = high_water.read(image.site.buffer_path)
    after = await damaged.lived_through(image)
    assert before is not None
    assert (after.epoch, after.gaps, after.events) == (before.epoch, [], [])
    assert damaged.silently_lost(image, after) == []


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def torn(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize("harm", [flipped, torn, Path.unlink])
async def test_p3_a_log_that_lost_its_end_is_told_under_a_new_epoch(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    image = await killed(tmp_path)
    before = high_water.read(image.site.buffer_path)
    assert before is not None
    harm(wal(image))
    after = await damaged.lived_through(image)
    assert after.epoch != before.epoch
    assert "buffer_tail_lost" in after.events
    assert any(gap[4].startswith("tail_lost") for gap in after.gaps)
    assert damaged.wrong_values(image, after) == []
    assert damaged.silently_lost(image, after) == []


async def test_p3_the_log_of_another_buffer_is_not_used(tmp_path: Path) -> None:
    image, other = await killed(tmp_path / "a"), await killed(tmp_path / "b", 60)
    wal(image).write_bytes(wal(other).read_bytes())
    after = await damaged.lived_through(image)
    assert after.renewals == 1
    assert damaged.silently_lost(image, after) == []
    assert damaged.wrong_values(image, after) == []


async def test_f11_garbage_in_shared_memory_changes_nothing(tmp_path: Path) -> None:
    image = await killed(tmp_path)
    shm = image.site.buffer_path.with_name("buffer.db-shm")
    shm.write_bytes(random.Random(1).randbytes(32768))
    after = await damaged.lived_through(image)
    assert (after.renewals, after.gaps) == (0, [])
    assert damaged.silently_lost(image, after) == []


async def test_a_log_without_its_database_is_kept_and_told(tmp_path: Path) -> None:
    image = await killed(tmp_path)
    os.truncate(image.site.buffer_path, 0)
    after = await damaged.lived_through(image)
    assert after.renewals == 1
    assert damaged.silently_lost(image, after) == []
    kept = list(image.site.folder.glob("buffer.db.salvaged-*-wal"))
    assert [path.stat().st_size > 0 for path in kept] == [True]


def test_no_number_is_used_beyond_what_the_synced_file_covers(tmp_path: Path) -> None:
    path = tmp_path / "buffer.db"
    water = HighWater(path, "e", 0)
    try:
        for head in (1, RESERVE, RESERVE + 1, 5 * RESERVE):
            water.cover(head)
            said = high_water.read(path)
            assert said is not None
            assert said.reserved >= head
    finally:
        water.close()


def test_a_torn_line_is_not_believed_and_the_other_is(tmp_path: Path) -> None:
    path = tmp_path / "buffer.db"
    water = HighWater(path, "e", 0)
    water.note(7, (1, 2), 3)
    water.close()
    file = high_water.path_of(path)
    data = bytearray(file.read_bytes())
    data[high_water.LINE + 20] ^= 1
    file.write_bytes(data)
    said = high_water.read(path)
    assert said is not None
    assert (said.epoch, said.reserved, said.head, said.row) == ("e", RESERVE, 0, None)


def test_what_was_sent_is_never_above_what_is_known_at_a_start(tmp_path: Path) -> None:
    """F28: an older copy put back by hand lacks what was sent, and begins another epoch."""
    path = tmp_path / "buffer.db"
    with closing(open_writer(path)) as connection:
        water = HighWater(path, epoch_of(connection), 0)
        water.sent(12)
        water.close()
        said = high_water.read(path)
        assert said is not None
        loss = high_water.loss(connection, said)
    assert loss is not None
    assert (loss.after, loss.to) == (0, 12)


def test_a_disk_that_refuses_is_a_failed_commit(tmp_path: Path) -> None:
    water = HighWater(tmp_path / "buffer.db", "e", 0)
    water.close()
    with pytest.raises(sqlite3.OperationalError, match="high-water"):
        water.note(1, None, 1)
