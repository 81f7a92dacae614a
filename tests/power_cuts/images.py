"""Crash images from a recording: thousands of different power cuts, each repeated by its seed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.power_cuts.disk import Disk
from tests.power_cuts.perform import JOURNAL
from tests.power_cuts.recording import Op


@dataclass(frozen=True, slots=True)
class Image:
    """What a cut after ``at`` operations left; by then ``step`` had been acknowledged, with the feed at ``head``."""

    seed: str
    at: int
    step: int
    head: int
    files: dict[str, bytes]

    def write(self, folder: Path) -> None:
        """Put the files into ``folder``, which is emptied first."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, data in self.files.items():
            (folder / name).write_bytes(data)


def images(ops: Sequence[Op], count: int, seed: int, *, lies: float = 0.0) -> Iterator[Image]:
    """``count`` cuts at random places of the recording, in its order; ``lies`` as in ``Disk``."""
    places = Random(seed)
    cuts = sorted(places.randrange(len(ops) + 1) for _ in range(count))
    disk, done, step, head = Disk(lies, places), 0, 0, 0
    for number, at in enumerate(cuts):
        for op in ops[done:at]:
            if op.name != JOURNAL:
                disk.apply(op)
            elif op.kind == "W":
                step, head = map(int, op.data.split())
        done = at
        name = f"{seed}/{number}"
        yield Image(name, at, step, head, disk.after_cut(Random(name)))
