"""What leaves as CSV and Excel is read back and compared with what was sent (S9)."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import Any

import openpyxl
import pytest

from district.coefficients import SETS
from district.sheets import sheet_csv, sheet_xlsx
from district.sheets.sheet import Column, Head, percent
from tests.district import campus
from tests.district.campus import METER, WATER, Body
from tests.district.conftest import District

EVIL = '=HYPERLINK("http://evil")<script>'
SLOTS = 20


def bodies() -> list[Body]:
    """A morning: one quarter-hour estimated, one missing, and from the 20th on none came."""
    kinds = ["measured"] * 5 + ["estimated", "missing"] + ["measured"] * (SLOTS - 7)
    return [
        campus.site(EVIL, students=50, school_kind="primary", quota={"2026": {"electricity_kwh": 1000}}),
        campus.point(METER, label_zh=EVIL, space="a"),
        *(
            campus.slot(METER, index, None if kind == "missing" else 1.25, content=kind)
            for index, kind in enumerate(kinds)
        ),
    ]


async def get(district: District, path: str, status: int = 200) -> Any:
    reply = await district.client.get(path)
    assert reply.status_code == status, reply.text[:300]
    return reply


async def table(district: District, path: str) -> tuple[dict[str, str], list[dict[str, str]]]:
    """The head's lines and the rows of a CSV, as a reader of the file finds them."""
    reply = await get(district, path)
    assert reply.content.startswith(b"\xef\xbb\xbf")
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    lines = list(csv.reader(io.StringIO(reply.content.decode("utf-8-sig"), newline="")))
    blank = lines.index([])
    head = {line[0]: line[1] for line in lines[1:blank]}
    return head, [dict(zip(lines[blank + 1], line, strict=True)) for line in lines[blank + 2 :]]


async def book(district: District, path: str) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """The same of a workbook."""
    reply = await get(district, path)
    assert reply.headers["content-disposition"].endswith('.xlsx"')
    page = openpyxl.load_workbook(io.BytesIO(reply.content)).worksheets[0]
    rows = [list(row) for row in page.iter_rows()]
    assert {cell.data_type for row in rows for cell in row} <= {"s", "n", "d"}  # no formula anywhere
    values = [[cell.value for cell in row] for row in rows]
    first = next(n for n, row in enumerate(values) if n and all(value is not None for value in row))
    head = {str(row[0]): str(row[1]) for row in values[1:first] if row[0]}
    return head, [dict(zip(map(str, values[first]), row, strict=True)) for row in values[first + 1 :]]


async def test_schools_times_figures_as_csv(district: District) -> None:
    await district.post(campus.batch(bodies()))
    head, (row,) = await table(district, "/reports/schools.csv?set=gb-t-2589-2020")
    assert head["统计期"] == "2026-11-01 至 2026-11-30 (进行中)"
    assert head["时区"] == "Asia/Shanghai"
    assert head["折算系数"] == SETS["gb-t-2589-2020"].title_zh
    assert head["完整率"] == "实测 18 / 应有 55 个刻钟,32.7%"
    assert head["合计依据"] == (
        "用电 基于 1 / 1 所学校,用水 基于 0 / 1 所学校,用气 基于 0 / 1 所学校,用热 基于 0 / 1 所学校"
    )
    assert row["学校"] == f"'{EVIL}"  # shown as text, not run
    used = 19 * 1.25
    assert float(row["用电 本月 (kWh)"]) == used
    assert float(row["用电 生均 本年至本月末 (kWh/人)"]) == used / 50
    assert float(row["用电 定额已用 (%)"]) == 2.37
    assert float(row["用电 折标煤 本月 (kgce)"]) == pytest.approx(used * 0.1229, abs=0.0005)
    assert row["用水 本月 (m³)"] == ""
    assert row["建筑面积 (m²)"] == ""
    for words in ("用水没有总表", "没有建筑面积", "用电缺"):
        assert words in row["备注"]


