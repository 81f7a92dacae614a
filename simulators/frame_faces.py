"""What a DL/T 645 or CJ/T 188 meter shows of a truth: whole decimal digits, their rollover and their sign."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from devices.profile import Cjt188Point, Dlt645Point
from edge_config.schema import Device
from simulators.faces import Face, digits_of


def frame_face(point: Dlt645Point | Cjt188Point, device: Device) -> Face:
    """The face of a point of such a meter: whole decimal digits, never finer than its last one."""
    factors = {"none": Decimal(1), "ct": device.ct_ratio, "pt": device.pt_ratio}
    ratio = factors.get(point.ratio, device.ct_ratio * device.pt_ratio)
    room = 10 ** (2 * point.length)
    highest = room * 8 // 10 - 1 if point.signed else room - 1
    step = abs(point.scale)
    return Face(
        unit=float(point.scale * ratio), offset=float(point.offset), quantum=Fraction(1), resolution=step * ratio,
        micro_per_step=Fraction(step * ratio) * 1_000_000, digits=digits_of(step * ratio),
        lowest=-highest if point.signed else 0, highest=highest,
        modulus=int(point.rollover) if point.rollover is not None else room, whole=True, single=False,
    )  # fmt: skip
