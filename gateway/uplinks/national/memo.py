"""What a centre told us and we keep: the period it set, and how far its clock is from ours. One small file for each uplink.

Written whole beside the buffer (temporary file, fsync, rename), seldom; other processes read it. A file that cannot be
read is as none: then the site file's period holds.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

MS_PER_S = 1000


class Memo(msgspec.Struct, frozen=True):
    """``period_min`` was set by the centre at ``period_at``, while the site file said ``over_period_min``; ``clock_offset_s``
    is the centre's time less ours, as it was at ``clock_at``. Times are UTC ms; None is what nobody told."""

    period_min: int | None = None
    over_period_min: int | None = None
    period_at: int | None = None
    clock_offset_s: float | None = None
    clock_at: int | None = None

    def period(self, own_min: int) -> int:
        """The period that holds: the centre's word, until the installer writes another one into the site file."""
        return self.period_min if self.period_min is not None and self.over_period_min == own_min else own_min


def path_of(buffer: Path, uplink: str) -> Path:
    return buffer.parent / f"uplink-{uplink}.json"


def read(path: Path) -> Memo:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Memo)
    except (OSError, msgspec.MsgspecError):
        return Memo()


def write(path: Path, memo: Memo) -> None:
    """Raises OSError when the disk does not take it."""
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        file.write(msgspec.json.encode(memo))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
