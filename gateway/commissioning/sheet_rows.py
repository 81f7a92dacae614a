"""The rows of a 数据核对表 that came back: cells to figures and times, and what is wrong or odd in them. Pure.

Nothing is guessed: what cannot be understood is named by its cell and its row is not compared; what was understood although
it was typed oddly is noted, so that a person may look at it once more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

from gateway.commissioning.figures import YEAR_MIN, moment_of, ms_of, narrow, number_of
from gateway.commissioning.sheet import (
    ADDRESS,
    BUS,
    HEADERS,
    PANEL,
    PANEL_AT,
    POINT,
    READ_AT,
    READ_BY,
    READING,
    REMARK,
    UNIT,
    CellValue,
    Filled,
    Finding,
    Sheet,
    Table,
    Unusable,
    cell_name,
)
from gateway.errors import ConfigError

HEADER_LINES_MAX = 20
"""How far down the line with the headers is looked for."""
NO_NUMBER = "不是数字 is not a number; write one such as 12345.6"
NO_TIME = "不是时间 is not a time; write one such as 2026-11-22 08:05 or 08:05"

Row = Mapping[str, tuple[str, CellValue]]
"""By header: the cell's name and what it holds."""


def understand(name: str, table: Table, zone: ZoneInfo) -> Sheet:
    """What a sheet says. ``name`` is the file's, for messages. Raises ConfigError where there is no header line."""
    at, columns = _header(name, table)
    reading = _Reading(zone, table.is_typed)
    rows = []
    for line, cells in table.lines[at + 1 :]:
        row = {header: (cell_name(index, line), _at(cells, index)) for header, index in columns.items()}
        filled = reading.row(line, row)
        if filled is not None:
            rows.append(filled)
    return Sheet(rows, reading.findings)


def _header(name: str, table: Table) -> tuple[int, dict[str, int]]:
    """Where the header line is, and which column each header is in."""
    for at, (_, cells) in enumerate(table.lines[:HEADER_LINES_MAX]):
        said = [" ".join(cell.split()) if isinstance(cell, str) else "" for cell in cells]
        columns = {header: said.index(header) for header in HEADERS if header in said}
        if POINT in columns and PANEL in columns:
            return at, columns
    raise ConfigError(f"{name} has no columns {POINT} and {PANEL}; keep the header line as `make` wrote it")


def _at(cells: Sequence[CellValue], index: int) -> CellValue:
    value = cells[index] if index < len(cells) else None
    return None if isinstance(value, str) and not value.strip() else value


@dataclass(slots=True)
class _Reading:
    """One sheet being read: what was found so far."""

    zone: ZoneInfo
    is_typed: bool
    findings: list[Finding] = field(default_factory=list)

    def row(self, line: int, row: Row) -> Filled | None:
        """A row that can be compared; None for one that cannot, and for lines that are none."""
        cell, point = row[POINT]
        if point is None and row[PANEL][1] is None:
            return None
        if point is None:
            self._fault(cell, "没有点位 the row has a reading and no point; keep the first column as it was")
            return None
        faults = self._faults()
        read_at = self._moment(row.get(READ_AT), None)
        day = None if read_at is None else datetime.fromtimestamp(read_at / 1000, self.zone).date()
        panel = self._number(row[PANEL])
        filled = Filled(
            line=line, point=str(point).strip(), reading=self._number(row.get(READING)), read_at=read_at, panel=panel,
            panel_at=self._moment(row.get(PANEL_AT), day),
            digits=0 if panel is None else max(0, -int(panel.as_tuple().exponent)),
            read_by=_text(row, READ_BY), remark=_text(row, REMARK), place=self._place(row),
        )  # fmt: skip
        return filled if self._faults() == faults else None

    def _place(self, row: Row) -> tuple[str, str, str] | None:
        return (_text(row, BUS), _text(row, ADDRESS), _text(row, UNIT)) if self.is_typed else None

    def _number(self, place: tuple[str, CellValue] | None) -> Decimal | None:
        if place is None:
            return None
        cell, value = place
        match value:
            case None | Decimal():
                return value
            case str():
                try:
                    number = number_of(value)
                except ValueError:
                    self._fault(cell, f"{value!r} {NO_NUMBER}")
                    return None
                self._odd_digits(cell, value, f"{number}")
                return number
            case Unusable():
                self._fault(cell, value.says)
            case _:
                self._fault(cell, f"{value} {NO_NUMBER}")
        return None

    def _moment(self, place: tuple[str, CellValue] | None, day: date | None) -> int | None:
        if place is None:
            return None
        cell, value = place
        match value:
            case None:
                return None
            case datetime() if value.year >= YEAR_MIN:
                return ms_of(value if value.tzinfo else value.replace(tzinfo=self.zone))
            case time() if day is not None:
                return ms_of(datetime.combine(day, value, self.zone))
            case str():
                return self._typed_moment(cell, value, day)
            case Unusable():
                self._fault(cell, value.says)
            case _:
                self._fault(cell, f"{value} {NO_TIME}")
        return None

    def _typed_moment(self, cell: str, value: str, day: date | None) -> int | None:
        try:
            moment = moment_of(value, self.zone, day)
        except ValueError:
            self._fault(cell, f"{value!r} {NO_TIME}")
            return None
        if self.is_typed and moment is not None:
            understood = datetime.fromtimestamp(moment / 1000, self.zone).strftime("%Y-%m-%d %H:%M:%S")
            self._note(cell, f"时间是文本 a time typed as text: {value!r} was understood as {understood}")
        return moment

    def _odd_digits(self, cell: str, value: str, understood: str) -> None:
        if narrow(value) != value or re.search(r"[^\x00-\x7f]", narrow(value)):
            self._note(
                cell,
                f"全角字符 full-width or Chinese characters: {value!r} was understood as {understood}",
            )
        elif self.is_typed:
            self._note(cell, f"数字是文本 a number typed as text: {value!r} was understood as {understood}")

    def _fault(self, cell: str, says: str) -> None:
        self.findings.append(Finding(cell, is_fault=True, says=says))

    def _note(self, cell: str, says: str) -> None:
        self.findings.append(Finding(cell, is_fault=False, says=says))

    def _faults(self) -> int:
        return sum(finding.is_fault for finding in self.findings)


def _text(row: Row, header: str) -> str:
    value = row[header][1] if header in row else None
    if value is None or isinstance(value, Unusable):
        return ""
    return str(value).strip()
