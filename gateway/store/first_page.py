"""A first page for a set-aside buffer that lost its own: without it SQLite reads nothing, and all the others may be whole.

The first page holds the header and the root of the list of tables; the list itself lies in pages behind it, at the same places
in every buffer that this version made. So the first page of an empty buffer leads to the old file's own list. Whether it does
is for the reader to prove. The page that was there is kept beside the file.
"""

from __future__ import annotations

import os
import struct
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from gateway.store.aside import sync_folder
from gateway.store.database import open_writer
from runtime.files import make_private

MAGIC = b"SQLite format 3\0"
SIZE_AT, FREELIST_AT, COUNTER_AT, VALID_FOR_AT = 28, 32, 24, 92
"""Places in the header, from SQLite's file format: pages in all, first free page and their number, change counter and the one
that the size is valid for."""


def kept_as(path: Path) -> Path:
    return path.with_name(path.name + ".first-page")


def replace(path: Path) -> bool:
    """Whether a file that has no first page was given one. The file stays as it is where it has one, or is too short."""
    fresh = _empty()
    with path.open("r+b") as file:
        old = file.read(len(fresh))
        if len(old) < len(fresh) or old.startswith(MAGIC):
            return False
        if not kept_as(path).exists():
            _keep(kept_as(path), old)
        file.seek(0)
        file.write(_header(fresh, os.fstat(file.fileno()).st_size))
        file.flush()
        os.fsync(file.fileno())
    return True


def put_back(path: Path) -> None:
    """The page that was there, where the fresh one was of no use."""
    with path.open("r+b") as file:
        file.write(kept_as(path).read_bytes())
        file.flush()
        os.fsync(file.fileno())
    kept_as(path).unlink()


def _empty() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        with closing(open_writer(path)) as connection:
            (size,) = connection.execute("PRAGMA page_size").fetchone()
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return path.read_bytes()[:size]


def _header(page: bytes, size: int) -> bytes:
    """For a file of ``size`` bytes. Free pages are nobody's, so that a reader does not look at them."""
    fresh = bytearray(page)
    struct.pack_into(">I", fresh, SIZE_AT, size // len(page))
    struct.pack_into(">II", fresh, FREELIST_AT, 0, 0)
    fresh[VALID_FOR_AT : VALID_FOR_AT + 4] = fresh[COUNTER_AT : COUNTER_AT + 4]
    return bytes(fresh)


def _keep(path: Path, page: bytes) -> None:
    make_private(path)
    with path.open("wb") as file:
        file.write(page)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)
