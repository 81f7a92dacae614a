"""A meter's row, and spreadsheets as Excel and WPS give them back."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import openpyxl

from gateway.commissioning import sheet_xlsx
from gateway.commissioning.sheet import Heading, Meter

ZONE = ZoneInfo("Asia/Shanghai")
READ_AT = datetime(2026, 11, 22, 8, 0, tzinfo=ZONE)
READ_AT_MS = 1_795_305_600_000
HEADING = Heading("示例中学", "gw-1", datetime(2026, 11, 22, 8, 1, tzinfo=ZONE))
METER = Meter(
    "m.energy_import", "总表", "教学楼A 配电间", "正泰 DTSU666", "east", "1", "正向有功电能", "kWh", Decimal("0.1"),
    Decimal(10), Decimal("12345.0"), READ_AT,
)  # fmt: skip
FIRST_LINE = 5
"""Of the meters in a spreadsheet: title, gateway, hint and headers stand above."""


def typed_in(path: Path, cells: Mapping[str, object], *meters: Meter) -> Path:
    """The spreadsheet of ``meters`` (one, where none is given) with some cells filled in and saved again."""
    book = openpyxl.load_workbook(io.BytesIO(sheet_xlsx.data_of(HEADING, meters or [METER])))
    for name, value in cells.items():
        book.worksheets[0][name] = value
    book.save(path)
    book.close()
    return path
