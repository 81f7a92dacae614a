"""Arithmetic of received ranges. Pure. A range (a, b] leaves out a and includes b; a list is sorted and disjoint."""

from __future__ import annotations

from collections.abc import Sequence

Range = tuple[int, int]


def overlaps(received: Sequence[Range], wanted: Range) -> list[Range]:
    """The parts of ``wanted`` that were received before, sorted; empty when it is all new."""
    return [
        (max(a, wanted[0]), min(b, wanted[1])) for a, b in received if max(a, wanted[0]) < min(b, wanted[1])
    ]


def joined(received: Sequence[Range], new: Range) -> Range:
    """``new`` grown by the ranges that touch it at either end."""
    low, high = new
    for a, b in received:
        if b == new[0]:
            low = a
        if a == new[1]:
            high = b
    return low, high


def without(held: Sequence[Range], others: Sequence[Range]) -> list[Range]:
    """The parts of ``held`` that no range of ``others`` covers."""
    left = []
    for low, high in held:
        for a, b in overlaps(others, (low, high)):
            if low < a:
                left.append((low, a))
            low = b
        if low < high:
            left.append((low, high))
    return left
