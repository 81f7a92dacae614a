"""What the buffer may use, and the ballast."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store import space
from gateway.store.database import open_writer
from gateway.store.space import BALLAST_BYTES, MIB, Ballast, Space

GIB = 1024 * MIB
SIZE = st.integers(min_value=0, max_value=8 * GIB)


@given(SIZE, SIZE, SIZE, SIZE, SIZE)
def test_p9_the_limit_never_exceeds_the_budget_nor_what_the_disk_can_give(
    file: int, wal: int, free: int, others: int, budget: int
) -> None:
    found = Space(file, file, wal, free, file + wal + free + others, budget)
    assert 1 <= found.limit <= max(1, budget)
    assert found.limit <= max(1, file + wal + free)


def test_p9_a_fifth_of_the_file_system_stays_free() -> None:
    found = Space(pages=GIB, file=GIB, wal=0, disk_free=15 * GIB, disk=16 * GIB, budget=100 * GIB)
    assert found.limit == GIB + 15 * GIB - round(0.2 * 16 * GIB)


def test_a_buffer_on_a_disk_that_others_filled_still_has_its_floor() -> None:
    found = Space(pages=MIB, file=MIB, wal=0, disk_free=GIB, disk=16 * GIB, budget=4 * GIB)
    assert found.limit == space.FLOOR_BYTES
    assert found.fill < 0.01


def test_a_disk_without_its_reserve_is_full_whatever_the_pages_say() -> None:
    found = Space(pages=MIB, file=100 * MIB, wal=0, disk_free=20 * MIB, disk=16 * GIB, budget=4 * GIB)
    assert found.fill >= 1


def test_pages_that_were_freed_are_not_in_use(tmp_path: Path) -> None:
    path = tmp_path / "buffer.db"
    connection = open_writer(path)
    connection.execute("CREATE TABLE waste (id INTEGER PRIMARY KEY, bytes BLOB)")
    connection.execute("INSERT INTO waste VALUES (1, zeroblob(1000000))")
    before = space.measure(connection, path, GIB)
    connection.execute("DELETE FROM waste")
    after = space.measure(connection, path, GIB)
    connection.close()
    assert after.file == before.file
    assert after.pages <= before.pages - 900_000


def test_the_ballast_is_real_blocks_and_goes_when_it_is_needed(tmp_path: Path) -> None:
    ballast, path = Ballast(tmp_path / "buffer.db"), tmp_path / "buffer.db.ballast"
    ballast.make()
    assert path.stat().st_blocks * 512 >= BALLAST_BYTES
    made = path.stat().st_mtime_ns
    ballast.make()
    assert path.stat().st_mtime_ns == made
    ballast.release()
    ballast.release()
    assert not ballast.is_there


def test_a_ballast_that_cannot_be_made_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    ballast = Ballast(tmp_path / "buffer.db")
    ballast.make()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_does_not_answer_is_met_like_a_failed_commit(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError, match="does not say how much is free"):
        space.disk_of(tmp_path / "gone" / "buffer.db")
    (tmp_path / "buffer.db.ballast").mkdir()
    with pytest.raises(sqlite3.OperationalError, match="cannot be removed"):
        Ballast(tmp_path / "buffer.db").release()
