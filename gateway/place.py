"""Where an uplink stands on the change feed. Pure: a place and what happened go in, a place comes out.

Delivered is all up to ``cursor`` and the disjoint ``ranges`` ahead of it; a range (a, b] leaves out a and includes b. Two
lanes go on from there: back-fill from the cursor, oldest first, into the hole before the first range; live from the end of
the last range towards the head. A place without ranges has the back-fill lane alone. Where back-fill reaches a range the
cursor jumps over it, and at the last one the lanes join. Each lane keeps the end of a batch that may be on its way.

A stretch that is passed without the receiver having it (the filter left it empty, all its records were put aside) is
covered by the next batch of its lane, so that a receiver's list of what it holds has no holes; ``voids`` are the few that
no batch covers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

Range = tuple[int, int]

RANGES_MAX = 100
"""Outages that may wait to be filled at once; after so many the live lane goes on from where it is."""
VOIDS_MAX = 50


class Lane(StrEnum):
    BACKFILL = "backfill"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class Leg:
    """A stretch (after, to_seq] of one lane, where the lane stands at ``after``."""

    lane: Lane
    after: int
    to_seq: int


@dataclass(frozen=True, slots=True)
class Content:
    """What goes up as a leg: the bounds begin at ``from_seq``, which may lie before the leg; ``sha256`` is of the bytes."""

    from_seq: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Place:
    """``passed_from`` and ``live_passed_from`` are where the next batch of a lane begins, if before where it stands."""

    cursor: int = 0
    batch_to: int | None = None
    ranges: tuple[Range, ...] = ()
    live_to: int | None = None
    passed_from: int | None = None
    live_passed_from: int | None = None
    voids: tuple[Range, ...] = ()
    is_paused: bool = False

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """Those there are, live first."""
        return (Lane.LIVE, Lane.BACKFILL) if self.ranges else (Lane.BACKFILL,)

    def stands_at(self, lane: Lane) -> int:
        return self.ranges[-1][1] if lane is Lane.LIVE else self.cursor

    def sent_to(self, lane: Lane) -> int | None:
        """The end of the batch that may be on its way."""
        return self.live_to if lane is Lane.LIVE else self.batch_to

    def passed(self, lane: Lane) -> int | None:
        return self.live_passed_from if lane is Lane.LIVE else self.passed_from

    def begins_at(self, lane: Lane) -> int:
        """Where the next batch of the lane begins."""
        passed = self.passed(lane)
        return self.stands_at(lane) if passed is None else passed

    def ends_at(self, lane: Lane) -> int | None:
        """Where the lane meets what is delivered; None where it goes on to the head."""
        return self.ranges[0][0] if lane is Lane.BACKFILL and self.ranges else None

    def fits(self, leg: Leg) -> bool:
        """Whether a leg that was planned before still begins where its lane stands."""
        return leg.lane in self.lanes and self.stands_at(leg.lane) == leg.after < leg.to_seq

    def has(self, seq: int) -> bool:
        return seq <= self.cursor or any(low < seq <= high for low, high in self.ranges)

    def waiting(self, head: int) -> int:
        """Changes up to ``head`` that are not delivered."""
        return head - self.cursor - sum(high - low for low, high in self.ranges)

    def waiting_in(self, lane: Lane, head: int) -> int:
        live = head - self.ranges[-1][1] if self.ranges else 0
        return live if lane is Lane.LIVE else self.waiting(head) - live


def begun(place: Place, leg: Leg) -> Place:
    """The batch is about to be sent."""
    return _set(place, leg.lane, leg.to_seq, place.passed(leg.lane))


def delivered(place: Place, leg: Leg) -> Place:
    """The receiver has the leg, and with it what was passed before it."""
    return _advanced(_set(place, leg.lane, None, None), leg)


def passed(place: Place, leg: Leg) -> Place:
    """The leg is behind us, and the receiver need not have it."""
    return _advanced(_set(place, leg.lane, None, place.begins_at(leg.lane)), leg)


def cut(place: Place, lane: Lane, at: int) -> Place:
    """The next batch of the lane must not begin before ``at``, which lies in what was passed."""
    since = place.begins_at(lane)
    begin = at if at < place.stands_at(lane) else None
    return _noted(_set(place, lane, None, begin), (since, at))


def split(place: Place, head: int) -> Place:
    """Let the live lane begin at ``head``; what it leaves behind is for back-fill. Nothing of it may be on its way."""
    if not place.ranges:
        return place if head <= place.cursor else replace(place, ranges=((head, head),))
    low, high = place.ranges[-1]
    if place.live_to is not None or high >= head or len(place.ranges) >= RANGES_MAX:
        return place
    kept = (low, place.begins_at(Lane.LIVE))  # what the filter passed at its end is passed again
    ranges = (*place.ranges[:-1], *([kept] if kept[0] < kept[1] else []), (head, head))
    return replace(place, ranges=ranges, live_passed_from=None)


def again(place: Place, stretches: Sequence[Range], *, lanes: bool = True) -> Place:
    """``stretches`` wait once more, as far as they were delivered. Without ``lanes`` all behind the first does."""
    had: tuple[Range, ...] = ((0, place.cursor), *place.ranges)
    left = _without(had, stretches)
    if left == _without(had, ()):
        return place
    cursor = left[0][1] if left and left[0][0] == 0 else 0
    voids = tuple(_without(place.voids, stretches))
    if not lanes:
        return Place(cursor, voids=voids, is_paused=place.is_paused)
    front = place.ranges[-1][1] if place.ranges else place.cursor
    ranges = tuple(one for one in left if one[0] > 0)
    if not ranges or ranges[-1][1] < front:
        ranges = (*ranges, (front, front))
    live_to, live_passed = (
        (place.live_to, place.live_passed_from) if place.ranges else (place.batch_to, place.passed_from)
    )
    is_where_it_was = bool(place.ranges) and cursor == place.cursor
    return replace(
        place, cursor=cursor, ranges=ranges, live_to=live_to, live_passed_from=live_passed, voids=voids,
        batch_to=place.batch_to if is_where_it_was else None, passed_from=place.passed_from if is_where_it_was else None,
    )  # fmt: skip


def missing(place: Place, held: Sequence[Range], *, is_cut_off: bool = False) -> list[Range]:
    """What we believe delivered and a receiver that holds ``held`` has not. ``is_cut_off``: it says nothing of what lies
    above the last of them."""
    believed = [(0, place.begins_at(Lane.BACKFILL)), *place.ranges]
    if place.ranges:
        believed[-1] = (place.ranges[-1][0], place.begins_at(Lane.LIVE))
    known = [*held, *place.voids]
    if is_cut_off and held:
        known.append((held[-1][1], 2**62))
    return _without(believed, known)


def renewed(place: Place) -> Place:
    """Another epoch begins: what is delivered stays so, and under the new name the receiver holds nothing of it."""
    return Place(place.cursor, voids=((0, place.cursor),) if place.cursor else (), is_paused=place.is_paused)


def _set(place: Place, lane: Lane, batch_to: int | None, passed_from: int | None) -> Place:
    if lane is Lane.LIVE:
        return replace(place, live_to=batch_to, live_passed_from=passed_from)
    return replace(place, batch_to=batch_to, passed_from=passed_from)


def _advanced(place: Place, leg: Leg) -> Place:
    if leg.lane is Lane.LIVE:
        low, _ = place.ranges[-1]
        return replace(place, ranges=(*place.ranges[:-1], (low, leg.to_seq)))
    place = replace(place, cursor=leg.to_seq)
    while place.ranges and place.cursor >= place.ranges[0][0]:
        place = _joined(place)
    return place


def _joined(place: Place) -> Place:
    """The cursor jumps over the first range; at the last one the back-fill lane goes on as the live lane did."""
    is_untouched = place.ranges == ((place.cursor, place.cursor),) and place.live_to is None
    if is_untouched:
        return replace(place, ranges=(), live_passed_from=None)
    if place.passed_from is not None:
        place = _noted(place, (place.passed_from, place.cursor))
    high, ranges = max(place.ranges[0][1], place.cursor), place.ranges[1:]
    if ranges:
        return replace(place, cursor=high, ranges=ranges, passed_from=None)
    return replace(
        place, cursor=high, ranges=(), batch_to=place.live_to, passed_from=place.live_passed_from,
        live_to=None, live_passed_from=None,
    )  # fmt: skip


def _noted(place: Place, void: Range) -> Place:
    """Remember a stretch that no batch will cover. Of too many the oldest two become one with what lies between."""
    voids = _union((*place.voids, void))
    if len(voids) > VOIDS_MAX:
        voids = [(voids[0][0], voids[1][1]), *voids[2:]]
    return replace(place, voids=tuple(voids))


def _union(ranges: Sequence[Range]) -> list[Range]:
    found: list[Range] = []
    for low, high in sorted(one for one in ranges if one[0] < one[1]):
        if found and low <= found[-1][1]:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return found


def _without(ranges: Sequence[Range], taken: Sequence[Range]) -> list[Range]:
    """``ranges`` less ``taken``, disjoint, in order; what touches is one."""
    left = _union(ranges)
    for a, b in taken:
        left = (
            [
                part
                for low, high in left
                for part in ((low, min(high, a)), (max(low, b), high))
                if part[0] < part[1]
            ]
            if a < b
            else left
        )
    return left
