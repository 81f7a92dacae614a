"""Time-of-use tables: one tariff for every moment, dated, and said clearly where they are wrong."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from edge_config.loader import load_site
from edge_config.tariffs import TariffFile
from tests.edge_config.conftest import Folder

TABLES = """\
tables:
  - {since: 2026-01-01, source: a, seasons: [{peak: ["08:00-11:00"], valley: ["22:00-24:00", "00:00-06:00"]}]}
  - since: 2026-07-01
    source: b
    prices: {peak: 1.2}
    seasons:
      - {months: [7, 8], sharp: ["12:00-14:00"]}
      - {peak: ["09:00-12:00"]}
"""


def tariffs(folder: Folder, text: str = TABLES) -> TariffFile:
    (folder.path / "tariffs.yaml").write_text(text, encoding="utf-8")
    folder.write(more="tariffs: tariffs.yaml\n")
    found = load_site(folder.site).tariffs
    assert found is not None
    return found


def wrong(folder: Folder, table: str) -> list[str]:
    (folder.path / "tariffs.yaml").write_text(f"tables:\n{table}", encoding="utf-8")
    folder.write(more="tariffs: tariffs.yaml\n")
    return folder.sentences()


@pytest.mark.parametrize(
    ("moment", "tariff"),
    [
        ("2025-12-31T09:00", None),
        ("2026-01-01T00:00", "valley"),
        ("2026-06-30T08:00", "peak"),
        ("2026-06-30T10:59", "peak"),
        ("2026-06-30T11:00", "flat"),
        ("2026-06-30T23:45", "valley"),
        ("2026-07-01T13:59", "sharp"),
        ("2026-07-01T09:00", "flat"),
        ("2026-09-01T09:00", "peak"),
    ],
)
def test_the_table_that_began_last_holds(folder: Folder, moment: str, tariff: str | None) -> None:
    assert tariffs(folder).tariff_at(datetime.fromisoformat(moment)) == tariff


def test_every_quarter_hour_of_the_demos_year_has_a_tariff(demo: Path) -> None:
    file = load_site(demo).tariffs
    assert file is not None
    first = datetime.fromisoformat("2026-01-01")
    found = [file.tariff_at(first + timedelta(minutes=15 * number)) for number in range(365 * 96)]
    assert set(found) == {"sharp", "peak", "flat", "valley"}


def test_spans_that_overlap_are_named_with_each_other(folder: Folder) -> None:
    line = '  - {since: 2026-01-01, source: a, seasons: [{peak: ["08:00-11:00"], valley: ["10:00-12:00"]}]}\n'
    (sentence,) = wrong(folder, line)
    assert "10:00-12:00 overlaps 08:00-11:00 (peak), let each minute have one tariff" in sentence
    assert sentence.startswith(f"tariffs.yaml:2:{line.index('10:00')}:")


def test_a_span_across_midnight_is_to_be_written_as_two(folder: Folder) -> None:
    (sentence,) = wrong(folder, '  - {since: 2026-01-01, source: a, seasons: [{valley: ["22:00-06:00"]}]}\n')
    assert "22:00-06:00 ends before it begins" in sentence
    assert "22:00-24:00 and 00:00-06:00" in sentence


def test_a_span_off_the_quarter_hours_is_refused(folder: Folder) -> None:
    sentences = wrong(folder, '  - {since: 2026-01-01, source: a, seasons: [{valley: ["22:10-23:00"]}]}\n')
    assert any("write two quarter-hours of the day" in one for one in sentences), sentences


def test_a_month_in_two_seasons_and_a_date_of_two_tables_are_refused(folder: Folder) -> None:
    table = "  - {since: 2026-01-01, source: a, seasons: [{months: [7, 8]}, {months: [8]}]}\n"
    sentences = wrong(folder, table + "  - {since: 2026-01-01, source: b, seasons: [{}]}\n")
    assert any("month 8 is in two seasons" in one for one in sentences)
    assert any("2026-01-01 begins two tables" in one for one in sentences)
