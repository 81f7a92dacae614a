"""A sheet as CSV for Excel: UTF-8 with a byte order mark, CRLF. Written in pieces, so that a month streams. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import datetime

from district.sheets.sheet import Cell, Cells, Head

BOM = "\ufeff"
MEDIA_TYPE = "text/csv; charset=utf-8"
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""The full-width forms too: a spreadsheet set to Chinese takes them for the same."""


def head(sheet: Head) -> bytes:
    """The title, what the sheet says of itself, an empty line, the columns."""
    lines: list[Cells] = [(sheet.title,), *sheet.lines, (), [column.text for column in sheet.columns]]
    return (BOM + _text(lines)).encode()


def body(rows: Iterable[Cells]) -> bytes:
    return _text(rows).encode()


def _text(lines: Iterable[Cells]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([_plain(cell) for cell in line] for line in lines)
    return out.getvalue()


def _plain(cell: Cell) -> str | int | float | None:
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M}"
    if isinstance(cell, str) and cell.startswith(FORMULA_STARTS):
        return f"'{cell}"  # a school's name must not run as a formula where the file is opened
    return cell
