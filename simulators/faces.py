"""What a device shows of a truth: its resolution, its number range, its rollover.

``raw`` is the number that goes into registers or a payload, ``shown`` the value in the quantity's unit that a correct
reader must make of it. Counters are cut off as a counting wheel does, gauges rounded.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from devices.profile import FieldPoint, RegisterPoint
from edge_config.schema import Device

Number = int | float
EXPONENT_ROOM = 10_000
"""How much more than its register holds a number with an exponent may show."""


@dataclass(frozen=True, slots=True)
class Face:
    """``unit`` is the quantity's unit per raw one, ratios applied; ``quantum`` the raw numbers between two steps."""

    unit: float
    offset: float
    quantum: Fraction
    resolution: Decimal
    micro_per_step: Fraction
    digits: int
    lowest: Number
    highest: Number
    modulus: int | None
    whole: bool
    single: bool

    def counter_raw(self, micro: int) -> Number:
        """The raw number of a counter whose truth is ``micro`` (10⁻⁶ of its unit)."""
        raw = self._raw(micro * self.micro_per_step.denominator // self.micro_per_step.numerator)
        return raw if self.modulus is None else raw % self.modulus

    def gauge_raw(self, value: float) -> Number:
        """The raw number of a gauge or state, held at the ends of what the register can say."""
        raw = self._raw(round((value - self.offset) / (self.unit * self.quantum)))
        return min(self.highest, max(self.lowest, raw))

    def counter_unwrapped(self, micro: int) -> Decimal:
        """The truth as the register would show it had it room for ever, in the quantity's unit."""
        steps = micro * self.micro_per_step.denominator // self.micro_per_step.numerator
        if not self.single:
            return steps * self.resolution
        return Decimal(repr(self.shown(self._raw(steps))))

    def shown(self, raw: Number) -> float:
        return round(raw * self.unit + self.offset, self.digits)

    def _raw(self, steps: int) -> Number:
        raw = steps * self.quantum.numerator
        if self.quantum.denominator == 1 and self.whole:
            return raw
        number = raw / self.quantum.denominator
        return as_single(number) if self.single else number


def as_single(number: float) -> float:
    """The nearest number that 32-bit registers can hold."""
    single: float = struct.unpack(">f", struct.pack(">f", number))[0]
    return single


def _ratio(point: RegisterPoint, device: Device) -> Decimal:
    factors = {
        "none": Decimal(1),
        "ct": device.ct_ratio,
        "pt": device.pt_ratio,
        "ct_pt": device.ct_ratio * device.pt_ratio,
    }
    return factors[point.ratio]


def digits_of(resolution: Decimal) -> int:
    """Decimal places of a step."""
    exponent = resolution.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _modulus(point: RegisterPoint) -> int | None:
    """Where a counter register wraps: where its profile says, else where its bits end."""
    if not point.type.is_integer or point.parts or point.exponent:
        return None
    if point.rollover is not None:
        return int(point.rollover)
    if point.type.value.startswith("bcd"):
        return int(10 ** (point.type.bits // 4))
    bits = point.type.bits - point.type.is_signed
    return 1 << min(bits, point.width or bits)


def _span(point: RegisterPoint) -> tuple[Number, Number]:
    if not point.type.is_integer or point.parts:
        return -3e38, 3e38
    if point.bits is not None:
        return 0, (1 << (point.bits[1] - point.bits[0] + 1)) - 1
    if point.type.value.startswith("bcd"):
        return 0, 10 ** (point.type.bits // 4) - 1
    bits, room = point.type.bits, EXPONENT_ROOM if point.exponent else 1
    half = 1 << (bits - 1)
    lowest, highest = (-half, half - 1) if point.type.is_signed else (0, 2 * half - 1)
    return lowest * room, highest * room


def register_face(point: RegisterPoint, device: Device) -> Face:
    """The face of a Modbus point of this device. Integers never step finer than one."""
    ratio = _ratio(point, device)
    whole = point.type.is_integer and not point.parts
    resolution = max(point.resolution, abs(point.scale)) if whole else point.resolution
    quantum = Fraction(resolution) / Fraction(abs(point.scale))
    lowest, highest = _span(point)
    return Face(
        unit=float(point.scale * ratio), offset=float(point.offset), quantum=Fraction(int(quantum)) if whole else quantum,
        resolution=resolution * ratio, micro_per_step=Fraction(resolution * ratio) * 1_000_000,
        digits=digits_of(resolution * ratio), lowest=lowest, highest=highest, modulus=_modulus(point),
        whole=whole, single=point.type.value == "f32" and not point.parts,
    )  # fmt: skip


def field_face(point: FieldPoint) -> Face:
    """The face of a payload field: a JSON number with as many digits as its step has."""
    quantum = Fraction(point.resolution) / Fraction(abs(point.scale))
    return Face(
        unit=float(point.scale), offset=float(point.offset), quantum=quantum, resolution=point.resolution,
        micro_per_step=Fraction(point.resolution) * 1_000_000, digits=digits_of(point.resolution),
        lowest=-3e38, highest=3e38, modulus=int(point.rollover) if point.rollover is not None else None,
        whole=True, single=False,
    )  # fmt: skip
