"""What an installer should do about a bus: findings in, sentences out, 中文 / English, the worst first. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge_config.plan import BUSY_PCT, BusPlan
from edge_config.schema import Bus
from gateway.commissioning.doctor import UnitHealth
from gateway.commissioning.line import Outcome
from gateway.commissioning.plausible import Suspicion

GARBLED_SHARE = 0.1
"""From one garbled reply in ten on, chance noise is not the likely cause."""

SLOW_SHARE = 0.7
"""A latency beyond this part of the time-out leaves no room for a busy day."""


@dataclass(frozen=True, slots=True)
class Advice:
    """One finding and its cure. ``is_fault`` is something that costs readings now; the rest is worth a look."""

    subject: str
    zh: str
    en: str
    is_fault: bool = True

    def __str__(self) -> str:
        return f"{self.subject}: {self.zh} / {self.en}"


def advise(bus: Bus, plan: BusPlan, units: Sequence[UnitHealth]) -> list[Advice]:
    """Everything worth saying about a bus; empty when there is nothing to do."""
    found = [*_of_the_line(units), *_of_the_load(plan, units)]
    for unit in units:
        found += [*_of_answers(bus, unit, units), *_of_numbers(unit)]
    return sorted(found, key=lambda one: not one.is_fault)


def _of_the_line(units: Sequence[UnitHealth]) -> Iterator[Advice]:
    if len(units) > 1 and all(unit.share(Outcome.SILENT) == 1 for unit in units):
        yield Advice(
            "bus", "所有设备都不应答：检查 A/B 线是否接反、转换器供电、波特率和校验位（用 bus scan 逐个试）",
            "no device answers: check whether A and B are swapped, the converter's power, baud rate and parity "
            "(`bus scan` tries them)",
        )  # fmt: skip
    if len(units) > 1 and all(unit.share(Outcome.NONSENSE) >= GARBLED_SHARE for unit in units):
        yield Advice(
            "bus", "所有设备的应答都有乱码：检查终端电阻、屏蔽接地、校验位，以及是否有第二台主机",
            "every device's replies are garbled: check terminators, shield, parity, and for a second master",
        )  # fmt: skip


def _of_the_load(plan: BusPlan, units: Sequence[UnitHealth]) -> Iterator[Advice]:
    measured = sum(unit.load_pct for unit in units if unit.load_pct is not None)
    load = max(plan.load_pct, measured)
    if load > BUSY_PCT:
        yield Advice(
            "bus", f"总线占用 {load:.0f} %，超过 {BUSY_PCT:.0f} %：加大 poll_interval_s、提高波特率或分成两条总线",
            f"the bus is busy {load:.0f} % of the time, more than {BUSY_PCT:.0f} %: poll less often, raise the baud rate "
            "or part the line",
        )  # fmt: skip


def _of_answers(bus: Bus, unit: UnitHealth, units: Sequence[UnitHealth]) -> Iterator[Advice]:
    garbled, silent = unit.share(Outcome.NONSENSE), unit.share(Outcome.SILENT)
    others = [other for other in units if other is not unit]
    is_alone = not any(other.share(Outcome.NONSENSE) >= GARBLED_SHARE for other in others)
    if unit.doubled or (garbled >= GARBLED_SHARE and is_alone):
        what = f"{unit.doubled} 次双重应答、{garbled:.0%} 乱码"
        yield Advice(
            unit.device, f"地址 {unit.unit_id} 有{what}：可能有两块表用同一地址，逐块断开确认并改地址",
            f"unit {unit.unit_id} gave {unit.doubled} double replies and {garbled:.0%} garbled ones: perhaps two meters "
            "have this unit id; unplug one after the other to see, then give one another id",
        )  # fmt: skip
    if silent == 1:
        yield Advice(
            unit.device, f"地址 {unit.unit_id} 从不应答：检查供电、接线、地址（用 bus scan 查找）",
            f"unit {unit.unit_id} never answers: check power, wiring and its unit id (`bus scan` finds it)",
        )  # fmt: skip
    elif silent > 0:
        yield Advice(
            unit.device, f"地址 {unit.unit_id} 有 {silent:.0%} 的请求无应答：检查接头、终端电阻和线长，或加大 timeout_s",
            f"unit {unit.unit_id} left {silent:.0%} of the requests unanswered: check contacts, terminators and cable "
            "length, or raise timeout_s",
        )  # fmt: skip
    limit_ms = SLOW_SHARE * bus.timeout_s * 1000
    if unit.latency_ms_p95 is not None and unit.latency_ms_p95 > limit_ms:
        yield Advice(
            unit.device, f"应答慢（95% 在 {unit.latency_ms_p95:.0f} 毫秒内），接近超时 {bus.timeout_s:g} 秒：加大 timeout_s",
            f"slow: 95 % within {unit.latency_ms_p95:.0f} ms, near the time-out of {bus.timeout_s:g} s: raise timeout_s",
            is_fault=False,
        )  # fmt: skip
    if unit.counts.get(Outcome.REFUSED.value):
        yield Advice(
            unit.device, f"拒绝了 {unit.share(Outcome.REFUSED):.0%} 的请求：模板与型号可能不符（用 bus scan 看建议）",
            f"refused {unit.share(Outcome.REFUSED):.0%} of the requests: the profile may not be this model's "
            "(`bus scan` suggests others)",
        )  # fmt: skip


def _of_numbers(unit: UnitHealth) -> Iterator[Advice]:
    for suspected in unit.suspicions:
        yield _word_order(unit.device, suspected)
    for point, reason in unit.bad_points:
        yield Advice(
            point, f"读数不可用（{reason}）：核对表的显示、变比和模板",
            f"no usable value ({reason}): compare with the meter's display, check the ratios and the profile",
            is_fault=False,
        )  # fmt: skip


def _word_order(device: str, suspected: Suspicion) -> Advice:
    declared, better = suspected.declared, suspected.better
    now, then = _number(declared.value), _number(better.value)
    return Advice(
        f"{device}.{suspected.point}",
        f"字节序可能不对：按模板 {declared.order} 读得 {now}，按 {better.order} 读得 {then}；与表上显示核对",
        f"the byte order may be wrong: {declared.order} as in the profile reads {now}, {better.order} would read {then}; "
        "compare with the meter's display",
    )  # fmt: skip


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.6g}"
