"""The reader's connections: an absent, a busy, a killed and a broken buffer."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.errors import QueryTimeoutError, StoreError
from gateway.query.connection import change_token, snapshot_of
from tests.query.buffers import Buffer, ManualClock, school
from tests.query.conftest import Campus, filled

WRITER = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA journal_mode=WAL")
connection.execute("INSERT INTO meta VALUES ('written', 'just before the kill')")
os.kill(os.getpid(), 9)
"""


def test_a_buffer_that_does_not_exist_yet_reads_as_empty(tmp_path: Path) -> None:
    with snapshot_of(tmp_path / "none.db", 5) as db:
        assert db.execute("SELECT count(*) FROM reading").fetchone() == (0,)
    assert not (tmp_path / "none.db").exists()


def test_a_buffer_whose_tables_are_not_made_yet_reads_as_empty(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    with snapshot_of(path, 5) as db:
        assert db.execute("SELECT count(*) FROM interval").fetchone() == (0,)
    connection.close()


def test_the_snapshot_does_not_move_while_the_collector_commits(campus: Campus) -> None:
    with snapshot_of(campus.site.buffer_path, 5) as db:
        before = db.execute("SELECT count(*) FROM reading").fetchone()
        campus.buffer.reading("air-101.co2", campus.clock.ms, 900)
        assert db.execute("SELECT count(*) FROM reading").fetchone() == before
    with snapshot_of(campus.site.buffer_path, 5) as db:
        assert db.execute("SELECT count(*) FROM reading").fetchone()[0] == before[0] + 1


def test_an_open_write_transaction_does_not_hold_up_a_reader(campus: Campus) -> None:
    campus.buffer.connection.execute("BEGIN IMMEDIATE")
    campus.buffer.reading("air-101.co2", campus.clock.ms, 900)
    assert campus.reader.overview().now == campus.clock.ms
    campus.buffer.connection.execute("ROLLBACK")


@pytest.mark.parametrize("keeps_index", [True, False], ids=["with its shm", "after a power cut"])
def test_what_a_killed_collector_committed_is_read_from_its_hot_log(
    tmp_path: Path, keeps_index: bool
) -> None:
    site = school(tmp_path)
    Buffer(site).connection.close()
    done = subprocess.run([sys.executable, "-c", WRITER, str(site.buffer_path)], check=False)
    assert done.returncode == -9
    wal = site.buffer_path.with_name("buffer.db-wal")
    if not keeps_index:
        site.buffer_path.with_name("buffer.db-shm").unlink()
    stored = site.buffer_path.read_bytes(), wal.read_bytes()
    assert stored[1]
    with snapshot_of(site.buffer_path, 5) as db:
        assert db.execute("SELECT value FROM meta WHERE key = 'written'").fetchone() == (
            "just before the kill",
        )
    assert (site.buffer_path.read_bytes(), wal.read_bytes()) == stored


def test_a_buffer_that_was_closed_cleanly_is_read_and_not_written(tmp_path: Path) -> None:
    campus = filled(school(tmp_path))
    campus.buffer.connection.close()
    stored = campus.site.buffer_path.read_bytes()
    assert campus.reader.latest(["air-101.co2"])[0].value == 800
    assert campus.site.buffer_path.read_bytes() == stored


def test_a_path_with_characters_of_a_uri_is_read(tmp_path: Path) -> None:
    site = school(tmp_path / "楼 a?b#c%20")
    with Buffer(site) as buffer:
        buffer.device("main-e", "online", 1)
    with snapshot_of(site.buffer_path, 5) as db:
        assert db.execute("SELECT device FROM device_state").fetchone() == ("main-e",)


def test_a_reader_cannot_write(campus: Campus) -> None:
    with pytest.raises(StoreError, match="readonly"), snapshot_of(campus.site.buffer_path, 5) as db:
        db.execute("DELETE FROM meta")


def test_a_question_past_its_deadline_is_ended(campus: Campus) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    with (
        pytest.raises(QueryTimeoutError, match=r"did not answer within 0\.05 s"),
        snapshot_of(campus.site.buffer_path, 0.05) as db,
    ):
        db.execute(endless).fetchone()


def test_a_damaged_buffer_is_named(tmp_path: Path) -> None:
    path = tmp_path / "buffer.db"
    path.write_bytes(os.urandom(8192))
    with pytest.raises(StoreError, match=r"buffer\.db"), snapshot_of(path, 5):
        pass


def test_the_token_changes_with_a_commit_and_not_with_a_look(campus: Campus) -> None:
    before = campus.reader.change_token()
    campus.reader.overview()
    assert campus.reader.change_token() == before
    campus.buffer.device("main-e", "offline", campus.clock.ms)
    assert campus.reader.change_token() != before


def test_the_token_of_a_cleanly_closed_buffer_is_not_changed_by_a_look(tmp_path: Path) -> None:
    campus = filled(school(tmp_path))
    campus.buffer.connection.close()
    before = campus.reader.change_token()
    campus.reader.activity()
    assert campus.reader.change_token() == before


def test_the_token_of_a_missing_buffer_changes_when_it_appears(tmp_path: Path) -> None:
    site = school(tmp_path)
    before = change_token(site.buffer_path)
    with Buffer(site):
        assert change_token(site.buffer_path) != before


def test_a_buffer_restored_from_a_backup_is_noticed(tmp_path: Path) -> None:
    campus = filled(school(tmp_path))
    campus.buffer.connection.close()
    before = campus.reader.change_token()
    shutil.copy(campus.site.buffer_path, tmp_path / "copy.db")
    (tmp_path / "copy.db").replace(campus.site.buffer_path)
    assert campus.reader.change_token() != before


def test_asking_never_loads_sqlite_utils() -> None:
    code = "import sys, gateway.query.reader; assert 'sqlite_utils' not in sys.modules, 'loaded'"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_deadline_is_real_time_where_the_clock_is_not(campus: Campus) -> None:
    campus.clock.ms += 10_000_000_000
    assert isinstance(campus.clock, ManualClock)
    assert campus.reader.overview().now == campus.clock.ms
