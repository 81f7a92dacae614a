"""Whose turn it is, and how much goes up at once. Pure: no feed, no socket, no clock.

Live goes first whenever it has something waiting, so that what is new is at the district in time; every fifth batch is
back-fill's all the same. After trouble on one lane the other is tried: a firewall that blocks one record does not hold up
both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from gateway.model import Change
from gateway.place import Lane, Place

LIVE_IN_A_ROW_MAX = 4
BATCH_START = 1000
"""More changes than this go up at once only after as many got through: a slow line may never end a larger batch in time."""
GROW_AFTER = 8
"""Batches that got through before a bigger one is tried again: a limit that is still there costs one request in nine."""


@dataclass(slots=True)
class Turns:
    _live_in_a_row: int = 0
    _troubled: Lane | None = None

    def order(self, place: Place) -> tuple[Lane, ...]:
        """The lanes of a place, the one whose turn it is first."""
        is_back = self._troubled is Lane.LIVE or self._live_in_a_row >= LIVE_IN_A_ROW_MAX
        return place.lanes[::-1] if is_back else place.lanes

    def went(self, lane: Lane) -> None:
        self._live_in_a_row = self._live_in_a_row + 1 if lane is Lane.LIVE else 0
        self._troubled = None

    def failed(self, lane: Lane) -> None:
        self._troubled = lane


@dataclass(slots=True)
class Sizes:
    """How many changes are read for a batch: more, while they get through; after one that was too large fewer; where a poison
    record is, only until it has been found."""

    most: int
    at_most: int = field(init=False)
    _fitted: int = 0
    _suspect_from: int = 0
    _suspect_to: int = 0
    _suspect: int = 1

    def __post_init__(self) -> None:
        self.at_most = min(self.most, BATCH_START)

    def after(self, seq: int) -> int:
        return self._suspect if self._suspect_from <= seq < self._suspect_to else self.at_most

    def too_large(self, count: int) -> None:
        self.at_most, self._fitted = max(1, count // 2), 0

    def fits(self) -> None:
        """A batch got through: what refused a bigger one may not be there any more."""
        self._fitted += 1
        if self._fitted >= GROW_AFTER:
            self.at_most, self._fitted = min(self.most, 2 * self.at_most), 0

    def poisoned(self, after: int, to_seq: int, count: int) -> None:
        self._suspect_from, self._suspect_to, self._suspect = after, to_seq, max(1, count // 2)


@dataclass(slots=True)
class Condemned:
    """The records that a receiver refused by name in batches it did not take: each is put aside when it is its turn."""

    _reasons: dict[int, str] = field(default_factory=dict)

    def add(self, named: Sequence[tuple[int, str]]) -> None:
        self._reasons.update(named)

    def forget(self) -> None:
        """After trouble it may be another receiver, or one that was mended."""
        self._reasons.clear()

    def first_alike(self, changes: Sequence[Change]) -> Sequence[Change]:
        """The changes before the first condemned one; where that stands first, those condemned that follow one another."""
        if not self._reasons:
            return changes
        is_first = bool(changes) and changes[0].seq in self._reasons
        return list(takewhile(lambda change: (change.seq in self._reasons) is is_first, changes))

    def take(self, changes: Sequence[Change]) -> list[tuple[int, str]]:
        """The changes with the reasons, which are forgotten here; none where not all of them are condemned."""
        if not all(change.seq in self._reasons for change in changes):
            return []
        return [(change.seq, self._reasons.pop(change.seq)) for change in changes]


def half_of(changes: Sequence[Change]) -> int:
    """The seq at which a batch of two changes or more is halved."""
    return changes[len(changes) // 2 - 1].seq


def up_to(limit: int, changes: Sequence[Change]) -> Sequence[Change]:
    """Those of changes in order that are not behind ``limit``; nearly always all."""
    if not changes or changes[-1].seq <= limit:
        return changes
    return [change for change in changes if change.seq <= limit]