async def test_csv_and_workbook_say_the_same(district: District) -> None:
    await district.post(campus.batch(bodies()))
    for path in ("/reports/schools", "/schools/demo/days", "/schools/demo/intervals"):
        for query in ("?month=2026-11", "?month=2026-11&lang=en"):
            head, rows = await table(district, f"{path}.csv{query}")
            same_head, same = await book(district, f"{path}.xlsx{query}")
            assert head == {key: _plain(text) for key, text in same_head.items()}
            assert rows
            assert [{key: _plain(cell) for key, cell in row.items()} for row in same] == [
                {key: _number(cell) for key, cell in row.items()} for row in rows
            ]


def _plain(cell: Any) -> str:
    """A cell of a workbook as the CSV has it."""
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M}"
    if isinstance(cell, str) and cell.startswith("="):
        return f"'{cell}"
    return _number(str(cell))


def _number(text: str) -> str:
    """50.0 and 50 are one number."""
    return text.removesuffix(".0")


async def test_days_carry_registers_shares_and_a_note_for_what_is_missing(district: District) -> None:
    await district.post(campus.batch(bodies()))
    head, rows = await book(district, "/schools/demo/days.xlsx")
    assert head["学校"].startswith(EVIL)
    assert [row["日期"] for row in rows] == ["2026-11-22"]  # none before the first quarter-hour
    (row,) = rows
    assert (row["用量"], row["期初表底"], row["期末表底"]) == (19 * 1.25, 100, 120)
    assert isinstance(row["用量"], int | float)
    assert row["缺失 (%)"] == percent(36 / 55)
    assert row["平均"] is None
    assert row["备注"] == "部分刻钟缺失;含估算;进行中"


async def test_every_quarter_hour_due_has_its_row_also_when_it_never_came(district: District) -> None:
    await district.post(campus.batch(bodies()))
    _, rows = await book(district, "/schools/demo/intervals.xlsx")
    assert len(rows) == 55  # due by 13:50, from midnight on
    assert [row["备注"] for row in rows] == [
        "没有数据" if n == 6 else "含估算" if n == 5 else "没有收到" if n >= SLOTS else None
        for n in range(55)
    ]
    assert [row["用量"] for row in rows[:8]] == [1.25] * 6 + [None, 1.25]
    assert rows[0]["开始"] == datetime.fromisoformat("2026-11-22")
    assert rows[0]["开始(UTC)"] == "2026-11-21T16:00:00.000Z"
    assert rows[30]["版本"] is None


async def test_one_point_may_be_asked_for(district: District) -> None:
    more = [campus.point(WATER, "water_volume", "m³"), campus.slot(WATER, 0, 0.5)]
    await district.post(campus.batch([*bodies(), *more]))
    _, rows = await table(district, f"/schools/demo/intervals.csv?point={WATER}")
    assert {row["测点"] for row in rows} == {WATER}
    _, every = await table(district, "/schools/demo/intervals.csv")
    assert {row["测点"] for row in every} == {WATER, METER}
    assert "没有这个测点" in (await get(district, "/schools/demo/intervals.csv?point=x.y", 404)).text


@pytest.mark.parametrize("path", ["/schools/nobody/days.csv", "/schools/nobody/intervals.xlsx"])
async def test_an_unknown_school_has_no_export(district: District, path: str) -> None:
    assert "没有这所学校" in (await get(district, path, 404)).text


async def test_a_workbook_too_long_is_refused_with_the_way_out(
    district: District, monkeypatch: pytest.MonkeyPatch
) -> None:
    await district.post(campus.batch(bodies()))
    monkeypatch.setattr(sheet_xlsx, "ROWS_MAX", 54)
    refusal = (await get(district, "/schools/demo/intervals.xlsx", 413)).text
    assert "55" in refusal
    assert "CSV" in refusal
    assert len((await table(district, "/schools/demo/intervals.csv"))[1]) == 55


