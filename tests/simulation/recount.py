"""The oracle's arithmetic: registers to a line, and a line or a gauge to quarter-hours. Nothing of the gateway's is used."""

from __future__ import annotations

from collections.abc import Container
from itertools import pairwise

from tests.simulation.site import Known

QUARTER, REACH = 900_000, 120_000


def unwrapped(
    good: list[tuple[int, int]], known: Known, replaced: Container[int] = ()
) -> list[tuple[int, int]]:
    """(time, steps since the first reading): over rollovers, without one-sample dips, standing still over a reset and from
    the last reading of a meter that was ``replaced`` to the first of the next."""
    line: list[tuple[int, int]] = []
    register = total = 0
    for index, (at, value) in enumerate(good):
        if line and line[-1][0] in replaced:
            pass
        elif line and value < register:
            after_at, after = _other(good, index)
            around = _around(register, value, at - line[-1][0], known)
            if register - value == 1:
                value = register
            elif around is not None:
                total += around
            elif after is not None and (
                after >= register - 1 or after < value or _leaps(value, after, after_at - at, known)
            ):
                continue
        elif line:
            total += value - register
        line.append((at, total))
        register = value
    return line


def _other(good: list[tuple[int, int]], index: int) -> tuple[int, int | None]:
    """The next reading that says something else, or the same for longer than a meter takes to begin."""
    at, value = good[index]
    return next((one for one in good[index + 1 :] if one[1] != value or one[0] - at > REACH), (at, None))


def _leaps(before: int, after: int, passed_ms: int, known: Known) -> bool:
    """Whether a meter cannot have gone from one to the other."""
    return known.steps_s_max is not None and after - before - 1 > known.steps_s_max * passed_ms / 1000


def _around(before: int, after: int, passed_ms: int, known: Known) -> int | None:
    """The rise over a rollover, where one is to be believed."""
    if known.modulus is None:
        return None
    rise = known.modulus - before + after
    if known.steps_s_max is not None:
        return rise if rise <= known.steps_s_max * passed_ms / 1000 + 1 else None
    return rise if before >= 0.9 * known.modulus and after <= 0.1 * known.modulus else None


def between(line: list[tuple[int, int]], instant: int) -> int:
    """The line at an instant that it reaches over: straight between two readings, rounded once, half up."""
    (a_at, a) = [one for one in line if one[0] <= instant][-1]
    (b_at, b) = next(one for one in line if one[0] >= instant)
    if b_at == a_at:
        return a
    return a + (2 * (b - a) * (instant - a_at) + b_at - a_at) // (2 * (b_at - a_at))


def counted(line: list[tuple[int, int]], start: int) -> tuple[str, int | None]:
    """A counter's slot: straight between readings, measured where both ends have neighbours near by."""
    marks, is_near = [], True
    for instant in (start, start + QUARTER):
        left = [one for one in line if one[0] <= instant][-1:]
        right = [one for one in line if one[0] >= instant][:1]
        if not right:
            return "missing", None
        is_near = is_near and bool(left) and instant - left[0][0] <= REACH and right[0][0] - instant <= REACH
        marks.append(between(line, instant) if left else line[0][1])
    if not [one for one in line if one[0] < start + QUARTER]:
        return "missing", None
    return ("measured" if is_near else "estimated"), marks[1] - marks[0]


def held(good: list[tuple[int, int]], start: int) -> tuple[str, float | None]:
    """A gauge's slot: each reading holds until the next, at most for its reach."""
    weight = total = 0
    for (at, value), (following, _) in pairwise([*good, (2**62, 0)]):
        lasted = min(following, at + REACH, start + QUARTER) - max(at, start)
        if lasted > 0:
            weight, total = weight + lasted, total + lasted * value
    if not weight:
        return "missing", None
    return ("measured" if weight >= 0.9 * QUARTER else "estimated"), total / weight
