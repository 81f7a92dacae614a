"""A 数据核对表 as a spreadsheet to print and fill in: A4 landscape, tinted blanks, everything else locked. Only writes.

The lock has no password: it keeps a slip of the hand out, not a person. ``xlsxwriter`` is imported by whoever makes a
sheet and by nobody else: the collector's memory must not grow by it.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gateway.commissioning.sheet import BLANKS, COLUMNS, HEADERS, PANEL, PANEL_AT, Heading, Meter, cell_name

if TYPE_CHECKING:
    from decimal import Decimal

    from xlsxwriter.format import Format
    from xlsxwriter.workbook import Workbook
    from xlsxwriter.worksheet import Worksheet

TITLE = "数据核对表 Verification sheet"
HINT = "只填浅黄色格：表显读数、表显时间、抄表人、备注。Fill in the tinted cells only; then `campus-gateway verify-sheet read`."
SIGNATURES = (("抄表人签字 read by：", 1, 4), ("复核人签字 checked by：", 5, 8), ("日期 date：", 9, 15))
"""The words, and the first and last of the columns over which they stand; column A and the panel's stay blank."""
WIDTHS = (26, 14, 16, 16, 8, 15, 14, 6, 7, 9, 13, 16, 13, 16, 9, 14)
"""In characters, in the order of the columns."""
HEADER_ROW = 3
A4 = 9
TINT, HEADER_TINT, LINE = "#FFF7D6", "#E3E8ED", "#9AA7B4"
OPTIONS = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
"""A school's name must not run as a formula, in a merged cell neither."""
DATE_FORMAT = "yyyy-mm-dd hh:mm:ss"


def data_of(heading: Heading, meters: Sequence[Meter]) -> bytes:
    """The workbook as the bytes of a file. Raises ImportError where xlsxwriter is not installed."""
    import xlsxwriter

    out = io.BytesIO()
    with xlsxwriter.Workbook(out, OPTIONS) as book:
        book.set_properties(
            {"title": f"{heading.school} {TITLE}", "created": heading.made_at.replace(tzinfo=None)}
        )
        page = book.add_worksheet("核对表")
        _head(book, page, heading)
        _meters(book, page, meters)
        _foot(book, page, HEADER_ROW + 1 + len(meters))
        _set_up(page, len(meters))
    return out.getvalue()


def _head(book: Workbook, page: Worksheet, heading: Heading) -> None:
    last = len(COLUMNS) - 1
    made = heading.made_at.strftime("%Y-%m-%d %H:%M")
    page.merge_range(
        0, 0, 0, last, f"{heading.school} {TITLE}", book.add_format({"bold": True, "font_size": 16})
    )
    page.merge_range(1, 0, 1, last, f"网关 gateway {heading.gateway}    制表 made {made}", book.add_format())
    page.merge_range(2, 0, 2, last, HINT, book.add_format({"italic": True}))
    style = book.add_format(
        {"bold": True, "text_wrap": True, "align": "center", "valign": "vcenter", "border": 1, "bg_color": HEADER_TINT,
         "border_color": LINE}
    )  # fmt: skip
    for column, (zh, en) in enumerate(COLUMNS):
        page.write_string(HEADER_ROW, column, f"{zh}\n{en}", style)
    page.set_row(HEADER_ROW, 32)


def _meters(book: Workbook, page: Worksheet, meters: Sequence[Meter]) -> None:
    edge = {"border": 1, "border_color": LINE, "valign": "vcenter"}
    text = book.add_format({**edge, "num_format": "@", "text_wrap": True})
    moment = book.add_format({**edge, "num_format": DATE_FORMAT})
    blank = book.add_format({**edge, "bg_color": TINT, "locked": False})
    blank_moment = book.add_format(
        {**edge, "bg_color": TINT, "locked": False, "num_format": "yyyy-mm-dd hh:mm"}
    )
    figures: dict[str, Format] = {}
    for row, meter in enumerate(meters, start=HEADER_ROW + 1):
        words = (
            meter.point,
            meter.device,
            meter.space,
            meter.model,
            meter.bus,
            meter.address,
            meter.quantity,
            meter.unit,
        )
        for column, word in enumerate(words):
            page.write_string(row, column, word, text)
        for column, value in enumerate((meter.step, meter.ratio, meter.reading), start=len(words)):
            style = figures.setdefault(
                places := _places(value), book.add_format({**edge, "num_format": places})
            )
            if value is None:
                page.write_blank(row, column, None, style)
            else:
                page.write_number(row, column, float(value), style)
        column = len(words) + 3
        if meter.read_at is None:
            page.write_blank(row, column, None, moment)
        else:
            page.write_datetime(row, column, meter.read_at.replace(tzinfo=None), moment)
        for header in BLANKS:
            page.write_blank(row, HEADERS.index(header), None, blank_moment if header == PANEL_AT else blank)


def _places(value: Decimal | None) -> str:
    """A number format that shows every decimal there is."""
    decimals = 0 if value is None else max(0, -int(value.as_tuple().exponent))
    return "0." + "0" * decimals if decimals else "0"


def _foot(book: Workbook, page: Worksheet, row: int) -> None:
    style = book.add_format({"bottom": 1, "valign": "bottom"})
    for words, first, last in SIGNATURES:
        page.merge_range(row + 1, first, row + 1, last, words, style)
    page.set_row(row + 1, 30)


def _set_up(page: Worksheet, count: int) -> None:
    for column, width in enumerate(WIDTHS):
        page.set_column(column, column, width)
    if count:
        panel, first = HEADERS.index(PANEL), HEADER_ROW + 1
        page.data_validation(first, panel, HEADER_ROW + count, panel, {
            "validate": "decimal", "criteria": ">=", "value": 0, "error_title": "不是读数",
            "error_message": "请输入不小于 0 的数字。Write a number that is not below 0.",
        })  # fmt: skip
        when = HEADERS.index(PANEL_AT)
        page.data_validation(first, when, HEADER_ROW + count, when, {
            "validate": "any", "input_title": "抄表时间", "input_message": "如 2026-11-22 08:05，或 08:05",
        })  # fmt: skip
    page.freeze_panes(HEADER_ROW + 1, 1)
    page.protect("", {"format_columns": True, "format_rows": True})
    page.set_landscape()
    page.set_paper(A4)
    page.fit_to_pages(1, 0)
    page.repeat_rows(HEADER_ROW)
    page.print_area(0, 0, HEADER_ROW + count + 2, len(COLUMNS) - 1)
    page.set_footer("&L&F&C第 &P 页 / 共 &N 页&R&D")
    page.set_selection(cell_name(HEADERS.index(PANEL), HEADER_ROW + 2))
