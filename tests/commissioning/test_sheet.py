"""The sheet goes out with blanks and comes back as people and spreadsheets write it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gateway.commissioning import sheet
from gateway.commissioning.sheet import Meter, moment_of, number_of
from gateway.errors import ConfigError

ZONE = ZoneInfo("Asia/Shanghai")
READ_AT = "2026-11-22 08:00:00+08:00"
METER = Meter(
    "m.energy_import", "总表 正向有功电能", "教学楼A 配电间", "正泰 DTSU666", "east", "1", "kWh", Decimal("0.1"), Decimal(10),
    "12345.0", READ_AT,
)  # fmt: skip


def filled(path: Path, panel: str, at: str = "", encoding: str = "utf-8-sig") -> Path:
    """The sheet of one meter with its blanks filled in, saved as a spreadsheet would."""
    lines = sheet.text_of([METER]).splitlines()
    cells = lines[1].split(",")
    cells[11], cells[12] = f'"{panel}"', at
    path.write_text("\n".join([lines[0], ",".join(cells)]) + "\n", encoding=encoding)
    return path


def test_what_is_written_opens_in_a_spreadsheet_and_leaves_the_panel_blank(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    sheet.write(path, [METER])
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    (row,) = sheet.read(path, ZONE)
    assert (row.point, row.reading, row.panel, row.panel_at) == (
        "m.energy_import",
        Decimal("12345.0"),
        None,
        None,
    )
    assert row.read_at == 1_795_305_600_000


def test_a_sheet_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    sheet.write(path, [METER])
    with pytest.raises(ConfigError, match="exists"):
        sheet.write(path, [METER])
    with pytest.raises(ConfigError, match=r"write OUT\.csv"):
        sheet.write(tmp_path / "out.xlsx", [METER])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8", "gb18030"])
def test_a_sheet_comes_back_in_any_encoding_a_spreadsheet_saves(tmp_path: Path, encoding: str) -> None:
    (row,) = sheet.read(filled(tmp_path / "in.csv", "12,345.6", "8:05", encoding), ZONE)
    assert (row.panel, row.digits) == (Decimal("12345.6"), 1)
    assert row.panel_at == 1_795_305_900_000


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        (" 12 345 ", "12345"),
        ("１２．５", "12.5"),
        ("7度", "7"),
        ("7.50 kWh", "7.50"),
        ("-3", "-3"),
        ("0", "0"),
    ],
)
def test_figures_are_read_as_people_write_them(text: str, value: str | None) -> None:
    assert number_of(text) == (None if value is None else Decimal(value))


@pytest.mark.parametrize("text", ["abc", "1e9", "1.2.3", "=1+1", "NaN", "9" * 30])
def test_what_is_no_figure_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        number_of(text)


@pytest.mark.parametrize("text", ["2026-11-22 08:05", "2026/11/22 8:05", "2026-11-22T00:05:00+00:00"])
def test_moments_are_read_as_spreadsheets_write_them(text: str) -> None:
    assert moment_of(text, ZONE, None) == 1_795_305_900_000


def test_a_cell_that_is_not_understood_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"in\.csv:2: 表显读数 panel reading: 'broken' is not understood"):
        sheet.read(filled(tmp_path / "in.csv", "broken"), ZONE)


def test_files_that_are_no_sheet_are_named(tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="has no column"):
        sheet.read(other, ZONE)
    with pytest.raises(ConfigError, match="save it as CSV"):
        sheet.read(tmp_path / "in.xlsx", ZONE)
    with pytest.raises(ConfigError, match="cannot be read"):
        sheet.read(tmp_path / "none.csv", ZONE)
