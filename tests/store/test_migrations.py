"""P20: a buffer of every schema there ever was opens, keeps every row, and survives a crash at any step of its migration."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import DamagedBufferError, NewerSchemaError
from gateway.place import Place
from gateway.store import proof, uplinks
from gateway.store.database import open_writer, schema_of

GOLDEN = Path(__file__).with_name("golden")
SCHEMAS = sorted(path.stem for path in GOLDEN.glob("*.sql"))
TABLES = (
    "meta",
    "point",
    "reading",
    "correction",
    "interval",
    "watermark",
    "dirty_slot",
    "replay_span",
    "change",
)


def made(path: Path, schema: str) -> Path:
    """The buffer that the gateway of that schema wrote."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((GOLDEN / f"{schema}.sql").read_text(encoding="utf-8"))
        connection.execute("PRAGMA journal_mode=WAL")
    return path


def contents(connection: sqlite3.Connection, columns: dict[str, str]) -> dict[str, list[Any]]:
    return {
        table: connection.execute(f"SELECT {columns[table]} FROM {table}").fetchall() for table in columns
    }


def columns_of(path: Path) -> dict[str, str]:
    with closing(sqlite3.connect(path)) as connection:
        return {
            table: ", ".join(f'"{row[1]}"' for row in connection.execute(f"PRAGMA table_info({table})"))
            for table in TABLES
        }


@pytest.mark.parametrize("schema", SCHEMAS)
def test_p20_a_buffer_of_an_older_schema_keeps_every_row(tmp_path: Path, schema: str) -> None:
    path = made(tmp_path / "buffer.db", schema)
    columns = columns_of(path)
    with closing(sqlite3.connect(path)) as old:
        before = contents(old, columns)
    with closing(open_writer(path)) as connection:
        assert contents(connection, columns) == before
        assert len(before["reading"]) == 200
        assert schema_of(connection)[-1] >= schema


def test_an_uplink_goes_on_where_it_was_and_its_seal_fits(tmp_path: Path) -> None:
    with closing(open_writer(made(tmp_path / "buffer.db", "schema_6"))) as connection:
        assert uplinks.state(connection, "district") == Place(7, 12, voids=((0, 7),))
        proof.check_seals(connection)
        assert connection.execute("SELECT name FROM seal WHERE name = 'uplink'").fetchone() is None
        proof.seal(connection)
        connection.execute("UPDATE uplink SET live_to = 3")
        with pytest.raises(DamagedBufferError):
            proof.check_seals(connection)


class CrashingAt:
    """Keeps an image of the files, as a crash at this moment would leave them, before every so many-th step."""

    def __init__(self, path: Path, every: int) -> None:
        self._path, self._every, self._steps = path, every, 0
        self.images: list[Path] = []

    def connect(self, *arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = REAL_CONNECT(*arguments, **options)
        if arguments[0] == self._path:
            connection.set_authorizer(self._step)
        return connection

    def _step(self, *_: object) -> int:
        self._steps += 1
        if self._steps % self._every == 0:
            folder = self._path.parent / f"image-{len(self.images)}"
            folder.mkdir()
            for suffix in ("", "-wal"):
                file = self._path.with_name(self._path.name + suffix)
                if file.exists():
                    shutil.copy(file, folder / file.name)
            self.images.append(folder / self._path.name)
        return sqlite3.SQLITE_OK


REAL_CONNECT = sqlite3.connect


@pytest.mark.parametrize("schema", SCHEMAS)
def test_p20_a_crash_at_any_step_of_a_migration_loses_nothing(
    tmp_path: Path, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = made(tmp_path / "buffer.db", schema)
    columns = columns_of(path)
    crashing = CrashingAt(path, every=10)
    with monkeypatch.context() as patched:
        patched.setattr(sqlite3, "connect", crashing.connect)
        with closing(open_writer(path)) as connection:
            whole, schemas = contents(connection, columns), schema_of(connection)
    assert len(crashing.images) > 10
    for image in crashing.images:
        with closing(open_writer(image)) as connection:
            assert contents(connection, columns) == whole
            assert schema_of(connection) == schemas


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    path = tmp_path / "buffer.db"
    with closing(open_writer(path)) as connection:
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('campus-gateway', 'schema_99', 'later')"
        )
    return path


def test_p20_a_buffer_of_a_newer_version_is_refused_and_left_untouched(newer: Path) -> None:
    before = hashlib.sha256(newer.read_bytes()).digest()
    with pytest.raises(
        NewerSchemaError, match=r"buffer\.db: a newer version .*schema_99.* nothing was changed"
    ):
        open_writer(newer)
    assert hashlib.sha256(newer.read_bytes()).digest() == before


def test_a_buffer_of_the_newest_schema_opens_without_the_library_of_migrations(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from gateway.store.database import open_writer;"
        " open_writer(Path(sys.argv[1])).close(); print('sqlite_utils' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "buffer.db")]
    loaded = [subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(2)]
    assert loaded == ["True\n", "False\n"]
