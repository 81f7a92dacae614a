"""What leaves as CSV and Excel: schools × figures of a month, one school's days, one school's quarter-hours.

A CSV of quarter-hours is read and sent a day at a time, so a month of 300 points needs the memory of a day; each day is read at
its own moment. A workbook is made whole and is bounded in rows; one is made at a time.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response, StreamingResponse

from district import months, school_reads
from district.coefficients import SETS
from district.contract import Fault
from district.figures import due_slots
from district.keys import ID
from district.months import Day, Month
from district.pages.reader import Reader
from district.pages.rendering import reader_of, refused
from district.refusal import STATUS, Refusal
from district.school_line import Line
from district.service import Service
from district.sheets import point_sheets, school_sheet, sheet_csv, sheet_xlsx
from district.sheets.sheet import Cells, Head
from district.sheets.sheet_reads import Described, day_rows, described, quarter_rows
from district.store.database import Connection

Kind = Annotated[Literal["csv", "xlsx"], Path()]
LanguageQuery = Annotated[str, Query(alias="lang", max_length=10)]
MonthQuery = Annotated[str, Query(max_length=10)]
PointQuery = Annotated[str, Query(max_length=100)]


class NotMade(Exception):  # noqa: N818 - an answer, not a mistake of ours
    """There is no such sheet; ``reason`` is a word of the catalogue."""

    def __init__(self, reason: str, fault: Fault, **values: object) -> None:
        super().__init__(reason)
        self.reason, self.status, self.values = reason, STATUS[fault], values


def export_routes(service: Service) -> APIRouter:
    """GET only; beside the pages, and as open or closed as they are."""
    router = APIRouter()
    one_workbook = asyncio.Semaphore(1)
    _of_schools(router, service)
    _of_days(router, service, one_workbook)
    _of_intervals(router, service, one_workbook)
    return router


def _of_schools(router: APIRouter, service: Service) -> None:
    @router.get("/reports/schools.{kind}")
    async def schools(
        request: Request,
        kind: Kind,
        language: LanguageQuery = "zh",
        month: MonthQuery = "",
        coefficients: Annotated[str, Query(alias="set", max_length=50)] = "",
    ) -> Response:
        """Schools × figures of a month."""
        reader = reader_of(service, language)

        async def make() -> Response:
            wanted = _month(month) or months.month_of(reader.now, school_reads.DISTRICT_ZONE)
            lines = await service.read(lambda connection: school_reads.lines(connection, reader.now, wanted))
            chosen = SETS.get(coefficients)
            head = school_sheet.head(reader, lines, wanted, chosen)
            rows = [school_sheet.row(reader, line, chosen) for line in lines]
            return _sheet(kind, f"schools-{wanted}", head, rows)

        return await _answer(reader, request, make)


def _of_days(router: APIRouter, service: Service, one_workbook: asyncio.Semaphore) -> None:
    @router.get("/schools/{site}/days.{kind}")
    async def days(
        request: Request, site: str, kind: Kind, language: LanguageQuery = "zh", month: MonthQuery = ""
    ) -> Response:
        """One school's month, day by day, every point."""
        reader = reader_of(service, language)

        def read(connection: Connection) -> Response:
            line = _line(connection, reader, site, _month(month))
            rows = day_rows(connection, line.who, line.month, line.due_to)
            if kind == "xlsx" and len(rows) > sheet_xlsx.ROWS_MAX:
                raise _too_many(len(rows))
            cells = point_sheets.day_cells(reader, line, rows)
            return _sheet(kind, f"days-{site}-{line.month}", point_sheets.days_head(reader, line), cells)

        async def make() -> Response:
            async with one_workbook:
                return await service.read(read)

        return await _answer(reader, request, make)


