"""S19, S23, F28: a backup is whole or not there; a restore gives the same rows under another epoch."""

from __future__ import annotations

import asyncio
import os
from contextlib import closing
from pathlib import Path

import pytest

from gateway.door.ingest import Door
from gateway.errors import StoreError
from gateway.points import build_points
from gateway.store import aside, backup
from gateway.store.backup import back_up, read_label, restore
from gateway.store.database import epoch_of, open_reader
from tests.gateway.conftest import T0
from tests.store import damaged

COUNTS = (
    "SELECT (SELECT count(*) FROM reading), (SELECT count(*) FROM interval), (SELECT sum(crc) FROM reading)"
)


def shown(done: int, total: int) -> None:
    assert 0 <= done <= total


def epoch(path: Path) -> str:
    with closing(open_reader(path)) as reader:
        return epoch_of(reader)


async def test_s19_buffer_and_backup_and_what_is_restored_are_their_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        history = await damaged.begun(tmp_path / "a", 3)
        back_up(history.site.buffer_path, tmp_path / "b.db", T0, shown)
        restore(tmp_path / "b.db", tmp_path / "c.db", T0, replace=False)
    finally:
        os.umask(before)
    for path in (history.site.buffer_path, tmp_path / "b.db", tmp_path / "c.db"):
        assert path.stat().st_mode & 0o777 == 0o600, path


async def test_s23_a_restore_drill_gives_equal_counts_and_a_new_epoch(tmp_path: Path) -> None:
    history = await damaged.begun(tmp_path / "a", 60)
    path, copy = history.site.buffer_path, tmp_path / "b.db"
    label = back_up(path, copy, T0, shown)
    assert (label.site, label.gateway, label.readings, label.epoch) == (
        "s",
        "gw-1",
        len(history.offered),
        epoch(path),
    )
    assert read_label(copy) == label
    other = history.copy(tmp_path / "other").site.buffer_path
    fresh = restore(copy, other, T0, replace=True)
    assert damaged.rows_of(other, COUNTS) == damaged.rows_of(path, COUNTS)
    assert fresh == epoch(other) != epoch(path)
    assert len(list(other.parent.glob("buffer.db.replaced-*"))) >= 1
    assert aside.waiting(other) == []


async def test_f28_a_restored_buffer_goes_on_and_raises_no_alarm(tmp_path: Path) -> None:
    history = await damaged.begun(tmp_path / "a", 60)
    copy = tmp_path / "b.db"
    back_up(history.site.buffer_path, copy, T0, shown)
    clone = history.copy(tmp_path / "clone")
    fresh = restore(copy, clone.site.buffer_path, T0, replace=True)
    after = await damaged.lived_through(clone)
    assert (after.epoch, after.renewals, after.gaps) == (fresh, 0, [])
    assert damaged.silently_lost(clone, after) == []


async def test_a_backup_of_a_buffer_in_use_is_one_moment_and_the_writer_goes_on(tmp_path: Path) -> None:
    history = await damaged.begun(tmp_path / "a", 60)
    async with Door(history.site, build_points(history.site), history.clock) as door:
        writer = asyncio.create_task(door.run())
        making = asyncio.create_task(
            asyncio.to_thread(back_up, history.site.buffer_path, tmp_path / "b.db", T0, shown)
        )
        await history.live(door, 20, batch=1)
        label = await making
        door.close()
        await writer
    assert label.readings % 3 == 0
    assert len(history.offered) - 60 <= label.readings <= len(history.offered)


async def test_a_restore_onto_a_buffer_is_refused(tmp_path: Path) -> None:
    history = await damaged.begun(tmp_path / "a", 10)
    copy, path = tmp_path / "b.db", history.site.buffer_path
    back_up(path, copy, T0, shown)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="--replace"):
        restore(copy, path, T0, replace=False)
    assert path.read_bytes() == before


async def test_a_damaged_backup_is_refused(tmp_path: Path) -> None:
    history = await damaged.begun(tmp_path / "a", 10)
    copy = tmp_path / "b.db"
    back_up(history.site.buffer_path, copy, T0, shown)
    data = bytearray(copy.read_bytes())
    data[-5] ^= 1
    copy.write_bytes(data)
    with pytest.raises(StoreError, match="its digest is not"):
        restore(copy, tmp_path / "new.db", T0, replace=False)
    assert not (tmp_path / "new.db").exists()


async def test_a_backup_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = await damaged.begun(tmp_path / "a", 10)
    monkeypatch.setattr(backup, "LONG_BYTES", 0)
    with pytest.raises(StoreError, match="try again later"):
        back_up(history.site.buffer_path, tmp_path / "b.db", T0, shown)
    assert list(tmp_path.glob("b.db*")) == []


async def test_f14_a_copy_made_of_a_live_buffer_opens_as_a_crash_image(tmp_path: Path) -> None:
    history = await damaged.begun(tmp_path / "a", 30)
    async with Door(history.site, build_points(history.site), history.clock) as door:
        writer = asyncio.create_task(door.run())
        await history.live(door, 30)
        copy = history.copy(tmp_path / "copy")
        door.close()
        await writer
    after = await damaged.lived_through(copy)
    assert (damaged.wrong_values(copy, after), damaged.silently_lost(copy, after)) == ([], [])
