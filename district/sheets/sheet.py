"""A table that leaves the house: what it says of itself, its columns, its rows. Pure; how it is written is elsewhere.

Numbers are numbers. What is not known is an empty cell (None), and the last column says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

Cell = str | int | float | datetime | None
"""A datetime is local to the school and carries no zone; the head of the sheet names it."""
Cells = Sequence[Cell]


@dataclass(frozen=True, slots=True)
class Column:
    title: str
    unit: str = ""
    width: int = 12
    """In characters, for a spreadsheet."""

    @property
    def text(self) -> str:
        return f"{self.title} ({self.unit})" if self.unit else self.title


@dataclass(frozen=True, slots=True)
class Head:
    """``lines`` are (label, text): the period, the zone, the coefficients, how complete it is."""

    name: str
    title: str
    lines: Sequence[tuple[str, str]]
    columns: Sequence[Column]


def local(at: int, zone: ZoneInfo) -> datetime:
    """An instant as a spreadsheet takes it: local, without a zone."""
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(zone).replace(tzinfo=None)


def percent(share: float | None) -> float | None:
    """In percent, rounded down to a hundredth, so that 99.999 is never written as all."""
    return None if share is None else int(share * 10_000) / 100
