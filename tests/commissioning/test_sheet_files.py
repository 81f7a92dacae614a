"""A sheet is what its name says, is never written over, and costs nobody memory who makes none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gateway.commissioning import sheet_files
from gateway.errors import ConfigError
from tests.commissioning.sheets import HEADING, METER, ZONE


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_a_sheet_is_never_written_over(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out.{suffix}"
    sheet_files.write(path, HEADING, [METER])
    with pytest.raises(ConfigError, match="exists"):
        sheet_files.write(path, HEADING, [METER])


@pytest.mark.parametrize("name", ["out.xls", "out.et", "out"])
def test_other_files_are_neither_written_nor_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"neither \.xlsx nor \.csv"):
        sheet_files.write(tmp_path / name, HEADING, [METER])
    with pytest.raises(ConfigError, match=r"另存为 \.xlsx"):
        sheet_files.read(tmp_path / name, ZONE)


def test_a_file_that_is_missing_or_too_large_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        sheet_files.read(tmp_path / "none.csv", ZONE)
    with pytest.raises(ConfigError, match="cannot be written"):
        sheet_files.write(tmp_path / "no folder" / "out.csv", HEADING, [METER])
    large = tmp_path / "large.csv"
    large.write_bytes(bytes(sheet_files.BYTES_MAX + 1))
    with pytest.raises(ConfigError, match="no sheet of ours"):
        sheet_files.read(large, ZONE)


def test_without_the_extra_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.xlsx"
    sheet_files.write(path, HEADING, [METER])
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(ConfigError, match=r"pip install 'campus-gateway\[sheet\]', or use a \.csv file$"):
        sheet_files.read(path, ZONE)
    with pytest.raises(ConfigError, match=r"pip install 'campus-gateway\[sheet\]'"):
        sheet_files.write(tmp_path / "other.xlsx", HEADING, [METER])
    assert not (tmp_path / "other.xlsx").exists()


def test_no_spreadsheet_library_is_loaded_until_a_spreadsheet_is_made() -> None:
    code = (
        "import sys, gateway.app, gateway.cli.main, gateway.cli.verify_sheet, gateway.commissioning.sheet_files\n"
        "print(sorted({'openpyxl', 'xlsxwriter'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
