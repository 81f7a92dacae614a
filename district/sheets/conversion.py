"""The columns of a chosen set of coefficients: each commodity of month and year, or why the cell is empty. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from district.coefficients import CoefficientSet, Converted, converted
from district.pages.reader import Reader
from district.school_line import Line
from district.sheets.sheet import Cell, Column
from district.usage import REPORTED, Commodity


def columns(reader: Reader, chosen: CoefficientSet | None) -> Iterator[Column]:
    if chosen is None:
        return
    for commodity in REPORTED.values():
        for span in ("of_month", "of_year"):
            yield Column(" ".join(map(reader.t, (commodity.name, chosen.what, span))), chosen.unit)


def cells(reader: Reader, line: Line, chosen: CoefficientSet | None) -> tuple[list[Cell], list[str]]:
    """Month and year of each commodity, and why cells are empty that have a consumption beside them."""
    found: list[Cell] = []
    reasons: list[str] = []
    if chosen is None:
        return found, reasons
    for commodity in REPORTED.values():
        both = _both(line, commodity, chosen)
        found += [one.value for one in both]
        if line.used[commodity.name].year.meters:
            reasons += _in_words(reader, commodity, chosen, both)
    return found, reasons


def _both(line: Line, commodity: Commodity, chosen: CoefficientSet) -> tuple[Converted, Converted]:
    used, zone = line.used[commodity.name], line.who.zone
    return converted(chosen, commodity, used.month, zone), converted(chosen, commodity, used.year, zone)


def _in_words(
    reader: Reader, commodity: Commodity, chosen: CoefficientSet, found: tuple[Converted, ...]
) -> list[str]:
    """Each reason once, in the order of the cells."""
    reasons = dict.fromkeys(one.reason for one in found if one.reason)
    since = chosen.since.isoformat() if chosen.since else ""
    return [reader.t(reason, what=reader.t(commodity.name), since=since) for reason in reasons]
