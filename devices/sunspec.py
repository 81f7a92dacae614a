"""Where a SunSpec device keeps the block of a model: a marker, then a chain of blocks, each with its number and length.

Pure: ``search`` says which two registers to read next and is told what stands there. Knows bases, marker and chain;
does not know requests, points or time. Guarantees: the chain is only ever followed forwards, through 64 blocks at most;
a block is given only when it stands behind a marker, is of a wanted model and holds as many registers as are needed.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from typing import Literal

BASES: tuple[int, ...] = (40000, 0, 50000)
"""Where the marker may stand, in the order in which it is looked for."""
MARKER = (0x5375, 0x6E53)
"""The letters SunS."""
HEADER = 2
"""A block begins with its model number and how many registers follow; the marker is as long."""
END, NO_MODEL = 0xFFFF, 0
BLOCKS_MAX = 64
REGISTERS = 0x10000

Reason = Literal["no_marker", "no_model", "too_short", "broken_chain"]
Search = Generator[int, Sequence[int] | None, int]
"""Yields the address of two registers, is sent their words (None: refused), returns where the block begins."""


class NotFoundError(Exception):
    """The device has no such block. ``models`` are those that stood in its chain."""

    def __init__(self, reason: Reason, models: Sequence[int] = ()) -> None:
        super().__init__(reason)
        self.reason: Reason = reason
        self.models = tuple(models)


def search(models: Collection[int], registers: int, bases: Sequence[int] = BASES) -> Search:
    """The first block of one of ``models``; it must have ``registers``, its header included. Raises NotFoundError."""
    at = (yield from _base(bases)) + HEADER
    seen: list[int] = []
    while len(seen) < BLOCKS_MAX and at + HEADER <= REGISTERS:
        words = yield at
        if words is None or words[0] == NO_MODEL:
            break
        model, size = words[0], HEADER + words[1]
        if model == END:
            raise NotFoundError("no_model", seen)
        seen.append(model)
        if model in models:
            return _checked(at, size, registers, seen)
        at += size
    raise NotFoundError("broken_chain", seen)


def _base(bases: Sequence[int]) -> Search:
    for base in bases:
        words = yield base
        if words is not None and tuple(words) == MARKER:
            return base
    raise NotFoundError("no_marker")


def _checked(at: int, size: int, registers: int, seen: Sequence[int]) -> int:
    if at + size > REGISTERS:
        raise NotFoundError("broken_chain", seen)
    if size < registers:
        raise NotFoundError("too_short", seen)
    return at
