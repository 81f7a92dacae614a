"""What an energy centre has on its books: which registers of which quarter-hours, each counted once, and whether they add up.

A packet is known by building, gateway, sequence number and time; the second of the same has no effect. Of one register at
one time the later packet wins. An item flagged as an error with value 0 is never booked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

QUARTER = timedelta(minutes=15)
STAMP = "%Y%m%d%H%M%S"


class BadReportError(Exception):
    """A report that cannot be booked: no number, no time, no id."""


@dataclass(frozen=True, slots=True)
class Item:
    """One function of one meter, as it stood in a report."""

    meter: str
    function: str
    coding: str
    error: str
    value: str


@dataclass(frozen=True, slots=True)
class Report:
    """``sequence`` is empty in a dialect that has none: there the contents tell packets apart."""

    building: str
    gateway: str
    sequence: str
    time: str
    items: tuple[Item, ...]
    energy: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> tuple[object, ...]:
        known = self.sequence or (self.items, self.energy)
        return (self.building, self.gateway, known, self.time)


@dataclass(frozen=True, slots=True)
class Booked:
    value: Decimal
    is_good: bool


RegisterKey = tuple[str, str]
"""Meter and function."""


@dataclass(slots=True)
class Ledger:
    """``good`` is the error code that means no error. ``repeated`` packets had no effect, ``contradicted`` ones came twice with
    two contents, ``flagged`` items were errors with value 0."""

    good: str
    registers: dict[RegisterKey, dict[datetime, Booked]] = field(default_factory=dict)
    energy: dict[str, dict[datetime, Decimal]] = field(default_factory=dict)
    packets: dict[tuple[object, ...], Report] = field(default_factory=dict)
    repeated: int = 0
    contradicted: int = 0
    flagged: int = 0
    changed: int = 0

    def book(self, report: Report) -> None:
        """Raises BadReportError, and then nothing of it is booked."""
        at, values = _time(report.time), [_number(item.value) for item in report.items]
        sums = [(code, _number(value)) for code, value in report.energy]
        before = self.packets.setdefault(report.key, report)
        if before is not report:
            self.repeated += 1
            self.contradicted += before != report
            return
        for item, value in zip(report.items, values, strict=True):
            self._item(item, value, at)
        for code, value in sums:
            self.energy.setdefault(code, {})[at] = value

    def _item(self, item: Item, value: Decimal, at: datetime) -> None:
        is_good = item.error == self.good
        if not is_good and value == 0:
            self.flagged += 1
            return
        known = self.registers.setdefault((item.meter, item.function), {})
        self.changed += at in known
        known[at] = Booked(value, is_good)

    def difference(self, meter: str, function: str, start: datetime, end: datetime) -> Decimal:
        """Consumption by the registers at two instants. KeyError where one is not booked."""
        known = self.registers[meter, function]
        return known[end].value - known[start].value

    def missing(self, meter: str, function: str, start: datetime, end: datetime) -> list[datetime]:
        """Quarter-hours from start to end, both included, without a register."""
        known = self.registers.get((meter, function), {})
        count = (end - start) // QUARTER + 1
        return [at for at in (start + step * QUARTER for step in range(count)) if at not in known]

    def audit(self) -> list[str]:
        """Every register with its span, its holes and its consumption, as lines for people."""
        lines = [
            _line(meter, function, known, self) for (meter, function), known in sorted(self.registers.items())
        ]
        lines += [
            f"分项 {code}: {len(known)} 个时段, 合计 sum {sum(known.values(), Decimal(0))}"
            for code, known in sorted(self.energy.items())
        ]
        counts = (
            f"包 packets {len(self.packets)}, 重复 repeated {self.repeated}, 矛盾 contradicted {self.contradicted}, "
            f"更正 changed {self.changed}, 故障零值未入账 flagged zeros not booked {self.flagged}"
        )
        return [*lines, counts]


def _line(meter: str, function: str, known: dict[datetime, Booked], ledger: Ledger) -> str:
    start, end = min(known), max(known)
    holes = ledger.missing(meter, function, start, end)
    estimated = sum(not booked.is_good for booked in known.values())
    return (
        f"表 {meter} 功能 {function}: {start:%Y-%m-%d %H:%M} – {end:%Y-%m-%d %H:%M}, {len(known)} 个, "
        f"缺 missing {len(holes)}, 估算 estimated {estimated}, 差 difference {known[end].value - known[start].value}"
        f"{_first(holes)}"
    )


def _first(holes: Sequence[datetime]) -> str:
    return f", 首个缺 first missing {holes[0]:%Y-%m-%d %H:%M}" if holes else ""


def _time(text: str) -> datetime:
    try:
        return datetime.strptime(text, STAMP)  # noqa: DTZ007 - the protocol's times carry no zone
    except ValueError as error:
        raise BadReportError(f"{text!r} is no time of 14 digits") from error


def _number(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise BadReportError(f"{text!r} is no number") from error
    if not value.is_finite():
        raise BadReportError(f"{text!r} is no number")
    return value