def _of_intervals(router: APIRouter, service: Service, one_workbook: asyncio.Semaphore) -> None:
    @router.get("/schools/{site}/intervals.{kind}")
    async def intervals(
        request: Request,
        site: str,
        kind: Kind,
        language: LanguageQuery = "zh",
        month: MonthQuery = "",
        point: PointQuery = "",
    ) -> Response:
        """One school's quarter-hours of a month, of every point or of one."""
        reader = reader_of(service, language)

        def look(connection: Connection) -> tuple[Line, list[Described]]:
            line = _line(connection, reader, site, _month(month))
            points = described(connection, site, point or None)
            if point and not points:
                raise NotMade("no_such_point", Fault.NOT_FOUND)
            return line, points

        async def make() -> Response:
            line, points = await service.read(look)
            head = point_sheets.intervals_head(reader, line)
            name = f"intervals-{site}-{line.month}"
            if kind == "csv":
                return _streamed(name, _quarters_as_csv(service, reader, line, points, head))
            _check_size(line, points)
            async with one_workbook:
                return await service.read(
                    lambda connection: _sheet(
                        kind, name, head, _quarter_cells(connection, reader, line, points)
                    )
                )

        return await _answer(reader, request, make)


async def _answer(reader: Reader, request: Request, make: Callable[[], Awaitable[Response]]) -> Response:
    try:
        return await make()
    except NotMade as error:
        return refused(reader, request, error.reason, error.status, **error.values)
    except Refusal as refusal:
        return refused(reader, request, "unavailable", refusal.status)


def _month(text: str) -> Month | None:
    found = months.parse(text)
    if text and found is None:
        raise NotMade("bad_month", Fault.INVALID)
    return found


def _line(connection: Connection, reader: Reader, site: str, month: Month | None) -> Line:
    found = school_reads.lines(connection, reader.now, month, site) if ID.fullmatch(site) else []
    if not found:
        raise NotMade("not_found", Fault.NOT_FOUND)
    return found[0]


def _check_size(line: Line, points: Sequence[Described]) -> None:
    firsts = [one.meter.first_at for one in points if one.meter.first_at is not None]
    zone = line.who.zone
    rows = due_slots(firsts, line.month.start(zone), min(line.month.end(zone), line.due_to))
    if rows > sheet_xlsx.ROWS_MAX:
        raise _too_many(rows)


def _too_many(rows: int) -> NotMade:
    return NotMade("too_many_rows", Fault.TOO_LARGE, rows=f"{rows:,}", limit=f"{sheet_xlsx.ROWS_MAX:,}")


def _quarter_cells(
    connection: Connection, reader: Reader, line: Line, points: Sequence[Described]
) -> Iterable[Cells]:
    for day in _days(line):
        found = quarter_rows(connection, line.who.site, points, day, line.due_to)
        yield from point_sheets.quarter_cells(reader, line, found)


async def _quarters_as_csv(
    service: Service, reader: Reader, line: Line, points: Sequence[Described], head: Head
) -> AsyncIterator[bytes]:
    yield sheet_csv.head(head)

    def of_day(day: Day) -> Callable[[Connection], bytes]:
        def read(connection: Connection) -> bytes:
            found = quarter_rows(connection, line.who.site, points, day, line.due_to)
            return sheet_csv.body(point_sheets.quarter_cells(reader, line, found))

        return read

    for day in _days(line):
        text = await service.read(of_day(day))
        if text:
            yield text


def _days(line: Line) -> list[Day]:
    return [day for day in line.month.days(line.who.zone) if day.start < line.due_to]


def _sheet(kind: str, name: str, head: Head, rows: Iterable[Cells]) -> Response:
    if kind == "xlsx":
        return Response(
            sheet_xlsx.workbook(head, rows), media_type=sheet_xlsx.MEDIA_TYPE, headers=_named(f"{name}.xlsx")
        )
    body = sheet_csv.head(head) + sheet_csv.body(rows)
    return Response(body, media_type=sheet_csv.MEDIA_TYPE, headers=_named(f"{name}.csv"))


def _streamed(name: str, chunks: AsyncIterator[bytes]) -> Response:
    return StreamingResponse(chunks, media_type=sheet_csv.MEDIA_TYPE, headers=_named(f"{name}.csv"))


def _named(name: str) -> dict[str, str]:
    """A site's id is its operator's word: only what is safe in a header and in a file's name stays."""
    return {"content-disposition": f'attachment; filename="{re.sub("[^A-Za-z0-9._-]", "_", name)}"'}
