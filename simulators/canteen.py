"""The canteen's cold and hot places: doors that open, temperatures that follow, cabinets that disinfect.

A fridge warms while its door stands open and comes back when it is shut; a freezer defrosts three times a day; now
and then someone leaves a door open, a hot counter runs cold or a cabinet is switched off early.
"""

from __future__ import annotations

from simulators.lines import Spans, Spells
from simulators.noise import SLOT_MS, SLOTS, smooth_day, span, unit
from simulators.schoolday import Almanac, DayKind

_MINUTE_MS = 60_000
_AMBIENT_C = 22.0
_WORK_HOURS = ((5.2, 7.4), (9.3, 12.8), (15.6, 18.6))
_OPEN_SHARE, _SHUT_SHARE = 0.075, 0.16
"""Shares of the way to ambient, and back to the set point, in five minutes."""
_DEFROST_EVERY, _DEFROST_SLOTS = 96, 5
_MEALS = ((6.2, 8.0), (11.0, 13.0), (16.8, 18.6))
_RUNS_H = (13.6, 19.2)


def door_spans(seed: int, name: str, kind: DayKind, day: int) -> Spans:
    """When the door stands open: short visits in working hours, and on one day in nine left open for half an hour."""
    if kind is not DayKind.SCHOOL:
        return []
    starts = []
    for index, (first, last) in enumerate(_WORK_HOURS):
        visits = 3 + int(5 * unit(seed, name, day, index))
        width = (last - first) / visits
        starts += [
            (first + width * (visit + 0.9 * unit(seed, name, day, index, visit))) for visit in range(visits)
        ]
    forgotten = (
        int(unit(seed, name, day, "which") * len(starts)) if unit(seed, name, day, "left") < 0.11 else -1
    )
    spans: Spans = []
    for number, hour in enumerate(starts):
        begin = int(hour * 3_600_000)
        open_s = span(12, 70, seed, name, day, number, "s")
        length = (
            int(span(28, 45, seed, name, day, "m") * _MINUTE_MS)
            if number == forgotten
            else int(open_s * 1000)
        )
        if spans and begin <= spans[-1][1] + _MINUTE_MS:
            continue
        spans.append((begin, begin + length))
    return spans


def _open_shares(spans: Spans) -> list[float]:
    """The share of each slot for which the door stood open."""
    shares = [0.0] * SLOTS
    for first, end in spans:
        for slot in range(first // SLOT_MS, min(SLOTS - 1, end // SLOT_MS) + 1):
            shares[slot] += (min(end, (slot + 1) * SLOT_MS) - max(first, slot * SLOT_MS)) / SLOT_MS
    return shares


def _defrosting(name: str, seed: int, slot: int) -> bool:
    phase = int(span(0, 30, seed, name, "defrost")) + 20
    return (slot - phase) % _DEFROST_EVERY < _DEFROST_SLOTS


def cold_line(seed: int, name: str, freezer: bool, door: Spells | None, day: int) -> list[float]:
    """Air temperature in a fridge (about 3 ℃) or a freezer (about -21 ℃), in ℃."""
    target = span(-22.0, -20.5, seed, name) if freezer else span(2.2, 3.8, seed, name)
    shares = _open_shares(door.day(day)) if door else [0.0] * SLOTS
    extra, extras = 0.0, [0.0]
    for slot, share in enumerate(shares):
        extra += share * _OPEN_SHARE * (_AMBIENT_C - target - extra) - (1 - share) * _SHUT_SHARE * extra
        if freezer and _defrosting(name, seed, slot):
            extra += 1.3
        extras.append(extra if slot < SLOTS - 12 else extra * (SLOTS - 1 - slot) / 12)
    drift = smooth_day(day, seed, name, "drift")
    cycle = [0.0, 0.25, 0.45, 0.3, -0.05, -0.35, -0.4, -0.2]
    return [
        target + more + 0.25 * d + cycle[slot % 8]
        for slot, (more, d) in enumerate(zip(extras, drift, strict=True))
    ]


def hot_line(seed: int, name: str, kind: DayKind, day: int) -> list[float]:
    """Temperature of a hot counter in ℃: above 60 while meals are served, on one day in twelve too low."""
    weak = unit(seed, name, day, "weak") < 0.08
    target = span(52, 57, seed, name, day) if weak else span(66, 72, seed, name)
    value, values = _AMBIENT_C, []
    for slot in range(SLOTS + 1):
        served = kind is DayKind.SCHOOL and any(first - 0.6 <= slot / 12 < last for first, last in _MEALS)
        value += 0.5 * (target - value) if served else 0.09 * (_AMBIENT_C - value)
        values.append(value)
    drift = smooth_day(day, seed, name, "hot")
    return [v + 0.8 * d for v, d in zip(values, drift, strict=True)]


def cabinet_spans(seed: int, name: str, kind: DayKind, day: int) -> Spans:
    """When a disinfection cabinet heats: after lunch and after dinner; now and then switched off early."""
    if kind is not DayKind.SCHOOL:
        return []
    spans: Spans = []
    for hour in _RUNS_H:
        begin = int((hour + span(0, 0.5, seed, name, day, str(hour))) * 60) * _MINUTE_MS
        early = unit(seed, name, day, str(hour), "early") < 0.06
        minutes = int(
            span(7, 11, seed, name, day) if early else span(34, 44, seed, name, day, str(hour), "m")
        )
        spans.append((begin, begin + minutes * _MINUTE_MS))
    return spans


def cabinet_line(seed: int, name: str, runs: Spells, day: int) -> list[float]:
    """Temperature in a disinfection cabinet in ℃: up to about 125 within ten minutes, an hour to cool."""
    target = span(123, 128, seed, name)
    value, values = _AMBIENT_C + 2, [_AMBIENT_C + 2]
    for share in _open_shares(runs.day(day)):
        value += share * 0.62 * (target - value) + (1 - share) * 0.11 * (_AMBIENT_C + 2 - value)
        values.append(value)
    return values


def cabinet_door_spans(seed: int, name: str, kind: DayKind, day: int) -> Spans:
    """A cabinet is loaded before each run and unloaded an hour and a quarter after it."""
    spans: Spans = []
    for begin, end in cabinet_spans(seed, name, kind, day):
        load = int(span(60, 170, seed, name, day, begin, "load") * 1000)
        spans += [
            (begin - 4 * _MINUTE_MS, begin - 4 * _MINUTE_MS + load),
            (end + 75 * _MINUTE_MS, end + 76 * _MINUTE_MS),
        ]
    return spans


def cold_door(almanac: Almanac, seed: int, name: str) -> Spells:
    return Spells(almanac, lambda day: door_spans(seed, name, almanac.kind(day), day))


def cabinet_runs(almanac: Almanac, seed: int, name: str) -> Spells:
    return Spells(almanac, lambda day: cabinet_spans(seed, name, almanac.kind(day), day))


def cabinet_door(almanac: Almanac, seed: int, name: str) -> Spells:
    return Spells(almanac, lambda day: cabinet_door_spans(seed, name, almanac.kind(day), day))
