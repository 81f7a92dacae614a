"""A buffer that cannot be used is set aside, whole and unchanged, so that a new one can begin at once.

``buffer.db.corrupt-20261122T090500Z`` waits to be salvaged, ``….salvaged-…`` has been. The state is in the name: it outlives
every restart, and a person sees it. Nothing here reads the damaged file.
"""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from gateway.errors import DamagedBufferError

KEPT_MAX = 3
"""Files that have been salvaged are kept for staff, the newest so many: they may be as large as the buffer."""

UNREADABLE_MAX, AGAIN_S = 3, 60.0
"""A file that could not be read so many times in a row is given up like a damaged one: waiting would not bring it back."""

_PARTS = ("-wal", "-shm", ".high-water", ".first-page")
_MALFORMED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_MISMATCH})
_UNREADABLE = frozenset(
    {
        sqlite3.SQLITE_IOERR_READ,
        sqlite3.SQLITE_IOERR_SHORT_READ,
        sqlite3.SQLITE_IOERR_CORRUPTFS,
    }  # the last is EIO
)
# A mismatch is a text where only a number can have been written.


def is_malformed(error: BaseException | None) -> bool:
    """Whether an error, or what it came from, says that the file's bytes are wrong: trying again cannot help."""
    while error is not None:
        if isinstance(error, DamagedBufferError):
            return True
        code = getattr(error, "sqlite_errorcode", None)
        if isinstance(code, int) and code & 0xFF in _MALFORMED:
            return True
        if isinstance(error, sqlite3.IntegrityError) and str(error).endswith("failed: change.seq"):
            return True  # the highest seq is not found where it must be
        # A flipped bit in a text: the engine hands it out, the driver cannot read it.
        if isinstance(error, sqlite3.OperationalError) and str(error).startswith("Could not decode to UTF-8"):
            return True
        error = error.__cause__
    return False


def is_unreadable(error: BaseException | None) -> bool:
    """Whether the card did not give a page back. Once may be a loose plug; again and again it is a sector that is gone."""
    while error is not None:
        if getattr(error, "sqlite_errorcode", None) in _UNREADABLE:
            return True
        error = error.__cause__
    return False


@dataclass(slots=True)
class Patience:
    """Of one reader with a file that it could not read: ``is_over`` when that came again and again within a minute."""

    _times_s: list[float] = field(default_factory=list)

    def is_over(self, now_s: float) -> bool:
        self._times_s = [at_s for at_s in self._times_s if now_s - at_s < AGAIN_S] + [now_s]
        return len(self._times_s) >= UNREADABLE_MAX


def is_headless(path: Path) -> bool:
    """A log without its database: SQLite would delete the log and begin anew without a word."""
    wal = path.with_name(path.name + "-wal")
    return (not path.exists() or path.stat().st_size == 0) and wal.exists() and wal.stat().st_size > 0


def set_aside(path: Path, now_ms: int, mark: str = "corrupt") -> Path:
    """Rename the buffer with its log, and return its new path; only what is marked ``corrupt`` waits to be salvaged.

    The log goes first: a database that has lost its log is seen, a log that has lost its database would be deleted by the
    next open.
    """
    stamp = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = path.with_name(f"{path.name}.{mark}-{stamp}")
    count = 1
    while aside.exists():
        count += 1
        aside = path.with_name(f"{path.name}.{mark}-{stamp}-{count}")
    _rename(path, aside)
    return aside


def waiting(path: Path) -> list[Path]:
    """The set-aside files of a buffer that have not been salvaged yet, the oldest first."""
    return sorted(one for one in path.parent.glob(f"{path.name}.corrupt-*") if not one.name.endswith(_PARTS))


def finish(path: Path, aside: Path) -> Path:
    """A file that has been salvaged gets its new name; of these the newest are kept."""
    done = aside.with_name(aside.name.replace(".corrupt-", ".salvaged-"))
    _rename(aside, done)
    old = sorted(one for one in path.parent.glob(f"{path.name}.salvaged-*") if not one.name.endswith(_PARTS))
    for one in old[:-KEPT_MAX]:
        for part in (*_PARTS, ""):
            one.with_name(one.name + part).unlink(missing_ok=True)
    return done


def _rename(source: Path, target: Path) -> None:
    for part in (*_PARTS, ""):
        piece = source.with_name(source.name + part)
        if piece.exists():
            piece.rename(target.with_name(target.name + part))
    sync_folder(source.parent)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
