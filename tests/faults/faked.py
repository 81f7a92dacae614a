"""A wall clock that is set while a process runs, by Debian's libfaketime; the monotonic clock stays what it is."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))


@dataclass(slots=True)
class FakedWall:
    """The wall clock of processes started with ``environment``, ``offset_s`` real seconds from ours. A process whose clock
    runs ``rate`` times faster sees a step of it ``rate`` times as large."""

    file: Path
    rate: float = 1.0
    offset_s: float = 0.0

    def __post_init__(self) -> None:
        self.step(0.0)

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_NO_CACHE": "1",
            "NO_FAKE_STAT": "1",
        }

    def step(self, seconds: float) -> None:
        """Set the clock on by so much of the process's time, or back."""
        self.offset_s += seconds / self.rate
        fresh = self.file.with_name(self.file.name + ".new")
        fresh.write_text(f"{self.offset_s:+.3f}\n", encoding="ascii")
        fresh.rename(self.file)

    def set_to(self, epoch_s: float) -> None:
        """For a process that is yet to start."""
        self.offset_s = epoch_s - time.time()
        self.step(0.0)
