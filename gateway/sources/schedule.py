"""Which devices of a bus are due, and with which of their groups. Pure but for what it remembers of its ticks.

Knows turns and aligned ticks; does not know blocks or health. Groups that are due at the same tick of a device come
together. A stretched schedule keeps its order: all intervals and offsets grow by the same factor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.sources.poll_groups import Turn
from gateway.sources.ticks import Ticks

Groups = frozenset[bool]
"""Which blocks are meant: True for those of the slow group, False for the others."""

FAST: Final[Groups] = frozenset({False})
SLOW: Final[Groups] = frozenset({True})
ALL_GROUPS: Final[Groups] = FAST | SLOW


class Schedule:
    """The turns of one bus. Turns of the same interval and offset share their ticks."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self._nominal: dict[tuple[int, int], list[Turn]] = {}
        for turn in turns:
            self._nominal.setdefault((turn.interval_ms, turn.offset_ms), []).append(turn)
        self._due: list[Ticks] = []
        self._ticks = [
            (Ticks(interval_ms, offset_ms=offset_ms), group)
            for (interval_ms, offset_ms), group in self._nominal.items()
        ]

    def wait_ms(self, now_ms: int) -> int:
        """How long until the next tick; 0 or less when one is due."""
        return min(ticks.wait_ms(now_ms) for ticks, _ in self._ticks)

    def due(self, now_ms: int) -> dict[int, Groups]:
        """The devices that are due, in their order, each with its groups; they stay due until ``move_on``."""
        found: dict[int, Groups] = {}
        self._due = []
        for ticks, turns in self._ticks:
            if ticks.wait_ms(now_ms) <= 0:
                self._due.append(ticks)
                for turn in turns:
                    found[turn.device] = found.get(turn.device, frozenset()) | (
                        SLOW if turn.is_slow else FAST
                    )
        return dict(sorted(found.items()))

    def move_on(self, now_ms: int) -> None:
        """What was due at ``now_ms`` has been polled. A tick that passed meanwhile is due at once, any others are skipped."""
        for ticks in self._due:
            ticks.move_on(now_ms)
        self._due = []

    def stretch(self, factor: float, now_ms: int) -> None:
        """From here on every interval is ``factor`` times what it was meant to be."""
        self._ticks = [
            (Ticks(round(interval_ms * factor), offset_ms=round(offset_ms * factor)), group)
            for (interval_ms, offset_ms), group in self._nominal.items()
        ]
        for ticks, _ in self._ticks:
            ticks.move_on(now_ms)