async def test_a_month_is_streamed_day_by_day(district: District) -> None:
    await district.post(campus.batch([campus.site(), campus.point(METER), campus.slot(METER, -96 * 3)]))
    asked: list[object] = []
    read = district.service.read

    async def counted(question: Any) -> Any:
        asked.append(question)
        return await read(question)

    district.service.read = counted  # type: ignore[method-assign]
    _, rows = await table(district, "/schools/demo/intervals.csv")
    assert len(asked) == 1 + 22  # who it is, then each day of the month so far
    assert len(rows) == 3 * 96 + 55


async def test_an_empty_district_exports_an_empty_table(district: District) -> None:
    with district.store() as store, store.transaction() as connection:
        connection.run("DELETE FROM site WHERE site_id = ?", "demo")
    head, rows = await table(district, "/reports/schools.csv?month=2026-01")
    assert rows == []
    assert head["统计期"] == "2026-01-01 至 2026-01-31"
    assert head["完整率"] == "实测 0 / 应有 0 个刻钟,—"


RUNS = ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff20x"]
"""What a spreadsheet takes for a formula, also in full width."""


@pytest.mark.parametrize("text", RUNS)
def test_no_text_runs_as_a_formula(text: str) -> None:
    (line,) = csv.reader(io.StringIO(sheet_csv.body([(text, -1, None)]).decode(), newline=""))
    assert line == [f"'{text}", "-1", ""]  # a number stays one
    head = Head("x", text, [(text, text)], [Column(text)])
    page = openpyxl.load_workbook(io.BytesIO(sheet_xlsx.workbook(head, [(text,)]))).worksheets[0]
    assert {cell.data_type for row in page.iter_rows() for cell in row} <= {"s", "n"}


def as_text(cell: Any) -> str:
    """A cell of a workbook as a CSV has it, apostrophe and all: two ways of writing one value."""
    if isinstance(cell, str):
        return f"'{cell}" if cell.startswith(sheet_csv.FORMULA_STARTS) else cell
    return _plain(cell)


def csv_cells(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def xlsx_cells(content: bytes) -> list[list[Any]]:
    page = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]
    assert {cell.data_type for row in page.iter_rows() for cell in row} <= {"s", "n", "d"}
    return [[cell.value for cell in row] for row in page.iter_rows()]


async def test_a_school_and_points_named_like_formulas_are_the_same_text_in_every_cell_of_both_files(
    district: District,
) -> None:
    names = ["=SUM(A1:A9)", "+8613", "-5", "@home", "\uff1d1+1"]
    bodies = [campus.site(names[0], students=50, school_kind="primary")]
    for name in names:
        bodies.append(campus.point(f"{name}.energy", label_zh=f"{name}表", label_en=name, space=name))
        bodies += [campus.slot(f"{name}.energy", n, None if n == 1 else 0.25) for n in range(4)]
    assert (await district.post(campus.batch(bodies))).json()["rejected"] == []
    for path in ("/reports/schools", "/schools/demo/days", "/schools/demo/intervals"):
        query = "?month=2026-11&set=gb-t-2589-2020"
        text = csv_cells((await get(district, f"{path}.csv{query}")).content)
        cells = xlsx_cells((await get(district, f"{path}.xlsx{query}")).content)
        assert not any(is_run(cell) for line in text for cell in line), path
        assert len(text) == len(cells)
        for line, row in zip(text, cells, strict=True):
            wide = [*line, *[""] * (len(row) - len(line))]
            assert [_number(cell) for cell in wide] == [as_text(cell) for cell in row], path
        shown = {cell for row in cells for cell in row}
        assert shown >= set(names if path != "/reports/schools" else names[:1]), path


def is_run(cell: str) -> bool:
    """Whether a spreadsheet would take the cell for a formula: a plain number is none."""
    try:
        float(cell)
    except ValueError:
        return cell.startswith(sheet_csv.FORMULA_STARTS)
    return False


def test_a_share_is_never_rounded_up_to_all() -> None:
    assert percent(0.99999) == 99.99
    assert percent(1.0) == 100.0
    assert percent(None) is None
