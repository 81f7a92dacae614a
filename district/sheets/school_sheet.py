"""The month's report as a sheet: schools × figures, one line each. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from district.coefficients import CoefficientSet
from district.figures import Completeness
from district.months import Month
from district.pages.reader import Reader
from district.school_line import Consumption, Line
from district.school_reads import DISTRICT_ZONE
from district.sheets import conversion
from district.sheets.sheet import Cell, Cells, Column, Head, local, percent
from district.usage import COMMODITIES, GAS, HEAT, REPORTED, Commodity, Use, per, total

UNALLOTTED = (GAS, HEAT)
"""What has no quota, and is not spread over pupils and floor: a kitchen's gas is not everybody's."""


def head(reader: Reader, lines: Sequence[Line], month: Month, chosen: CoefficientSet | None) -> Head:
    """What the sheet says of itself."""
    t = reader.t
    every = Completeness(
        sum(line.of_month.due for line in lines),
        sum(line.of_month.measured for line in lines),
        sum(line.of_month.estimated for line in lines),
    )
    return Head(
        name=t("sheet_schools"),
        title=t("report_title", month=month),
        lines=[
            (t("head_period"), period(reader, month, lines)),
            (
                t("head_timezone"),
                ", ".join(sorted({line.who.timezone for line in lines})) or DISTRICT_ZONE.key,
            ),
            (t("head_coefficients"), title(reader, chosen)),
            (t("head_completeness"), completeness_text(reader, every)),
            (t("head_rests"), _rests(reader, lines)),
            (t("head_made"), f"{local(reader.now, DISTRICT_ZONE):%Y-%m-%d %H:%M} {DISTRICT_ZONE.key}"),
            (t("head_note"), t("sheet_missing_note")),
        ],
        columns=_columns(reader, chosen),
    )


def period(reader: Reader, month: Month, lines: Sequence[Line]) -> str:
    last = month.days(DISTRICT_ZONE)[-1].date
    text = reader.t("period_from_to", start=month.first.isoformat(), end=last.isoformat())
    goes_on = any(line.due_to < month.end(line.who.zone) for line in lines)
    return f"{text} {reader.t('period_running')}" if goes_on else text


def title(reader: Reader, chosen: CoefficientSet | None) -> str:
    if chosen is None:
        return reader.t("coefficients_none")
    return chosen.title_zh if reader.language == "zh" else chosen.title_en


def completeness_text(reader: Reader, found: Completeness) -> str:
    return reader.t("completeness_of", measured=found.measured, due=found.due, rate=reader.rate(found))


def _rests(reader: Reader, lines: Sequence[Line]) -> str:
    def of(name: str) -> str:
        found = total([line.used[name].month for line in lines], "")
        return reader.t("rests_on", n=found.counted, all=found.schools)

    return reader.t("sheet_rests", **{name: of(name) for name in REPORTED})


def _columns(reader: Reader, chosen: CoefficientSet | None) -> list[Column]:
    t = reader.t
    columns = [
        Column(t("school"), width=24), Column(t("site"), width=18), Column(t("kind_of_school")),
        Column(t("students"), t("person")), Column(t("area"), "m²"), Column(t("last_contact"), width=17),
        Column(t("head_until"), width=17), Column(t("head_timezone"), width=16), Column(t("completeness"), "%"),
    ]  # fmt: skip
    for commodity in COMMODITIES.values():
        columns += _commodity_columns(reader, commodity)
    for commodity in UNALLOTTED:
        columns += _plain_columns(reader, commodity)
    return [*columns, *conversion.columns(reader, chosen), Column(t("note"), width=60)]


def _commodity_columns(reader: Reader, commodity: Commodity) -> list[Column]:
    t, unit = reader.t, commodity.unit
    what = t(commodity.name)
    titles = [
        (t("of_month"), unit), (t("of_year"), unit), (f"{t('per_pupil')} {t('of_year')}", f"{unit}/{t('person')}"),
        (f"{t('per_m2')} {t('of_year')}", f"{unit}/m²"), (t("quota"), unit), (t("quota_progress"), "%"),
        (t("expected"), "%"), (t("verdict"), ""),
    ]  # fmt: skip
    return [*(Column(f"{what} {name}", of) for name, of in titles), *_share_columns(reader, commodity)]


def _plain_columns(reader: Reader, commodity: Commodity) -> list[Column]:
    what, spans = reader.t(commodity.name), ("of_month", "of_year")
    return [
        *(Column(f"{what} {reader.t(span)}", commodity.unit) for span in spans),
        *_share_columns(reader, commodity),
    ]


def _share_columns(reader: Reader, commodity: Commodity) -> list[Column]:
    t = reader.t
    return [
        Column(f"{t(commodity.name)} {t(span)} {t(word)}", "%")
        for span in ("of_month", "of_year")
        for word in ("share_measured", "share_estimated", "share_missing")
    ]


def row(reader: Reader, line: Line, chosen: CoefficientSet | None) -> Cells:
    who = line.who
    cells: list[Cell] = [
        who.name, who.site, reader.kind(who.kind), who.students, who.area_m2,
        None if line.contact_at is None else local(line.contact_at, who.zone),
        None if line.data_to is None else local(line.data_to, who.zone), who.timezone, percent(line.of_month.rate),
    ]  # fmt: skip
    for name in COMMODITIES:
        cells += _commodity_cells(reader, line, line.used[name])
    for commodity in UNALLOTTED:
        used = line.used[commodity.name]
        cells += [used.month.value, used.year.value, *_shares(used.month), *_shares(used.year)]
    more, reasons = conversion.cells(reader, line, chosen)
    return [*cells, *more, note(reader, line, reasons)]


def _commodity_cells(reader: Reader, line: Line, used: Consumption) -> list[Cell]:
    quota = used.quota
    return [
        used.month.value, used.year.value, _rounded(per(used.year.value, line.who.students)),
        _rounded(per(used.year.value, line.who.area_m2)), quota.allotted, percent(quota.progress),
        percent(quota.expected), None if quota.progress is None else reader.t(quota.verdict),
        *_shares(used.month), *_shares(used.year),
    ]  # fmt: skip


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _shares(found: Use) -> list[Cell]:
    if not found.meters:
        return [None, None, None]
    return [percent(found.measured), percent(found.estimated), percent(found.missing)]


def note(reader: Reader, line: Line, more: Sequence[str] = ()) -> str | None:
    """Why cells are empty or too low, in words; ``more`` are reasons that were found elsewhere."""
    found: list[str] = []
    status = reader.status(line.contact_at)
    if status == "never":
        found.append(reader.t("note_never"))
    elif status == "offline" and line.contact_at is not None:
        found.append(reader.t("note_silent", age=reader.age(line.contact_at)))
    for name, used in line.used.items():
        found += _note_of(reader, reader.t(name), used.month)
    found += more
    if not line.who.students:
        found.append(reader.t("note_no_students"))
    if not line.who.area_m2:
        found.append(reader.t("note_no_area"))
    return (";" if reader.language == "zh" else "; ").join(found) or None


def _note_of(reader: Reader, what: str, found: Use) -> list[str]:
    if not found.meters:
        return [reader.t("note_no_meter", what=what)]
    if found.value is None:
        return [reader.t("note_no_data", what=what)]
    if reader.shown(found.missing):
        return [reader.t("note_partial", what=what, share=reader.share(found.missing))]
    return []
