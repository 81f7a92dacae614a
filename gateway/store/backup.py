"""A copy of the buffer in one file, and the way back.

The copy is made of small steps of SQLite's online backup on a connection of its own; a writer that commits meanwhile waits
for one step at most, and the copy begins again only with what it changed. A restored buffer begins another epoch, so that a
clone never speaks with its original's numbers.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from gateway.errors import StoreError
from gateway.store import ending
from gateway.store.aside import set_aside, sync_folder
from gateway.store.changes import head
from gateway.store.database import epoch_of, new_epoch, open_reader, open_writer, schema_of
from gateway.store.high_water import HighWater, path_of
from gateway.store.proof import seal
from gateway.store.space import wal_bytes
from gateway.store.uplinks import begin_epoch
from gateway.store.wal import LONG_BYTES
from runtime.files import make_private

BLOCK = 1 << 20


def part_of(target: Path) -> Path:
    """The file a backup is while it is being written."""
    return target.with_name(target.name + ".part")


@dataclass(frozen=True, slots=True)
class Label:
    """What stands in ``<backup>.json``. ``head`` is the newest change in the copy."""

    site: str
    gateway: str
    epoch: str
    head: int
    schema: list[str]
    readings: int
    bytes: int
    sha256: str
    made_at: int


def back_up(path: Path, target: Path, now: int, shown: Callable[[int, int], None]) -> Label:
    """Copy a buffer, in use or not, to ``target``: written beside it, synced, then renamed. ``shown`` is told (pages done,
    pages). Raises StoreError; a backup that is there already is not touched then."""
    if target.exists():
        raise StoreError(f"{target} is there already; name another file")
    part = part_of(target)
    part.unlink(missing_ok=True)
    try:
        make_private(part)
        with closing(open_reader(path)) as source, closing(sqlite3.connect(part)) as copy:
            # One snapshot: in WAL mode a reader never keeps the writer waiting, but its log cannot begin anew meanwhile.
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM meta").fetchone()
            copy.execute("PRAGMA journal_mode=OFF")

            def step(_: int, left: int, total: int) -> None:
                if wal_bytes(path) >= LONG_BYTES:
                    raise StoreError(
                        f"{path}: its log grew to {LONG_BYTES >> 20} MiB during the backup; try again later"
                    )
                shown(total - left, total)

            source.backup(copy, pages=256, progress=step)
        with closing(sqlite3.connect(part, isolation_level=None)) as copy:
            copy.execute("PRAGMA journal_mode=DELETE")
            label = _label(copy, part, now)
        _sync(part)
        part.rename(target)
        _write_label(target, label)
    except StoreError:
        part.unlink(missing_ok=True)
        raise
    except (sqlite3.Error, OSError) as error:
        part.unlink(missing_ok=True)
        raise StoreError(
            f"{path}: the backup to {target} failed: {error}; is there room, and may it be read?"
        ) from error
    return label


def restore(backup: Path, path: Path, now: int, *, replace: bool) -> str:
    """Put a backup in the buffer's place under a new epoch, which is returned; a buffer that is there is set aside where
    ``replace`` says so. The caller holds the buffer's lock. Raises StoreError."""
    label = read_label(backup)
    if digest(backup) != label.sha256:
        raise StoreError(
            f"{backup}: its digest is not that of {_label_path(backup).name}; this copy is damaged or not whole"
        )
    if path.exists() and not replace:
        raise StoreError(f"{path} is there already; --replace sets it aside and keeps it")
    part = path.with_name(path.name + ".restored")
    try:
        _copy(backup, part)
        with closing(open_writer(part)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            epoch = new_epoch(connection)
            begin_epoch(connection)
            ending.forget(connection)
            seal(connection)
            connection.execute("COMMIT")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            last = head(connection)
        for suffix in ("-wal", "-shm"):
            part.with_name(part.name + suffix).unlink(missing_ok=True)
        if path.exists() or path_of(path).exists():
            set_aside(path, now, "replaced")
        HighWater(path, epoch, last).close()
        part.rename(path)
        sync_folder(path.parent)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(
            f"{path}: the restore failed: {error}; the buffer is what it was, or {part.name} can be removed"
        ) from error
    return epoch


def read_label(backup: Path) -> Label:
    """Raises StoreError where there is none that can be read."""
    try:
        return Label(**json.loads(_label_path(backup).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise StoreError(f"{_label_path(backup)} is not the label of a backup: {error}") from error


def digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            found.update(block)
    return found.hexdigest()


def _label(copy: sqlite3.Connection, part: Path, now: int) -> Label:
    about = dict(copy.execute("SELECT key, value FROM meta WHERE key IN ('site', 'gateway')"))
    return Label(
        about.get("site", ""), about.get("gateway", ""), epoch_of(copy), head(copy), schema_of(copy),
        copy.execute("SELECT count(*) FROM reading").fetchone()[0], part.stat().st_size, digest(part), now,
    )  # fmt: skip


def _write_label(target: Path, label: Label) -> None:
    path = _label_path(target)
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(asdict(label), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    _sync(part)
    part.rename(path)
    sync_folder(path.parent)


def _label_path(backup: Path) -> Path:
    return backup.with_name(backup.name + ".json")


def _copy(source: Path, target: Path) -> None:
    make_private(target)
    with source.open("rb") as old, target.open("wb") as new:
        while block := old.read(BLOCK):
            new.write(block)
        new.flush()
        os.fsync(new.fileno())


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
