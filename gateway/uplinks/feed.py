"""What an uplink needs from the store, and who it speaks for. The store implements ``Feed``; uplinks never see SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, NamedTuple, Protocol

from gateway.model import Change, Quality
from gateway.place import Content, Lane, Leg, Place, Range

if TYPE_CHECKING:
    from gateway.query.views import DayRecords


@dataclass(frozen=True, slots=True)
class Identity:
    """Under which name batches go up. ``epoch`` is that of the buffer whose ``seq`` are counted."""

    site: str
    gateway: str
    epoch: str


@dataclass(frozen=True, slots=True)
class Held:
    """What a receiver says it holds of this epoch: disjoint ranges in order. Where ``is_cut_off``, nothing is said of what
    lies above the last."""

    ranges: tuple[Range, ...]
    is_cut_off: bool = False


class Latest(NamedTuple):
    """The newest word of a point. ``value`` is in its unit, None where the word is that there is none; ``is_delayed`` when it is
    older than it may be to stand for now."""

    point: str
    measured_at: int
    value: float | None
    quality: Quality
    is_delayed: bool

    @property
    def is_present(self) -> bool:
        """Whether there is a value that stands for now."""
        return self.value is not None and self.quality is not Quality.BAD and not self.is_delayed


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a leg's ``count`` records: those in ``refused`` (seq and reason) among them become dead letters.
    Not ``by_receipt``: the receiver has nothing of the leg, all its records were refused for ever."""

    count: int
    refused: Sequence[tuple[int, str]] = ()
    by_receipt: bool = True
    held: Held | None = None


class FeedReads(Protocol):
    """The reading half. Each method raises StoreError, which no uplink catches."""

    async def head(self) -> int:
        """The highest seq of the feed; 0 when it is empty."""
        ...

    async def read(self, after_seq: int, limit: int) -> list[Change]:
        """At most ``limit`` changes with seq above ``after_seq``, in order."""
        ...

    async def state(self, uplink: str) -> Place: ...

    async def sent(self, uplink: str, from_seq: int) -> Mapping[int, bytes]:
        """The ends of all bounds from ``from_seq`` under which something went up, and the digest of each."""
        ...

    async def quantities(self) -> Mapping[str, str]:
        """Point name → quantity of every point the feed may speak of."""
        ...

    async def latest(self) -> Sequence[Latest]:
        """The newest word of every point in service that ever spoke. May raise QueryError when the buffer is too busy to
        answer: ask again later."""
        ...

    async def replaced(self, changes: Sequence[Change]) -> frozenset[int]:
        """The seqs of those of which a newer revision is stored: for receivers that keep what comes last, whatever order
        it comes in. May raise QueryError, as ``latest``."""
        ...

    async def day(self, day: date) -> DayRecords:
        """What is held of a local day now. May raise QueryError, as ``latest``."""
        ...

    async def spaces(self) -> Mapping[str, str]:
        """Point name → space of every point the feed may speak of; empty for one that is nowhere."""
        ...


class Feed(FeedReads, Protocol):
    """The change feed and the place of each uplink on it. Every method that changes something returns after COMMIT, and
    changes nothing where a command has moved the lane meanwhile."""

    async def begin(self, uplink: str, leg: Leg, content: Content | None = None) -> bool:
        """Store the end of the batch about to be sent, so that every retry is the same stretch, and what is sent as it. False:
        the lane has moved, or other content went up under the same bounds before."""
        ...

    async def delivered(self, uplink: str, leg: Leg, outcome: Outcome) -> Sequence[Range]:
        """Move on and clear the boundary. What the receiver has lost since waits once more, and is returned; a gap record
        tells of what is no longer in the feed. One transaction."""
        ...

    async def skip(self, uplink: str, leg: Leg) -> None:
        """Move over a stretch the filter leaves empty, and clear the boundary."""
        ...

    async def cut(self, uplink: str, lane: Lane, at: int) -> None:
        """The lane's next batch begins at ``at``, which lies in what was skipped before it."""
        ...

    async def split(self, uplink: str, more_than: int) -> bool:
        """Begin the live lane at the head if more than so many changes wait before it; whether it did."""
        ...

    async def failed(self, uplink: str, message: str) -> None:
        """Keep why nothing goes up at the moment: ``code: sentence``, the codes of ``verdict.Trouble``."""
        ...

    async def fenced(self, uplink: str, *, is_fenced: bool) -> None:
        """Raise or end the event that another machine speaks as this gateway."""
        ...
