"""A sheet as a workbook. Rows are written as they come and kept on the disk until the end (``constant_memory``)."""

from __future__ import annotations

import io
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from district.sheets.sheet import Cell, Cells, Head

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ROWS_MAX = 100_000
"""More takes minutes to write and minutes to open; a CSV has no such limit."""
TEXT_MAX = 32_767
"""Characters in a cell of Excel."""


def workbook(sheet: Head, rows: Iterable[Cells]) -> bytes:
    """The bytes of the file, some 60 for each cell."""
    import xlsxwriter  # 30 ms and 8 MB that a district without exports does without

    out = io.BytesIO()
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(out, options) as book:
        page = book.add_worksheet(sheet.name)
        moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        for index, column in enumerate(sheet.columns):
            page.set_column(index, index, column.width)
        first = len(sheet.lines) + 3
        page.freeze_panes(first, 1)
        page.write_string(0, 0, sheet.title, book.add_format({"bold": True, "font_size": 16}))
        for line, pair in enumerate(sheet.lines, 1):
            _write(page, line, pair, moment)
        header = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
        for index, column in enumerate(sheet.columns):
            page.write_string(first - 1, index, column.text, header)
        for line, cells in enumerate(rows, first):
            _write(page, line, cells, moment)
    return out.getvalue()


def _write(page: Worksheet, line: int, cells: Cells, moment: Format) -> None:
    for index, cell in enumerate(cells):
        _cell(page, line, index, cell, moment)


def _cell(page: Worksheet, line: int, index: int, cell: Cell, moment: Format) -> None:
    if cell is None:
        return
    if isinstance(cell, datetime):
        page.write_datetime(line, index, cell, moment)
    elif isinstance(cell, str):
        page.write_string(line, index, cell[:TEXT_MAX])
    else:
        page.write_number(line, index, cell)
