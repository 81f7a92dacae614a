"""The seam between the loop of an uplink and its kind: a stretch of the feed goes in, a verdict comes back.

A kind encodes, posts and judges; it knows no cursor and stores nothing. The same stretch is the same bytes every time, so
that what was sent twice on doubt can be known for the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.model import Change
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
