"""``<buffer>.high-water``: what the buffer held and what was sent, kept outside the database.

One flipped bit in SQLite's log drops every later commit without a word, and a card may lose what it called written. A
second witness notices. Its first line, synced before it counts, names the epoch and a seq up to which numbers may be
used; no commit goes beyond it. Its second line is written in place after each commit and only synced before a batch is
sent: it never says more than what was committed, so that it may be late but raises no false alarm.
"""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.errors import DamagedBufferError
from gateway.store.aside import sync_folder

RESERVE = 10_000
LINE = 256
"""Bytes of each of the two lines: below a sector, so that one write replaces a line."""


@dataclass(frozen=True, slots=True)
class Witness:
    """What the file says. ``row`` is (measured_at, point_id) of the newest reading at the last commit at ``at``; ``boot`` and
    ``ended`` are as in ``ending``."""

    epoch: str
    reserved: int
    head: int = 0
    sent: int = 0
    row: tuple[int, int] | None = None
    at: int = 0
    was: str | None = None
    boot: str | None = None
    ended: str | None = None

    def knows(self, epoch: str) -> bool:
        """Whether it speaks of a buffer of this epoch, or of the one that a crash kept from ending."""
        return epoch in (self.epoch, self.was)


@dataclass(frozen=True, slots=True)
class Loss:
    """Commits that the second witness saw and the buffer no longer holds: seqs (after, to], readings in [start, end)."""

    after: int
    to: int
    start: int
    end: int


class HighWater:
    """The open file of one epoch. The writer's thread only."""

    def __init__(
        self, path: Path, epoch: str, head: int, before: Witness | None = None, boot: str | None = None
    ) -> None:
        """``before`` is what was seen under an epoch that ends with the commit this opening makes."""
        self._path, self._epoch, self._boot = path_of(path), epoch, boot
        self._file = -1
        self._reserved = -1
        self._was = before.epoch if before else None
        self._said = Witness(epoch, 0, head) if before is None else replace(before, ended=None)
        self.cover(head)

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def cover(self, head: int) -> None:
        """Before COMMIT: no seq is used that the synced file does not cover."""
        if head > self._reserved or self._file < 0:
            with _as_store_failure(self._path):
                self._reserve(head + RESERVE)

    def note(self, head: int, row: tuple[int, int] | None, at: int) -> None:
        """After COMMIT: the buffer holds this much."""
        self._said = Witness(self._epoch, self._reserved, head, self._said.sent, row, at)
        with _as_store_failure(self._path):
            self._write()

    def sent(self, to_seq: int) -> None:
        """Before a batch is sent: synced, so that a number the district may know is never given out again."""
        self._said = replace(self._said, sent=max(self._said.sent, to_seq))
        with _as_store_failure(self._path):
            self._write()
            os.fdatasync(self._file)

    def end(self, mark: str) -> None:
        """After the last commit of a life that ended well; synced."""
        self._said = replace(self._said, ended=mark)
        with _as_store_failure(self._path):
            self._write()
            os.fdatasync(self._file)

    def _reserve(self, reserved: int) -> None:
        fresh = self._path.with_name(self._path.name + ".new")
        descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
        self.close()
        self._file = descriptor
        first = {"epoch": self._epoch, "was": self._was, "reserved": reserved, "boot": self._boot}
        _write_whole(descriptor, _line(first), 0)
        self._write()
        os.fsync(descriptor)
        fresh.rename(self._path)
        sync_folder(self._path.parent)
        self._reserved = reserved

    def _write(self) -> None:
        said = self._said
        fields = {"head": said.head, "sent": said.sent, "row": said.row, "at": said.at, "ended": said.ended}
        _write_whole(self._file, _line(fields), LINE)


def _write_whole(descriptor: int, line: bytes, at: int) -> None:
    while line:  # a disk that is nearly full takes a part, and says so at the next
        done = os.pwrite(descriptor, line, at)
        line, at = line[done:], at + done


@contextmanager
def _as_store_failure(path: Path) -> Iterator[None]:
    """What fails here fails like a commit: the door opens everything again and retries."""
    try:
        yield
    except OSError as error:
        raise sqlite3.OperationalError(f"{path.name}: {error.strerror or error}") from error


def path_of(buffer: Path) -> Path:
    return buffer.with_name(buffer.name + ".high-water")


def read(buffer: Path) -> Witness | None:
    """What the file beside a buffer says; None where there is none, or nothing in it can be read or trusted."""
    try:
        data = path_of(buffer).read_bytes()
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.EIO):
            raise
        return None
    first = _fields(data[:LINE])
    if first is None or not isinstance(first.get("epoch"), str):
        return None
    second = _fields(data[LINE : 2 * LINE]) or {}
    row = second.get("row")
    return Witness(
        str(first["epoch"]), _number(first, "reserved"), _number(second, "head"), _number(second, "sent"),
        (int(row[0]), int(row[1])) if isinstance(row, list) and len(row) == 2 else None, _number(second, "at"),
        _text(first, "was"), _text(first, "boot"), _text(second, "ended"),
    )  # fmt: skip


def loss(connection: sqlite3.Connection, witness: Witness) -> Loss | None:
    """What the witness saw and the buffer, of the same epoch, does not hold."""
    newest, cursor = connection.execute(
        "SELECT (SELECT max(seq) FROM change), "
        " (SELECT max(max(cursor, coalesce(batch_to, 0), coalesce(live_to, 0), coalesce((SELECT max(to_seq) FROM uplink_range"
        " WHERE uplink_range.uplink = uplink.uplink), 0))) FROM uplink)"
    ).fetchone()
    head = max(newest or 0, 0 if newest else (cursor or 0))
    seen = max(witness.head, witness.sent, cursor or 0)
    if seen <= head and _has(connection, witness.row):
        return None
    last = connection.execute(
        "SELECT measured_at FROM reading WHERE measured_at <= ? ORDER BY measured_at DESC LIMIT 1",
        (witness.at,),
    ).fetchone()
    if last is not None and not isinstance(last[0], int):  # a page that was never written reads as anything
        raise DamagedBufferError(f"a reading is at {last[0]!r}")
    start = last[0] + 1 if last else 0
    end = max(start, witness.at, witness.row[0] if witness.row else 0) + 1
    return Loss(head, max(seen, head), start, end)


def _has(connection: sqlite3.Connection, row: tuple[int, int] | None) -> bool:
    if row is None:
        return True
    for table in (
        "reading WHERE measured_at = ? AND point_id = ?",
        'quarantine WHERE start <= ?1 AND "end" > ?1 AND point_id = ?2',
    ):
        if connection.execute(f"SELECT 1 FROM {table}", row).fetchone():
            return True
    return False


def _line(fields: Mapping[str, object]) -> bytes:
    text = json.dumps(fields, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text.ljust(LINE - 10))


def _fields(line: bytes) -> dict[str, object] | None:
    """A line's fields, None where its checksum does not fit: torn, or damaged."""
    crc, _, text = line.rstrip().partition(b" ")
    try:
        if int(crc, 16) != zlib.crc32(text):
            return None
        fields = json.loads(text)
    except ValueError:
        return None
    return fields if isinstance(fields, dict) else None


def _text(fields: dict[str, object], name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) and value else None


def _number(fields: dict[str, object], name: str) -> int:
    value = fields.get(name, 0)
    return value if isinstance(value, int) else 0
