"""The bodies of the change feed as values, for encoders that have to take them apart. Pure.

The district's encoder joins bodies as they are; the other kinds speak of points and figures. What is not known stays None.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import msgspec

from gateway.errors import QueryError
from gateway.model import Change
from gateway.uplinks.feed import FeedReads
from gateway.uplinks.verdict import Keep, Trouble

Refusals = tuple[tuple[int, str], ...]
"""(seq, reason) of what can never be said on a wire; they become dead letters."""


class IntervalRecord(msgspec.Struct, frozen=True, tag_field="kind", tag="interval"):
    """As ``district.contract.IntervalBody``: a counter has ``value`` and registers, a gauge or state mean, low and high."""

    point: str
    period: str
    start: int
    end: int
    content: str
    share: float
    value: float | None = None
    register_start: float | None = None
    register_end: float | None = None
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    changes: int | None = None

    @property
    def is_missing(self) -> bool:
        return self.content == "missing"


class EventRecord(msgspec.Struct, frozen=True, tag_field="kind", tag="event"):
    """As ``district.contract.EventBody``."""

    event_id: str
    event_kind: str
    subject: str
    start: int
    level: int
    state: str
    end: int | None = None
    evidence: dict[str, Any] = msgspec.field(default_factory=dict)


class StatementRecord(msgspec.Struct, frozen=True, tag_field="kind", tag="statement"):
    """Of 零报告 what tells which day it is about."""

    day: str

    def __post_init__(self) -> None:
        date.fromisoformat(self.day)


async def standing(feed: FeedReads, changes: Sequence[Change]) -> list[Change]:
    """The changes without those that a newer revision has replaced: sent again by hand, an old one must not overwrite it. May
    raise QueryError."""
    gone = await feed.replaced(changes)
    return [change for change in changes if change.seq not in gone]


def busy(error: QueryError) -> Keep:
    """The buffer could not answer in time."""
    return Keep(Trouble.BUSY, str(error), "the buffer is busy; it goes on by itself")


Record = IntervalRecord | EventRecord | StatementRecord
READ = {"interval", "event", "statement"}
_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(IntervalRecord | EventRecord | StatementRecord)


def record_of(change: Change) -> Record | None:
    """What a change says; None for a kind that no encoder takes apart. Raises ValueError for a body that is not what its
    kind promises."""
    if change.kind not in READ:
        return None
    return _decoder.decode(change.body)  # msgspec.DecodeError is a ValueError


def records_of(changes: Sequence[Change]) -> tuple[list[tuple[Change, Record]], Refusals]:
    """Those that can be read, in order, and what is refused."""
    found: list[tuple[Change, Record]] = []
    refused: list[tuple[int, str]] = []
    for change in changes:
        try:
            record = record_of(change)
        except ValueError as error:
            refused.append((change.seq, f"the record cannot be read: {error}"))
            continue
        if record is not None:
            found.append((change, record))
    return found, tuple(refused)
