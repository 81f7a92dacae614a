"""UV lamps and air disinfectors: when they run, and what they draw.

UV lamps run in empty rooms in the evening for more than half an hour; about one run in fifteen is cut short by someone
who comes back. Air disinfectors that people may stay with run in the noon break and after school.
"""

from __future__ import annotations

from simulators.lines import Spans, Spells
from simulators.noise import span, unit
from simulators.schoolday import Almanac, DayKind

_MINUTE_MS = 60_000
_WARM_UP_MS = 3 * _MINUTE_MS
_STANDBY_W = 0.4
_UV_H, _DISINFECTOR_H = (21.4,), (12.1, 17.2)


def is_disinfector(profile: str) -> bool:
    """Whether a lamp profile is an air disinfector, which may run while people are about."""
    return "disinfector" in profile


def lamp_spans(seed: int, name: str, kind: DayKind, day: int, daytime: bool) -> Spans:
    """The runs of one day, to the minute."""
    if kind is not DayKind.SCHOOL:
        return []
    spans: Spans = []
    for index, hour in enumerate(_DISINFECTOR_H if daytime else _UV_H):
        begin = int((hour + span(0, 0.6, seed, name, day, index)) * 60)
        cut_short = unit(seed, name, day, index, "short") < 0.065
        minutes = (
            span(8, 19, seed, name, day, "cut") if cut_short else span(33, 58, seed, name, day, index, "m")
        )
        spans.append((begin * _MINUTE_MS, (begin + int(minutes)) * _MINUTE_MS))
    return spans


def lamp_runs(almanac: Almanac, seed: int, name: str, daytime: bool) -> Spells:
    return Spells(almanac, lambda day: lamp_spans(seed, name, almanac.kind(day), day, daytime))


def rated_w(seed: int, name: str, daytime: bool) -> float:
    """A pair of 30 W tubes with its ballast, or a cabinet with a fan."""
    return span(92, 108, seed, name) if daytime else span(66, 76, seed, name)


def lamp_power_w(runs: Spells, rated: float, ms: int) -> float:
    """Electric power: a little more while the tube warms up, next to nothing when off."""
    on_for = runs.since_on_ms(ms)
    if on_for is None:
        return _STANDBY_W
    return rated * (1 + 0.15 * max(0.0, 1 - on_for / _WARM_UP_MS))


def lamp_energy_micro(runs: Spells, rated: float, ms: int, epoch_ms: int) -> int:
    """Energy since the campus epoch in micro-kWh; the warm-up is left out, so that it is an exact integral of runs."""
    on = runs.on_ms(ms)
    off = ms - epoch_ms - on
    return (on * int(rated * 1000) + off * int(_STANDBY_W * 1000)) // 3_600_000
