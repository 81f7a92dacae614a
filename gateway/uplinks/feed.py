"""What an uplink needs from the store, and who it speaks for. The store implements ``Feed``; uplinks never see SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, Protocol

from gateway.model import Change, Quality
from gateway.query.views import DayRecords


@dataclass(frozen=True, slots=True)
class Identity:
    """Under which name batches go up. ``epoch`` is that of the buffer whose ``seq`` are counted."""

    site: str
    gateway: str
    epoch: str


@dataclass(frozen=True, slots=True)
class UplinkState:
    """``cursor`` is the last seq that is behind us; ``batch_to`` the end of a batch that may be on its way."""

    cursor: int
    batch_to: int | None


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


class Feed(Protocol):
    """The change feed and the place of each uplink on it. Every method that changes something returns after COMMIT;
    each raises StoreError, which no uplink catches."""

    async def head(self) -> int:
        """The highest seq of the feed; 0 when it is empty."""
        ...

    async def read(self, after_seq: int, limit: int) -> list[Change]:
        """At most ``limit`` changes with seq above ``after_seq``, in order."""
        ...

    async def state(self, uplink: str) -> UplinkState: ...

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

    async def begin(self, uplink: str, to_seq: int) -> None:
        """Store the end of the batch about to be sent, so that every retry is the same stretch."""
        ...

    async def delivered(
        self, uplink: str, to_seq: int, count: int, refused: Sequence[tuple[int, str]]
    ) -> None:
        """Move the cursor and clear the boundary. ``count`` records were in the batch, those in ``refused`` (seq and
        reason) among them; they become dead letters. One transaction."""
        ...

    async def skip(self, uplink: str, to_seq: int) -> None:
        """Move the cursor over a stretch the filter leaves empty, and clear the boundary."""
        ...

    async def failed(self, uplink: str, message: str) -> None:
        """Keep why nothing goes up at the moment: ``code: sentence``, the codes of ``verdict.Trouble``."""
        ...
