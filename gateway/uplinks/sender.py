"""The seam between the loop of an uplink and its kind: a stretch of the feed goes in, a verdict comes back.

A kind encodes, posts and judges; it knows no cursor and stores nothing. The same stretch is the same bytes every time, so
that what was sent twice on doubt can be known for the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from gateway.model import Change
from gateway.place import Content
from gateway.uplinks.probe import Probe
from gateway.uplinks.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Stretch:
    """(from_seq, to_seq] of the feed, with the changes in it that the filter lets through, in order; never none."""

    from_seq: int
    to_seq: int
    changes: Sequence[Change]


class Sender(Protocol):
    """One receiver, for as long as its uplink runs."""

    name: str
    """Whom it sends to, for the log: a url, or host and port."""

    async def send(self, stretch: Stretch) -> Verdict:
        """What the receiver makes of the stretch. Raises nothing but what ends the collector: trouble is a ``Keep``."""
        ...


@runtime_checkable
class Digesting(Protocol):
    """A sender whose receiver takes other content under known bounds for another machine's."""

    def digest(self, stretch: Stretch) -> bytes:
        """Of the bytes that the stretch is sent as. Pure."""
        ...


@runtime_checkable
class Explaining(Protocol):
    """A sender that can show what it puts on the wire."""

    def explain(self, change: Change) -> list[tuple[str, bytes]]:
        """What one record becomes, step by step, without sending anything: (label, exact bytes)."""
        ...


@runtime_checkable
class Probing(Protocol):
    """A sender that can ask its receiver whether all is well, without any effect there."""

    async def probe(self) -> Probe: ...


def content_of(sender: object, stretch: Stretch) -> Content | None:
    """None where a receiver knows no bounds."""
    if isinstance(sender, Digesting):
        return Content(stretch.from_seq, sender.digest(stretch))
    return None


def explained(sender: object, change: Change) -> list[tuple[str, bytes]]:
    """What ``sender`` makes of a record; the record as it is stored where the kind cannot show it."""
    if isinstance(sender, Explaining):
        return sender.explain(change)
    return [("stored 存储的原文; this kind shows no bytes of its wire", change.body)]


async def probed(sender: object) -> Probe | None:
    """None where the kind has no question without effect."""
    return await sender.probe() if isinstance(sender, Probing) else None
