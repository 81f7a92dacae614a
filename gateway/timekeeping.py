"""What our wall clock is worth, from pairs of wall and monotonic time. Pure.

Steady time is passed on; a small step back is held until the wall has caught up, so that stamps never go back without a
word; a step of up to a day is believed and told. A larger one, a wall behind what the buffer holds or far after it, or before
2025, puts the clock in doubt: stamps then count on a timeline of their own (``UNSYNCED_MS``), and get their right time when it
ends.
"""

from __future__ import annotations

from dataclasses import dataclass

HOLD_MS = 2_000
"""Back by no more than this, stamps go on at half speed; agreement in doubt is this close."""

DOUBT_MS = 86_400_000
"""A larger step of the wall is not believed at once."""

STEADY_MS = 600_000
"""A wall that was not believed is the truth when it has gone evenly for so long."""

EARLIEST_MS = 1_735_689_600_000
"""2025-01-01: no gateway of this make ran before it."""

UNSYNCED_MS = -30_610_224_000_000
"""The year 1000, where the monotonic clock is 0: no device claims that time, and every calendar can write it."""

UNSYNCED_END_MS = UNSYNCED_MS + 100 * 365 * 86_400_000

APART_MS = 2

CAUTION_MS = 86_400_000
FAR_MS = 35 * 86_400_000
"""For a day after a leap ahead nothing is dropped for its age by the new time. A start so long after what the buffer holds is
in doubt, and when it is believed such a leap."""


@dataclass(frozen=True, slots=True)
class Step:
    """One moment, called ``before`` until then and ``after`` from then on. What is dated later than ``back_to`` and was known
    by then is dated wrong; None where the clock went ahead."""

    before: int
    after: int
    back_to: int | None = None


@dataclass(slots=True)
class _Doubt:
    since: float
    wall: int
    mono: float
    held_since: float


class Timekeeper:
    """One clock's judge. ``wall`` is UTC ms, ``mono`` ms of a clock that only goes ahead."""

    __slots__ = ("_doubt", "_given", "_leap", "_leap_at", "_mono", "_trusted", "_wall", "offset", "steps")

    def __init__(self, wall: int, mono: float, newest: int | None = None, since: float | None = None) -> None:
        """``newest`` is the latest moment at which what the buffer holds was received; ``since`` when the first reading that
        waits for its time came."""
        since = mono if since is None else since
        self._given = None if newest is None else float(newest)
        self._trusted = False
        """Whether there was a wall to believe in; ``_wall`` and ``_mono`` are its last pair."""
        self._wall, self._mono = wall, mono
        self._leap, self._leap_at = 0.0, mono
        self.offset = wall - mono
        """What makes a monotonic time that waited a stamp, since the clock was last doubted or moved."""
        self._doubt: _Doubt | None = None
        self.steps: list[Step] = []
        """Those believed since they were last taken away."""
        begin = wall - (mono - since)
        if wall < EARLIEST_MS or not self._fits(begin):
            self._doubt = _Doubt(since, wall, mono, mono)
            return
        self._trust(wall, mono, since)

    @property
    def is_trusted(self) -> bool:
        return self._doubt is None

    def is_steady(self, wall: int, mono: float) -> bool:
        """Whether a pair says nothing but that time went on; another one should be read with care."""
        ahead = wall - self._wall - (mono - self._mono)
        return self._doubt is None and -HOLD_MS < ahead <= HOLD_MS and wall >= (self._given or 0)

    def stamp(self, wall: int, mono: float) -> int:
        """The time to give to what happens now: UTC ms, or one of the timeline of ``UNSYNCED_MS``."""
        if self._doubt is not None:
            self._doubted(self._doubt, wall, mono)
        else:
            self._judge(wall, mono)
        return round(self._given) if self._doubt is None and self._given is not None else unsynced(mono)

    def now(self, wall: int, mono: float) -> int:
        """The best guess at the present moment; changes nothing, so any thread may ask."""
        given = self._given
        if self._doubt is None:
            is_held = given is not None and wall < given <= wall + HOLD_MS
            return round(given) if is_held and given is not None else wall
        if given is None:
            return wall
        return int(given + max(0.0, mono - (self._mono if self._trusted else self._doubt.since)))

    def leap(self, mono: float) -> int:
        """How far the clock leapt ahead within the last day, ms; 0 where it did not leap by more than a day."""
        return int(self._leap) if mono - self._leap_at < CAUTION_MS else 0

    def _judge(self, wall: int, mono: float) -> None:
        passed, given = mono - self._mono, self._given or 0.0
        ahead = wall - self._wall - passed
        if abs(ahead) > DOUBT_MS or wall < EARLIEST_MS:
            self._doubt = _Doubt(mono, wall, mono, mono)
            return
        if wall >= given:
            if abs(ahead) > HOLD_MS:
                self.steps.append(Step(int(given + passed), wall))
                self.offset = wall - mono
            given = wall
        elif given - wall <= HOLD_MS:
            given = max(float(wall), given + passed / 2)
        else:
            self.steps.append(Step(int(given + passed), wall, wall))
            given, self.offset = wall, wall - mono
        self._wall, self._mono, self._given = wall, mono, given

    def _doubted(self, doubt: _Doubt, wall: int, mono: float) -> None:
        if abs(wall - doubt.wall - (mono - doubt.mono)) > HOLD_MS or wall < EARLIEST_MS:
            doubt.held_since = mono
        doubt.wall, doubt.mono = wall, mono
        if wall < EARLIEST_MS:
            return
        begin = wall - (mono - doubt.since)
        if self._agrees(wall, mono) or (not self._trusted and self._fits(begin)):
            self._trust(wall, mono, doubt.since)
        elif mono - doubt.held_since >= STEADY_MS:
            self._believe(wall, mono, doubt.since)

    def _fits(self, begin: float) -> bool:
        """Whether a start can have been at this time: not before what the buffer holds, and not so long after it that a clock
        without a battery is likelier."""
        return self._given is None or -HOLD_MS <= begin - self._given <= FAR_MS

    def _agrees(self, wall: int, mono: float) -> bool:
        return self._trusted and abs(wall - self._wall - (mono - self._mono)) <= HOLD_MS

    def _believe(self, wall: int, mono: float, since: float) -> None:
        """A wall that was doubted and has proven steady."""
        before, begin = self.now(wall, mono), wall - (mono - since)
        is_back = self._given is not None and begin < self._given - HOLD_MS
        if is_back or self._trusted:  # else the clock was not moved, we were away
            self.steps.append(Step(before, wall, int(begin) if is_back else None))
        ahead = wall - before
        self._leap = max(0.0, self.leap(mono) + ahead) if abs(ahead) > DOUBT_MS else 0.0
        self._leap_at = mono
        if is_back:
            self._given = None
        self._trust(wall, mono, since)

    def _trust(self, wall: int, mono: float, since: float) -> None:
        """From here on stamps follow the wall; what came since ``since`` lies behind all that was stamped before."""
        behind = wall if self._given is None else self._given + APART_MS + mono - since
        self._given, self._wall, self._mono = max(float(wall), behind), wall, mono
        self.offset = self._given - mono
        self._trusted, self._doubt = True, None


def unsynced(mono: float) -> int:
    """A monotonic time as a stamp that waits for its right time."""
    return UNSYNCED_MS + int(mono)


def is_unsynced(stamp: int) -> bool:
    return stamp < UNSYNCED_END_MS
