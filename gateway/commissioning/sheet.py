"""数据核对表: what stands in it. Every meter with the gateway's reading beside a blank for what its panel shows.

Knows columns and what a row means; does not know files (``sheet_files.py`` does) or where readings come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal

COLUMNS = (
    ("点位", "point"), ("设备", "device"), ("位置", "space"), ("型号", "model"), ("总线", "bus"), ("地址", "address"),
    ("计量", "quantity"), ("单位", "unit"), ("步长", "step"), ("倍率 CT×PT", "ratio"),
    ("网关读数", "gateway reading"), ("网关时间", "gateway time"),
    ("表显读数", "panel reading"), ("表显时间", "panel time"), ("抄表人", "read by"), ("备注", "remark"),
)  # fmt: skip
HEADERS = tuple(f"{zh} {en}" for zh, en in COLUMNS)
"""As one line; a spreadsheet has the English below the Chinese."""
POINT, _, _, _, BUS, ADDRESS, _, UNIT, _, _, READING, READ_AT, PANEL, PANEL_AT, READ_BY, REMARK = HEADERS
BLANKS = (PANEL, PANEL_AT, READ_BY, REMARK)
"""What is filled in at the meter."""


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands above the meters. ``made_at`` is local time."""

    school: str
    gateway: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Meter:
    """A row to be filled in. ``reading`` is the gateway's, exactly as stored; ``read_at`` local time with its offset."""

    point: str
    device: str
    space: str
    model: str
    bus: str
    address: str
    quantity: str
    unit: str
    step: Decimal
    ratio: Decimal
    reading: Decimal | None
    read_at: datetime | None


@dataclass(frozen=True, slots=True)
class Unusable:
    """A cell that holds no value: ``says`` why."""

    says: str


CellValue = str | Decimal | datetime | time | Unusable | None
"""None is a blank. Times are local."""


@dataclass(frozen=True, slots=True)
class Table:
    """A file's rows as (line number, cells). ``is_typed``: a number is told from its text, as a spreadsheet can."""

    lines: Sequence[tuple[int, Sequence[CellValue]]]
    is_typed: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about one cell of a sheet. A fault keeps its row from being compared; a note was understood."""

    cell: str
    is_fault: bool
    says: str


@dataclass(frozen=True, slots=True)
class Filled:
    """A row that came back. ``panel`` None: left blank. ``panel_at`` and ``read_at`` are UTC ms, None when not given.

    ``digits`` is how many decimals somebody wrote: the panel's own last digit. ``place`` is where the row's meter is by
    what the sheet says: bus, address and unit."""

    line: int
    point: str
    reading: Decimal | None
    read_at: int | None
    panel: Decimal | None
    panel_at: int | None
    digits: int = 0
    read_by: str = ""
    remark: str = ""
    place: tuple[str, str, str] | None = None
    """None where the file may have changed it by itself, as a spreadsheet does to the digits of a CSV file."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet that came back: its rows, and what is wrong or odd in it, cell by cell."""

    rows: Sequence[Filled]
    findings: Sequence[Finding]


def cell_name(column: int, line: int) -> str:
    """Such as ``F7``; ``column`` counts from 0, as far as Z."""
    return f"{chr(ord('A') + column)}{line}"
