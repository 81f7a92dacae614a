"""Does the panel agree with the gateway? The rows of a filled-in sheet against what the gateway read. Pure.

Between the gateway's reading and the look at the panel the meter went on, so the panel is compared with what the gateway
read just before and after that look. One register step, and one last digit of the panel, are never a deviation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from gateway.commissioning.sheet import Filled
from gateway.model import Point

MS_PER_HOUR = 3_600_000


@dataclass(frozen=True, slots=True)
class Deviation:
    """One meter. ``difference`` is gateway − panel in ``unit``; ``allowed`` what step, digits, time and tolerance explain.

    ``is_beyond`` None: the panel was not read, or the gateway had nothing to compare with."""

    point: str
    unit: str
    panel: Decimal | None
    gateway: Decimal | None
    difference: Decimal | None
    percent: float | None
    allowed: Decimal | None
    is_beyond: bool | None
    hint: str = ""
    read_by: str = ""
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a point: its ratio, and the gateway's readings (UTC ms, value) around the look at the panel."""

    point: Point
    ratio: Decimal
    around: Sequence[tuple[int, float]]


def compare(row: Filled, known: Known, tolerance_pct: Decimal) -> Deviation:
    """How far one row is off."""
    unit = known.point.unit
    bounds = _bounds(row, known)
    if row.panel is None or bounds is None:
        why = "未填 not filled in" if row.panel is None else "网关无读数 the gateway has no reading"
        return Deviation(
            row.point, unit, row.panel, row.reading, None, None, None, None, why, row.read_by, row.remark
        )
    low, high = bounds
    gateway = min(max(row.panel, low), high) if low <= high else low
    slack = max(known.point.step, Decimal(0)) + Decimal(1).scaleb(-row.digits)
    allowed = slack + abs(row.panel) * tolerance_pct / 100
    difference = gateway - row.panel
    is_beyond = abs(difference) > allowed
    percent = float(100 * difference / row.panel) if row.panel else None
    hint = _hint(row.panel, gateway, known, slack) if is_beyond else ""
    return Deviation(
        row.point, unit, row.panel, gateway, difference, percent, allowed, is_beyond, hint, row.read_by, row.remark
    )  # fmt: skip


def _bounds(row: Filled, known: Known) -> tuple[Decimal, Decimal] | None:
    """Between which two values the register was when somebody looked at the panel."""
    if row.panel_at is not None and known.around:
        before = [value for at, value in known.around if at <= row.panel_at]
        after = [value for at, value in known.around if at >= row.panel_at]
        if before and after:
            return Decimal(repr(before[-1])), Decimal(repr(after[0]))
    if row.reading is None:
        return None
    return _widened(row.reading, row, known)


def _widened(reading: Decimal, row: Filled, known: Known) -> tuple[Decimal, Decimal]:
    """The sheet's own reading, and what can have flowed until the look at the panel where the site says how much can."""
    if row.panel_at is None or row.read_at is None or known.point.rate_max_per_h is None:
        return reading, reading
    flow = Decimal(repr(known.point.rate_max_per_h)) * (row.panel_at - row.read_at) / MS_PER_HOUR
    return (reading, reading + flow) if flow >= 0 else (reading + flow, reading)


def _hint(panel: Decimal, gateway: Decimal, known: Known, slack: Decimal) -> str:
    """What a deviation of this size usually is."""
    ratio, near = known.ratio, slack * max(known.ratio, Decimal(1))
    if ratio != 1 and abs(panel * ratio - gateway) <= near:
        return f"表显为二次值（× {ratio.normalize():f}） the panel shows the secondary side"
    if ratio != 1 and abs(gateway * ratio - panel) <= near:
        return f"疑似少乘倍率 {ratio.normalize():f} the ratio seems not to be applied"
    if panel and gateway:
        for exponent in (-4, -3, -2, -1, 1, 2, 3, 4):
            if abs(panel.scaleb(exponent) / gateway - 1) < Decimal("0.001"):
                return f"相差 10 的 {exponent} 次方：核对模板的比例 off by a power of ten: check the profile's scale"
    return "核对地址、倍率和模板 check unit id, ratio and profile"
