"""From changes of the feed to what a centre is told: for each quarter-hour instant one packet with its meters. Pure.

A register is told as it stood at the instant, never 0 for what is not known; an estimate says that it is one. The same
stretch gives the same packets, and each packet a number that no other has: the highest seq of the changes in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec

from gateway.model import QUARTER_MS, Change

MINUTE_MS = 60_000
QUARTER_MINUTES = 15

SlotKey = tuple[str, int]
"""A point and the start of its quarter-hour."""


@dataclass(frozen=True, slots=True)
class MappedPoint:
    """A counter as the centre knows it: its meter, its function, its energy code."""

    meter: str
    name: str
    function: str
    code: str


@dataclass(frozen=True, slots=True)
class Mapped:
    """What goes up, and when: registers every ``period_min`` minutes. ``tops`` are for each energy code the points whose
    consumption is summed, where the dialect asks for sums."""

    points: Mapping[str, MappedPoint]
    tops: Mapping[str, Sequence[str]]
    period_min: int
    zone: ZoneInfo

    def instant_of(self, end: int) -> int:
        """The instant at which a quarter-hour that ends at ``end`` is told: its own end, or the next whole period of the
        local day."""
        local = datetime.fromtimestamp(end / 1000, self.zone)
        past_min = (local.hour * 60 + local.minute) % self.period_min
        return end + (self.period_min - past_min) % self.period_min * MINUTE_MS


@dataclass(frozen=True, slots=True)
class Function:
    """A register of a meter, as it stood at ``at_ms``. ``value`` is a decimal number as text, in the profile's unit."""

    function: str
    code: str
    value: str
    is_estimated: bool
    at_ms: int


@dataclass(frozen=True, slots=True)
class Meter:
    meter: str
    name: str
    functions: tuple[Function, ...]


@dataclass(frozen=True, slots=True)
class Packet:
    """``seqs`` are the changes it tells of; ``sequence`` is the highest, and names it for ever."""

    sequence: int
    at_ms: int
    meters: tuple[Meter, ...]
    energy: tuple[tuple[str, str], ...]
    seqs: tuple[int, ...]


class Slot(msgspec.Struct):
    """What matters of an interval's body."""

    point: str
    period: str
    start: int
    end: int
    content: str
    value: float | None = None
    register_end: float | None = None


def slots_of(changes: Iterable[Change], points: Mapping[str, MappedPoint]) -> dict[SlotKey, tuple[int, Slot]]:
    """The mapped quarter-hours among the changes with their seq, the newest of each. Raises msgspec.DecodeError for a body
    that is none; the store writes no such."""
    found: dict[SlotKey, tuple[int, Slot]] = {}
    for change in changes:
        if change.kind != "interval":
            continue
        slot = msgspec.json.decode(change.body, type=Slot)
        if slot.period == "15min" and slot.point in points:
            found[slot.point, slot.start] = (change.seq, slot)
    return found


def needed(slots: Mapping[SlotKey, object], mapped: Mapped) -> set[SlotKey]:
    """Quarter-hours that sums want and ``slots`` has not: to be looked for in the feed before the stretch."""
    wanted: set[SlotKey] = set()
    for code, instant in _touched(slots, mapped):
        wanted.update(_parts(code, instant, mapped))
    return wanted - slots.keys()


def packets(
    slots: Mapping[SlotKey, tuple[int, Slot]], before: Mapping[SlotKey, Slot], mapped: Mapped
) -> list[Packet]:
    """In the order of time. ``before`` are quarter-hours told earlier, for the sums."""
    seqs: dict[int, list[int]] = defaultdict(list)
    meters: dict[int, dict[str, list[tuple[str, Function]]]] = defaultdict(lambda: defaultdict(list))
    for (point, _), (seq, slot) in sorted(slots.items()):
        instant = mapped.instant_of(slot.end)
        function = _function(mapped.points[point], slot)
        seqs[instant].append(seq)
        if slot.end == instant and function is not None:
            meters[instant][mapped.points[point].meter].append((mapped.points[point].name, function))
    sums = _sums(slots, before, mapped)
    return [
        Packet(max(seqs[at]), at, _meters(meters[at]), tuple(sorted(sums[at].items())), tuple(sorted(seqs[at])))
        for at in sorted(seqs)
        if meters[at] or sums[at]
    ]  # fmt: skip


def _meters(found: Mapping[str, Sequence[tuple[str, Function]]]) -> tuple[Meter, ...]:
    return tuple(
        Meter(meter, functions[0][0], tuple(function for _, function in functions))
        for meter, functions in sorted(found.items())
    )


def _function(point: MappedPoint, slot: Slot) -> Function | None:
    if slot.content == "missing" or slot.register_end is None:
        return None
    is_estimated = slot.content != "measured"
    if is_estimated and slot.register_end == 0:
        return None  # a value of 0 under an error code must never be booked, so it is not said
    return Function(point.function, point.code, plain(slot.register_end), is_estimated, slot.end)


def plain(value: float | Decimal) -> str:
    """A number in decimals, without an exponent and without zeros at the end that say nothing. A float is written as the
    shortest number it stands for, which is the exact multiple of the register's step it was made from."""
    text = format(Decimal(repr(value)) if isinstance(value, float) else value, "f")
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def _touched(slots: Mapping[SlotKey, object], mapped: Mapped) -> set[tuple[str, int]]:
    """(code, instant) of every sum that a quarter-hour of the stretch belongs to."""
    codes: dict[str, list[str]] = defaultdict(list)
    for code, points in mapped.tops.items():
        for point in points:
            codes[point].append(code)
    return {
        (code, mapped.instant_of(start + QUARTER_MS))
        for point, start in slots
        for code in codes.get(point, ())
    }


def _parts(code: str, instant: int, mapped: Mapped) -> list[SlotKey]:
    quarters = mapped.period_min // QUARTER_MINUTES
    return [
        (point, instant - (back + 1) * QUARTER_MS) for point in mapped.tops[code] for back in range(quarters)
    ]


def _sums(
    slots: Mapping[SlotKey, tuple[int, Slot]], before: Mapping[SlotKey, Slot], mapped: Mapped
) -> defaultdict[int, dict[str, str]]:
    """By instant the consumption of each code whose every part is known; a sum that lacks one is not told."""
    known = {**before, **{key: slot for key, (_, slot) in slots.items()}}
    sums: defaultdict[int, dict[str, str]] = defaultdict(dict)
    for code, instant in _touched(slots, mapped):
        values = [known[key].value if key in known else None for key in _parts(code, instant, mapped)]
        figures = [Decimal(repr(value)) for value in values if value is not None]
        if len(figures) == len(values):
            sums[instant][code] = plain(sum(figures, Decimal(0)))
    return sums
