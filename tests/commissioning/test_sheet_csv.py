"""The CSV sheet goes out with blanks and comes back in any encoding a spreadsheet saves (S9)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.commissioning import sheet_csv, sheet_files
from gateway.commissioning.sheet import HEADERS, PANEL, PANEL_AT
from gateway.errors import ConfigError
from tests.commissioning.sheets import HEADING, METER, READ_AT_MS, ZONE


def filled(path: Path, panel: str, at: str = "", encoding: str = "utf-8-sig") -> Path:
    """The sheet of one meter with its blanks filled in, saved as a spreadsheet would."""
    lines = sheet_csv.text_of([METER]).splitlines()
    cells = lines[1].split(",")
    cells[HEADERS.index(PANEL)], cells[HEADERS.index(PANEL_AT)] = f'"{panel}"', at
    path.write_text("\n".join([lines[0], ",".join(cells)]) + "\n", encoding=encoding)
    return path


def test_what_is_written_opens_in_a_spreadsheet_and_leaves_the_panel_blank(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    sheet_files.write(path, HEADING, [METER])
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    (row,) = sheet_files.read(path, ZONE).rows
    assert (row.point, row.reading, row.panel, row.panel_at) == (METER.point, METER.reading, None, None)
    assert row.read_at == READ_AT_MS


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8", "gb18030"])
def test_a_sheet_comes_back_in_any_encoding_a_spreadsheet_saves(tmp_path: Path, encoding: str) -> None:
    (row,) = sheet_files.read(filled(tmp_path / "in.csv", "12,345.6", "8:05", encoding), ZONE).rows
    assert (row.panel, row.digits) == (Decimal("12345.6"), 1)
    assert row.panel_at == READ_AT_MS + 300_000


def test_a_cell_that_is_not_understood_is_named_as_a_spreadsheet_names_it(tmp_path: Path) -> None:
    sheet = sheet_files.read(filled(tmp_path / "in.csv", "broken", "noon"), ZONE)
    assert sheet.rows == []
    assert [(finding.cell, finding.is_fault) for finding in sheet.findings] == [("M2", True), ("N2", True)]
    assert "'broken' 不是数字" in sheet.findings[0].says


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "\uff1d1"])
def test_a_name_is_no_formula_and_the_sheet_comes_back_all_the_same(tmp_path: Path, name: str) -> None:
    path = tmp_path / "out.csv"
    sheet_files.write(path, HEADING, [replace(METER, device=name, space=name, model=name)])
    cells = path.read_text("utf-8-sig").splitlines()[1].split(",")
    assert cells[1:4] == [f"'{name}"] * 3
    (row,) = sheet_files.read(path, ZONE).rows
    assert (row.point, row.reading) == (METER.point, METER.reading)


def test_files_that_are_no_csv_sheet_are_named(tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="has no columns"):
        sheet_files.read(other, ZONE)
    other.write_bytes(b"\x81")
    with pytest.raises(ConfigError, match="neither UTF-8 nor GB 18030"):
        sheet_files.read(other, ZONE)
