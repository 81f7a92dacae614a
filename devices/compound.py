"""A value made of several numbers: sums, powers of ten and gates, in exact arithmetic.

Everything it needs lies in the words of one reply, so a fraction never meets the integer of another moment and a
scale factor is that of its value. Raises what ``registers.decode`` raises.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import Decimal

from devices.profile import Exponent, Gate, Part, RegisterPoint, Registers
from devices.raw_numbers import DecodeError, raw_numbers

EXPONENT_MAX = 10
"""SunSpec's scale factors lie between -10 and 10."""

Words = Sequence[int]
Ratio = tuple[int, int]
"""Numerator and denominator. Python divides two integers with one correct rounding; fractions.Fraction reduces at
every step and takes three times as long."""


def compound(point: RegisterPoint, ratio: Decimal) -> Callable[[Words], float]:
    """The decoder of a point with companions; it takes exactly the words [``point.start``, ``point.stop``)."""
    terms = [_term(point, point, point.bits)] + [_term(point, part) for part in point.parts]
    gates = [_gate(point, gate) for gate in point.gates]
    power = _power(point, point.exponent) if point.exponent is not None else None
    offset, factor = _ratio(point.offset), _ratio(ratio)
    count = point.stop - point.start

    def decode_words(words: Words) -> float:
        if len(words) != count:
            raise ValueError(f"the point is {count} words, {len(words)} were given")
        for is_open in gates:
            if not is_open(words):
                raise DecodeError("gated")
        total: Ratio = (0, 1)
        for term in terms:
            total = _sum(total, term(words))
        if power is not None:
            total = _product(total, power(words))
        n, d = _product(_sum(total, offset), factor)
        try:
            return n / d
        except OverflowError as error:
            raise DecodeError("not_a_number") from error

    return decode_words


def _ratio(number: Decimal) -> Ratio:
    return number.as_integer_ratio()


def _sum(a: Ratio, b: Ratio) -> Ratio:
    return a[0] * b[1] + b[0] * a[1], a[1] * b[1]


def _product(a: Ratio, b: Ratio) -> Ratio:
    return a[0] * b[0], a[1] * b[1]


def _words_of(point: RegisterPoint, number: RegisterPoint | Registers) -> slice:
    return slice(number.address - point.start, number.end - point.start)


def _term(
    point: RegisterPoint, number: RegisterPoint | Part, bits: tuple[int, int] | None = None
) -> Callable[[Words], Ratio]:
    raw_of, place, scale = raw_numbers(number, bits), _words_of(point, number), _ratio(number.scale)
    sentinels = frozenset(number.sentinels)

    def term(words: Words) -> Ratio:
        raw = raw_of(words[place])
        if raw in sentinels:
            raise DecodeError("no_value")
        if not math.isfinite(raw):
            raise DecodeError("not_a_number")
        return _product(raw.as_integer_ratio(), scale)

    return term


def _gate(point: RegisterPoint, gate: Gate) -> Callable[[Words], bool]:
    raw_of, place, (low, high) = raw_numbers(gate, gate.bits), _words_of(point, gate), gate.range
    return lambda words: low <= raw_of(words[place]) <= high


def _power(point: RegisterPoint, exponent: Exponent) -> Callable[[Words], Ratio]:
    raw_of, place, sentinels = (
        raw_numbers(exponent),
        _words_of(point, exponent),
        frozenset(exponent.sentinels),
    )

    def power(words: Words) -> Ratio:
        raw = raw_of(words[place])
        if raw in sentinels:
            raise DecodeError("no_value")
        if not -EXPONENT_MAX <= raw <= EXPONENT_MAX or raw != int(raw):
            raise DecodeError("not_a_number")
        return (10 ** int(raw), 1) if raw >= 0 else (1, 10 ** -int(raw))

    return power
