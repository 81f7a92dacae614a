"""One school's days and quarter-hours as sheets. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from district.pages.reader import Reader
from district.school_line import Line
from district.school_reads import DISTRICT_ZONE
from district.sheets.school_sheet import completeness_text, period, title
from district.sheets.sheet import Cells, Column, Head, local, percent
from district.sheets.sheet_reads import DayRow, QuarterRow
from runtime.clock import format_utc


def days_head(reader: Reader, line: Line) -> Head:
    t = reader.t
    columns = [
        Column(t("day"), width=12), *_of_point(reader), Column(t("unit"), width=8), Column(t("value")),
        Column(t("mean")), Column(t("low")), Column(t("high")), Column(t("register_start"), width=14),
        Column(t("register_end"), width=14), Column(t("share_measured"), "%"), Column(t("share_estimated"), "%"),
        Column(t("share_missing"), "%"), Column(t("note"), width=24),
    ]  # fmt: skip
    return Head(t("sheet_days"), _title(reader, line, "sheet_days"), _lines(reader, line), columns)


def intervals_head(reader: Reader, line: Line) -> Head:
    t = reader.t
    columns = [
        Column(t("starts"), width=17), Column(t("starts_utc"), width=22), *_of_point(reader), Column(t("unit"), width=8),
        Column(t("content")), Column(t("share_measured"), "%"), Column(t("value")), Column(t("mean")), Column(t("low")),
        Column(t("high")), Column(t("register_start"), width=14), Column(t("register_end"), width=14),
        Column(t("revision")), Column(t("note"), width=24),
    ]  # fmt: skip
    return Head(t("sheet_intervals"), _title(reader, line, "sheet_intervals"), _lines(reader, line), columns)


def _of_point(reader: Reader) -> list[Column]:
    return [
        Column(reader.t("point"), width=28),
        Column(reader.t("label"), width=20),
        Column(reader.t("space")),
    ]


def _title(reader: Reader, line: Line, word: str) -> str:
    return f"{line.who.name} {reader.t(word)} {line.month}"


def _lines(reader: Reader, line: Line) -> list[tuple[str, str]]:
    t, who = reader.t, line.who
    return [
        (t("head_school"), f"{who.name} ({who.site})"),
        (t("head_period"), period(reader, line.month, [line])),
        (t("head_timezone"), who.timezone),
        (t("head_coefficients"), title(reader, None)),
        (t("head_completeness"), completeness_text(reader, line.of_month)),
        (t("head_made"), f"{local(reader.now, DISTRICT_ZONE):%Y-%m-%d %H:%M} {DISTRICT_ZONE.key}"),
        (t("head_note"), t("sheet_missing_note")),
    ]


def day_cells(reader: Reader, line: Line, rows: Iterable[DayRow]) -> Iterator[Cells]:
    for row in rows:
        sums, point = row.sums, row.point
        measured = min(1.0, sums.measured_ms / row.due_ms) if row.due_ms else None
        known = min(1.0, sums.known_ms / row.due_ms) if row.due_ms else None
        yield (
            row.day.date.isoformat(), point.meter.point, reader.label(point.label_zh, point.label_en, "") or None, point.space,
            point.unit, sums.value, _four(sums.mean), sums.low, sums.high, sums.register_start, sums.register_end,
            percent(measured), percent(None if known is None or measured is None else max(0.0, known - measured)),
            percent(None if known is None else 1 - known), _day_note(reader, line, row, known),
        )  # fmt: skip


def _day_note(reader: Reader, line: Line, row: DayRow, known: float | None) -> str | None:
    words = []
    if row.sums.value is None and row.sums.mean is None:
        words.append("note_missing")
    elif known is not None and reader.shown(1 - known):
        words.append("note_part_missing")
    if row.sums.is_estimated:
        words.append("note_estimated")
    if line.due_to < row.day.end:
        words.append("note_running")
    return (";" if reader.language == "zh" else "; ").join(map(reader.t, words)) or None


def quarter_cells(reader: Reader, line: Line, rows: Iterable[QuarterRow]) -> Iterator[Cells]:
    labels: dict[str, str | None] = {}
    notes = {
        "measured": None, "estimated": reader.t("note_estimated"), "missing": reader.t("note_missing"),
        None: reader.t("note_absent"),
    }  # fmt: skip
    zone = line.who.zone
    for row in rows:
        point = row.point
        name = point.meter.point
        label = labels.setdefault(name, reader.label(point.label_zh, point.label_en, "") or None)
        yield (
            local(row.start, zone), format_utc(row.start), name, label, point.space, point.unit,
            reader.t(f"content_{row.content or 'missing'}"), percent(row.share), row.value, row.mean, row.low, row.high,
            row.register_start, row.register_end, row.revision, notes[row.content],
        )  # fmt: skip


def _four(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
