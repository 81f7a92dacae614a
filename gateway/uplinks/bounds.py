"""Other bounds for a batch whose own have named other content before. Pure.

A district keeps the digest of every batch by its bounds, and other content under known bounds is another machine to it. A
filter that was edited, or a row that was taken out, since the batch went up (its reply may be lost) makes other content of
the same stretch: it goes up under other bounds then, and where the district has it all the same, it says so.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from gateway.model import Change


def other_end(from_seq: int, to_seq: int, changes: Sequence[Change], taken: Collection[int]) -> int | None:
    """Where a batch from ``from_seq`` may end before ``to_seq``: at one of its ``changes``, ``taken`` being the ends that named
    something before. None where no end is left: it must begin right before its first change then, and may end at it, since
    a single change is never anything else."""
    for change in reversed(changes):
        if change.seq < to_seq and change.seq not in taken:
            return change.seq
    first = changes[0].seq
    return first if first == from_seq + 1 else None
