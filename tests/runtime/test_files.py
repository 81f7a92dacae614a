"""Files that other users of the machine may not read (S19)."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from runtime.files import make_private


@pytest.fixture(autouse=True)
def open_umask() -> Iterator[None]:
    """As careless as can be."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_s19_a_file_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    make_private(tmp_path / "new")
    assert mode(tmp_path / "new") == 0o600
    assert (tmp_path / "new").read_bytes() == b""


@pytest.mark.parametrize(
    ("before", "after"), [(0o644, 0o640), (0o666, 0o660), (0o640, 0o640), (0o600, 0o600)]
)
def test_s19_one_that_was_open_to_all_is_closed_and_keeps_its_content(
    tmp_path: Path, before: int, after: int
) -> None:
    file = tmp_path / "old"
    file.write_bytes(b"kept")
    file.chmod(before)
    make_private(file)
    assert mode(file) == after
    assert file.read_bytes() == b"kept"


def test_s19_the_locks_of_a_database_in_use_are_held_on(tmp_path: Path) -> None:
    path = tmp_path / "d.db"
    make_private(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.execute("BEGIN EXCLUSIVE")
        make_private(path)
        code = (
            f"import sqlite3; sqlite3.connect({str(path)!r}, timeout=0).execute('INSERT INTO t VALUES (1)')"
        )
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False)
    assert b"database is locked" in other.stderr


def test_a_folder_that_is_not_there_is_an_error_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        make_private(tmp_path / "nowhere" / "d.db")
