"""Answers on a terminal: a table for people or one JSON object per line for programs. Pure.

What devices, brokers and districts say stands in both: no word of theirs reaches a terminal as anything but text.
"""

from __future__ import annotations

import dataclasses
import json
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from runtime.plain import plain

NOT_KNOWN = "—"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns padded by what a terminal shows: Chinese characters are two cells wide. None is shown as —."""
    cells = [[*columns], *([_cell(value) for value in row] for row in rows)]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(
            cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in cells
    )


def json_line(row: object) -> str:
    """One answer as one line; dataclasses become objects, times stay UTC milliseconds."""
    value: Any = (
        dataclasses.asdict(row) if dataclasses.is_dataclass(row) and not isinstance(row, type) else row
    )
    return plain(json.dumps(value, ensure_ascii=False))


def local(ms: int | None, zone: ZoneInfo) -> str:
    """A moment in the site's time with its offset, to the second; — when it is not known."""
    if ms is None:
        return NOT_KNOWN
    return datetime.fromtimestamp(ms / 1000, zone).isoformat(" ", "seconds")


def percent(part: float | None) -> str:
    """A share of 1 in percent with one digit."""
    return NOT_KNOWN if part is None else f"{part:.1%}"


def figure(value: float | None, unit: str = "") -> str:
    """A value and its unit; what is not known is — and never 0."""
    if value is None:
        return NOT_KNOWN
    text = f"{round(value, 3):,}" if abs(value) >= 1 else f"{value:.3g}"
    return f"{text} {unit}".strip() if unit != "1" else text


def _cell(value: object) -> str:
    return NOT_KNOWN if value is None else plain(str(value))


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
