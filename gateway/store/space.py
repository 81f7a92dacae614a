"""How much of its budget the buffer uses, and the ballast that lets it work on a disk others have filled.

A database file does not shrink when rows go: freed pages are used again, so what counts are the pages in use, with the
write-ahead log. How far the file may grow is bounded by the budget and by what must stay free on the file system.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MIB = 1024 * 1024
BALLAST_BYTES = MIB
DISK_FREE_SHARE = 0.2
"""This part of the file system stays free of us (P9)."""
FLOOR_BYTES = 256 * MIB
"""So much a buffer may take also on a file system that others have filled beyond that part, while there is room at all."""
RESERVE_BYTES = 32 * MIB
"""Never taken: twice the write-ahead log. On a file system below 256 MiB an eighth of it."""


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes: pages in use, the file, the write-ahead log, what the file system has free and in all, and the budget."""

    pages: int
    file: int
    wal: int
    disk_free: int
    disk: int
    budget: int

    @property
    def used(self) -> int:
        return self.pages + self.wal

    @property
    def reserve(self) -> int:
        return reserve_of(self.disk)

    @property
    def limit(self) -> int:
        """What the buffer may use now: the budget, or less where the file system is filled by others."""
        taken = self.file + self.wal
        share = taken + self.disk_free - round(DISK_FREE_SHARE * self.disk)
        floor = min(FLOOR_BYTES, taken + self.disk_free - self.reserve)
        return max(1, min(self.budget, max(share, floor)))

    @property
    def fill(self) -> float:
        """The part of the limit in use. A file system without its reserve is full, whatever the pages say."""
        fill = self.used / self.limit
        return max(fill, 1.0) if self.disk_free < self.reserve else fill


def measure(connection: sqlite3.Connection, path: Path, budget: int) -> Space:
    """Three pragmas and a ``statvfs``, no page of the database is read."""
    size, count, unused = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_size", "page_count", "freelist_count")
    )
    disk_free, disk = disk_of(path)
    return Space(size * (count - unused), size * count, wal_bytes(path), disk_free, disk, budget)


def disk_of(path: Path) -> tuple[int, int]:
    """Bytes (free for us, in all) of the file system the buffer lies on. Raises sqlite3.OperationalError where it does not
    answer: it is the same failing disk, and is met in the same way as by a commit."""
    try:
        found = os.statvfs(path.parent)
    except OSError as error:
        raise sqlite3.OperationalError(
            f"{path.parent} does not say how much is free: {error.strerror}"
        ) from error
    return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize


def reserve_of(disk: int) -> int:
    """What is never taken of a file system of so many bytes."""
    return min(RESERVE_BYTES, disk // 8)


def wal_bytes(path: Path) -> int:
    try:
        return path.with_name(path.name + "-wal").stat().st_size
    except FileNotFoundError:
        return 0


class Ballast:
    """``<buffer>.ballast``: 1 MiB of real blocks, given up where a full disk lets neither DELETE nor checkpoint work
    (PROMISES, finding 3)."""

    def __init__(self, buffer: Path) -> None:
        self._path = buffer.with_name(buffer.name + ".ballast")

    @property
    def is_there(self) -> bool:
        return self._path.exists()

    def make(self) -> None:
        """Take the blocks if they are not ours yet and the disk has them beyond its reserve; ``is_there`` says so."""
        disk_free, disk = disk_of(self._path)
        if self.is_there or disk_free < reserve_of(disk) + BALLAST_BYTES:
            return
        partial = self._path.with_name(self._path.name + ".new")
        try:
            with partial.open("wb") as file:
                # Noise: a file system that packs or skips zeros would take no block for them.
                file.write(os.urandom(BALLAST_BYTES))
                file.flush()
                os.fsync(file.fileno())
            partial.rename(self._path)
        except OSError:
            with suppress(OSError):  # a disk that takes no change has no partial file either
                partial.unlink()

    def release(self) -> None:
        """Give the blocks back. Raises sqlite3.OperationalError where the disk takes no change any more."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            raise sqlite3.OperationalError(f"{self._path} cannot be removed: {error.strerror}") from error
