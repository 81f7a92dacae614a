"""What a chart shows, apart from how it is drawn: the same value makes the picture, its sentence and its table.

A value that is not known is None and leaves a gap; an estimated one is marked, never passed off as measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from gateway.query.views import Series, Slot

Form = Literal["area", "bars", "ring"]


@dataclass(frozen=True, slots=True)
class Line:
    """One row of values beside the chart's labels. ``role`` now is the solid one, base the thin grey dash."""

    name: str
    values: list[float | None]
    role: Literal["now", "base", "part"] = "now"
    estimated: list[bool] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Chart:
    """``labels`` name the slots; ``ticks`` are the few that the axis writes out; ``now`` is the index of
    this moment, ``rest`` of the part that is not assigned."""

    id: str
    form: Form
    title: str
    sentence: str
    unit: str
    commodity: str
    labels: list[str]
    lines: list[Line]
    ticks: list[int] = field(default_factory=list)
    now: int | None = None
    rest: int | None = None
    words: dict[str, str] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not any(value is not None for line in self.lines for value in line.values)

    def for_script(self) -> dict[str, Any]:
        return asdict(self)

    def rows(self) -> list[tuple[str, list[tuple[float | None, bool]]]]:
        """The table behind the picture: a label, then a value and whether it is estimated per line."""
        return [
            (label, [(line.values[n], bool(line.estimated) and line.estimated[n]) for line in self.lines])
            for n, label in enumerate(self.labels)
        ]


def added(series: Sequence[Series]) -> dict[int, Slot]:
    """The sum of several counters slot by slot. A slot one of them misses is missing: a part is not the whole."""
    by_start: dict[int, list[Slot]] = {}
    for one in series:
        for slot in one.slots:
            by_start.setdefault(slot.start, []).append(slot)
    return {start: _sum(slots, len(series)) for start, slots in by_start.items()}


def _sum(slots: list[Slot], due: int) -> Slot:
    values = [slot.value for slot in slots if slot.value is not None]
    first = slots[0]
    if len(values) < due:
        return Slot(first.start, first.end, "missing", 0.0)
    content = "measured" if all(slot.content == "measured" for slot in slots) else "estimated"
    return Slot(first.start, first.end, content, min(slot.share for slot in slots), value=sum(values))


def line(
    name: str,
    slots: dict[int, Slot],
    starts: Sequence[int],
    role: Literal["now", "base"] = "now",
    factor: float = 1.0,
) -> Line:
    """Values at ``starts``; None where there is no slot. ``factor`` turns a quarter-hour's kWh into its mean kW."""
    found = [slots.get(start) for start in starts]
    values = [_scaled(slot, factor) for slot in found]
    return Line(name, values, role, [slot is not None and slot.content == "estimated" for slot in found])


def _scaled(slot: Slot | None, factor: float) -> float | None:
    if slot is None:
        return None
    value = slot.value if slot.value is not None else slot.mean
    return None if value is None else round(value * factor, 3)
