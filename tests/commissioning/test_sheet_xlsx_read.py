"""A spreadsheet comes back as people leave it: every cell that is not plain is named (S20)."""

from __future__ import annotations

import io
import zipfile
from contextlib import suppress
from datetime import time
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest

from gateway.commissioning import sheet_files, sheet_xlsx, sheet_xlsx_read
from gateway.commissioning.sheet import Sheet
from gateway.errors import ConfigError
from tests.commissioning.sheets import HEADING, METER, READ_AT, READ_AT_MS, ZONE, typed_in


def came_back(folder: Path, **cells: object) -> Sheet:
    return sheet_files.read(typed_in(folder / "in.xlsx", cells), ZONE)


def test_what_went_out_comes_back_the_same(tmp_path: Path) -> None:
    (row,) = came_back(tmp_path).rows
    assert (row.point, row.reading, row.read_at, row.panel) == (
        METER.point,
        METER.reading,
        READ_AT_MS,
        None,
    )
    assert row.place == ("east", "1", "kWh")


@pytest.mark.parametrize("at", [READ_AT.replace(minute=5, tzinfo=None), time(8, 5)])
def test_numbers_and_times_typed_as_such_need_no_word(tmp_path: Path, at: object) -> None:
    sheet = came_back(tmp_path, M5=12345.6, N5=at, O5="王师傅", P5="表盘模糊")
    (row,) = sheet.rows
    assert (row.panel, row.digits, row.panel_at) == (Decimal("12345.6"), 1, READ_AT_MS + 300_000)
    assert (row.read_by, row.remark) == ("王师傅", "表盘模糊")
    assert sheet.findings == []


@pytest.mark.parametrize(
    ("cell", "typed", "words"),
    [
        ("M5", "１２３４５．６", "全角字符"),
        ("M5", "12345.6 度", "全角字符"),
        ("M5", "12,345.6", "数字是文本"),
        ("N5", "2026/11/22 8:05", "时间是文本"),
        ("N5", "8:05", "时间是文本"),
    ],
)
def test_what_was_typed_oddly_is_understood_and_noted(
    tmp_path: Path, cell: str, typed: str, words: str
) -> None:
    sheet = came_back(tmp_path, **{"M5": 12345.6, cell: typed})
    (finding,) = sheet.findings
    assert (finding.cell, finding.is_fault) == (cell, False)
    assert words in finding.says
    assert [row.panel for row in sheet.rows] == [Decimal("12345.6")]


@pytest.mark.parametrize(
    ("cell", "typed", "words"),
    [
        ("M5", "坏了", "不是数字"),
        ("M5", READ_AT.replace(tzinfo=None), "不是数字"),
        ("M5", True, "不是数字或时间"),
        ("M5", 1e300, "不是数字或时间"),
        ("M5", "=K5+1", "公式没有计算结果"),
        ("M5", "#DIV/0!", "公式出错"),
        ("N5", 5, "不是时间"),
        ("N5", "上午", "不是时间"),
        ("K5", "edited", "不是数字"),
        ("A5", None, "没有点位"),
    ],
)
def test_what_is_not_understood_is_named_by_its_cell_and_not_compared(
    tmp_path: Path, cell: str, typed: object, words: str
) -> None:
    sheet = came_back(tmp_path, **{"M5": 1, cell: typed})
    (finding,) = sheet.findings
    assert (finding.cell, finding.is_fault) == (cell, True)
    assert words in finding.says
    assert sheet.rows == []


def test_a_formula_that_was_worked_out_is_its_value(tmp_path: Path) -> None:
    data = io.BytesIO(typed_in(tmp_path / "in.xlsx", {"M5": "=K5+1"}).read_bytes())
    path = tmp_path / "calculated.xlsx"
    with zipfile.ZipFile(data) as old, zipfile.ZipFile(path, "w") as new:
        for part in old.namelist():
            new.writestr(part, old.read(part).replace(b"<f>K5+1</f><v />", b"<f>K5+1</f><v>12346</v>"))
    assert [row.panel for row in sheet_files.read(path, ZONE).rows] == [Decimal(12346)]


def test_our_worksheet_is_found_wherever_it_stands_and_columns_may_be_put_in_between(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(typed_in(tmp_path / "in.xlsx", {"M5": 7}))
    book.create_sheet("封面", 0)["A1"] = "说明"
    page = book.worksheets[1]
    page.unmerge_cells("A1:P1")
    page.insert_cols(2)
    book.save(tmp_path / "in.xlsx")
    book.close()
    (row,) = sheet_files.read(tmp_path / "in.xlsx", ZONE).rows
    assert row.panel == 7


def test_what_is_no_spreadsheet_of_ours_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "in.xlsx"
    path.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(ConfigError, match=r"is no \.xlsx file"):
        sheet_files.read(path, ZONE)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "no workbook")
    with pytest.raises(ConfigError, match=r"is no \.xlsx file, or a broken one"):
        sheet_files.read(path, ZONE)
    book = openpyxl.Workbook()
    book.save(path)
    with pytest.raises(ConfigError, match="has no worksheet with a column 点位 point"):
        sheet_files.read(path, ZONE)


def test_a_broken_file_is_a_sentence_wherever_it_is_broken() -> None:
    whole = sheet_xlsx.data_of(HEADING, [METER])
    for at in range(0, len(whole), 151):
        broken = whole[:at] + bytes((whole[at] ^ 0xFF,)) + whole[at + 1 :]
        for data in (whole[:at], broken):
            with suppress(ConfigError):
                sheet_xlsx_read.table_of("in.xlsx", data)


def test_a_file_that_unpacks_to_too_much_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet_xlsx_read, "UNPACKED_BYTES_MAX", 1000)
    with pytest.raises(ConfigError, match="no sheet of ours"):
        sheet_xlsx_read.table_of("in.xlsx", sheet_xlsx.data_of(HEADING, [METER]))
