"""The spreadsheet that goes out: titled, tinted blanks, the rest locked, ready to print (S9)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace

import openpyxl
import pytest
from openpyxl.workbook import Workbook

from gateway.commissioning import sheet_xlsx
from gateway.commissioning.sheet import COLUMNS
from tests.commissioning.sheets import FIRST_LINE, HEADING, METER, READ_AT

SILENT = replace(METER, point="w.volume", reading=None, read_at=None)


@pytest.fixture(name="book")
def _book() -> Iterator[Workbook]:
    book = openpyxl.load_workbook(io.BytesIO(sheet_xlsx.data_of(HEADING, [METER, SILENT])))
    yield book
    book.close()


def test_title_names_school_gateway_and_day(book: Workbook) -> None:
    page = book.worksheets[0]
    assert page["A1"].value == "示例中学 数据核对表 Verification sheet"
    assert page["A2"].value == "网关 gateway gw-1    制表 made 2026-11-22 08:01"
    assert [cell.value for cell in page[4]] == [f"{zh}\n{en}" for zh, en in COLUMNS]


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "http://evil"])
def test_no_name_runs_as_a_formula_or_opens_as_a_link(name: str) -> None:
    meter = replace(METER, device=name, space=name, model=name)
    made = openpyxl.load_workbook(io.BytesIO(sheet_xlsx.data_of(replace(HEADING, school=name), [meter])))
    cells = [cell for row in made.worksheets[0].iter_rows() for cell in row]
    made.close()
    assert cells[0].value == f"{name} 数据核对表 Verification sheet"
    assert {cell.data_type for cell in cells} <= {"s", "n", "d"}
    assert [cell.coordinate for cell in cells if cell.hyperlink] == []


def test_a_meter_has_its_place_its_reading_and_its_ratio(book: Workbook) -> None:
    page = book.worksheets[0]
    assert [cell.value for cell in page[FIRST_LINE]] == [
        "m.energy_import", "总表", "教学楼A 配电间", "正泰 DTSU666", "east", "1", "正向有功电能", "kWh", 0.1, 10, 12345,
        READ_AT.replace(tzinfo=None), None, None, None, None,
    ]  # fmt: skip
    assert page["K5"].number_format == "0.0"
    assert (page["K6"].value, page["L6"].value) == (None, None)


def test_only_the_blanks_can_be_written_and_the_panel_takes_figures_only(book: Workbook) -> None:
    page = book.worksheets[0]
    assert page.protection.sheet
    assert [cell.coordinate for cell in page[FIRST_LINE] if not cell.protection.locked] == [
        "M5",
        "N5",
        "O5",
        "P5",
    ]
    assert {cell.fill.fgColor.rgb for cell in page[FIRST_LINE][12:]} == {"FFFFF7D6"}
    panel = next(rule for rule in page.data_validations.dataValidation if rule.type == "decimal")
    assert (str(panel.sqref), panel.operator, panel.formula1) == ("M5:M6", "greaterThanOrEqual", "0")


def test_it_prints_on_a4_landscape_with_headers_on_each_page_and_a_line_to_sign(book: Workbook) -> None:
    page = book.worksheets[0]
    assert (page.page_setup.orientation, page.page_setup.paperSize) == ("landscape", 9)
    assert page.sheet_properties.pageSetUpPr.fitToPage
    assert page.page_setup.fitToHeight == 0
    assert page.print_title_rows == "$4:$4"
    assert page.freeze_panes == "B5"
    assert "抄表人签字" in str(page["B8"].value)


def test_a_site_without_meters_has_a_sheet_all_the_same() -> None:
    assert sheet_xlsx.data_of(HEADING, []).startswith(b"PK")
