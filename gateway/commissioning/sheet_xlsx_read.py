"""A 数据核对表 read back from a spreadsheet as Excel or WPS saved it: cells with their types. Only reads.

The file is read twice: once for values as they were last worked out, once for formulas, because a formula that no program
has worked out yet reads as a blank otherwise. ``openpyxl`` is imported by whoever reads a sheet and by nobody else.
"""

from __future__ import annotations

import io
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, time
from decimal import Decimal
from itertools import zip_longest
from typing import Any
from xml.etree.ElementTree import ParseError

from gateway.commissioning.sheet import HEADERS, POINT, CellValue, Table, Unusable
from gateway.errors import ConfigError

UNPACKED_BYTES_MAX = 50_000_000
NUMBER_MAX = 10**15
"""No counter shows more digits, and a spreadsheet keeps no more; what is infinite or no number at all is beyond it, too."""
COLUMNS_MAX = len(HEADERS) + 10
"""Columns somebody may have put in between."""
NOT_WORKED_OUT = (
    "公式没有计算结果 a formula without its value: open the file in Excel or WPS, save it and read it again, "
    "or write the number"
)
STUMBLES = (
    zipfile.BadZipFile, zlib.error, ParseError, OSError, EOFError, RuntimeError, ArithmeticError, LookupError,
    ValueError, TypeError, AttributeError,
)  # fmt: skip
"""openpyxl has no error of its own for a file that is none: what its parts stumble over comes out."""
NEITHER = "不是数字或时间 is neither a number nor a time"


def table_of(name: str, data: bytes) -> Table:
    """The rows of the first worksheet that has our header. Raises ConfigError for what is no spreadsheet of ours, and
    ImportError where openpyxl is not installed."""
    _refuse_bomb(name, data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of drawings and extensions, which hold no readings
            with _opened(data, is_worked_out=True) as values, _opened(data, is_worked_out=False) as formulas:
                for shown, written in zip(values.worksheets, formulas.worksheets, strict=True):
                    lines = list(_lines(shown, written))
                    if any(_is_header(cells) for _, cells in lines):
                        return Table(lines, is_typed=True)
    except STUMBLES as error:
        raise ConfigError(
            f"{name} is no .xlsx file, or a broken one ({error}); save it as .xlsx or .csv"
        ) from error
    raise ConfigError(
        f"{name} has no worksheet with a column {HEADERS[0]}; keep the header line as `make` wrote it"
    )


def _opened(data: bytes, *, is_worked_out: bool) -> closing[Any]:
    """The workbook with its formulas' values, or with the formulas themselves."""
    import openpyxl

    return closing(openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=is_worked_out))


def _refuse_bomb(name: str, data: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
    except STUMBLES as error:
        raise ConfigError(
            f"{name} is no .xlsx file ({error}); save it as .xlsx or .csv, without a password"
        ) from error
    if unpacked > UNPACKED_BYTES_MAX:
        raise ConfigError(f"{name} unpacks to more than {UNPACKED_BYTES_MAX:,} bytes and is no sheet of ours")


def _lines(shown: Any, written: Any) -> Iterator[tuple[int, list[CellValue]]]:
    both = zip_longest(
        shown.iter_rows(max_col=COLUMNS_MAX), written.iter_rows(max_col=COLUMNS_MAX), fillvalue=()
    )
    for line, (values, formulas) in enumerate(both, start=1):
        cells = [_cell(value, formula) for value, formula in zip_longest(values, formulas, fillvalue=None)]
        if any(cell is not None for cell in cells):
            yield line, cells


def _cell(shown: Any, written: Any) -> CellValue:
    value = None if shown is None else shown.value
    if value is None:
        is_formula = written is not None and written.data_type == "f"
        return Unusable(NOT_WORKED_OUT) if is_formula else None
    if shown.data_type == "e":
        return Unusable(f"公式出错 the cell shows {value}")
    return _value(value)


def _value(value: object) -> CellValue:
    match value:
        case datetime() | time() | str():
            return value
        case bool():
            return Unusable(f"{value} {NEITHER}")
        case int() | float() if abs(value) <= NUMBER_MAX:
            return Decimal(repr(value))
        case date():
            return datetime.combine(value, time())
    return Unusable(f"{value!r} {NEITHER}")


def _is_header(cells: list[CellValue]) -> bool:
    return any(isinstance(cell, str) and " ".join(cell.split()) == POINT for cell in cells)
