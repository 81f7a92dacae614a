"""What may be left on a disk when the power goes: a model of a file system, fed with a recording.

Of each file what was written up to its last sync is there; of what came after it any subset of 512-byte sectors of each
write may be, in no order, and a change of size may be or not. Creating, renaming and removing are kept in order, as by the
journal of ext4: after the folder's sync all of them, and of those since then a beginning. That is harsher than ext4, where
the sync of a new file keeps its name too, and than any disk, which does not forget the earlier half of a sector it wrote.
What is less than a sector torn, and a disk that spoils sectors it was not writing, are not in the model.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from tests.power_cuts.recording import Op

SECTOR = 512
KEPT = (0.0, 0.05, 0.5, 0.95, 1.0)
"""How much of what is not synced a cut leaves: one of these for each cut, so that all and nothing come often too."""


@dataclass(slots=True)
class _File:
    """``pending`` is (offset, bytes) of a write or (size, None) of a truncation since the last sync."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)


Names = dict[str, _File]


class Disk:
    """Give it a recording's operations one by one, and ask at any moment what a power cut would leave.

    ``lies``: syncs of files and folders are passed over with this probability (a lying flash), drawn from ``random``.
    """

    def __init__(self, lies: float = 0.0, random: Random | None = None) -> None:
        self._live: Names = {}
        self._durable: Names = {}
        self._history: list[Names] = []
        self._lies, self._random = lies, random or Random(0)

    def apply(self, op: Op) -> None:
        match op.kind:
            case "C":
                self._renamed({**self._live, op.name: _File()})
            case "R":
                moved = {name: file for name, file in self._live.items() if name != op.name}
                self._renamed({**moved, op.data.decode(): self._live[op.name]})
            case "U":
                self._renamed({name: file for name, file in self._live.items() if name != op.name})
            case "W":
                self._live[op.name].pending.append((op.offset, op.data))
            case "T":
                self._live[op.name].pending.append((op.offset, None))
            case "S":
                if self._random.random() >= self._lies:
                    self._sync(op.name)

    def _renamed(self, names: Names) -> None:
        self._live = names
        self._history.append(names)

    def _sync(self, name: str) -> None:
        if name == "":
            self._durable, self._history = self._live, []
            return
        file = self._live[name]
        for offset, data in file.pending:
            _put(file.durable, offset, data)
        file.pending.clear()

    def after_cut(self, random: Random) -> dict[str, bytes]:
        """The files a power cut now may leave; another one for each state of ``random``."""
        kept = random.choice(KEPT)
        names = random.choice([self._durable, *self._history])
        return {name: _torn(file, kept, random) for name, file in names.items()}


def _torn(file: _File, kept: float, random: Random) -> bytes:
    content = bytearray(file.durable)
    for offset, data in file.pending:
        if data is None:
            if random.random() < kept:
                _put(content, offset, None)
            continue
        start = 0
        while start < len(data):
            end = start + SECTOR - (offset + start) % SECTOR
            if random.random() < kept:
                _put(content, offset + start, data[start:end])
            start = end
    return bytes(content)


def _put(content: bytearray, offset: int, data: bytes | None) -> None:
    """Write ``data``, or give the file the size ``offset``; what lies between is zeros."""
    end = offset if data is None else offset + len(data)
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    if data is None:
        del content[offset:]
    else:
        content[offset:end] = data
