"""Time-of-use tariffs (尖峰平谷) as dated tables: which tariff holds at a moment, and what a kWh costs then.

Pure. Knows local clock time and months; does not know meters or zones. Every moment has exactly one tariff: what no span
names is flat. Spans lie on quarter-hours, because a quarter-hour is the shortest thing that is measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Literal, get_args

from pydantic import Field

from edge_config.problems import Finding
from edge_config.section import Section

Tariff = Literal["sharp", "peak", "flat", "valley", "deep_valley"]
TARIFFS: tuple[Tariff, ...] = get_args(Tariff)
"""尖、峰、平、谷、深谷."""

Span = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):(00|15|30|45)-(([01]\d|2[0-3]):(00|15|30|45)|24:00)$")]
Month = Annotated[int, Field(ge=1, le=12)]
Price = Annotated[float, Field(ge=0)]


class Season(Section):
    """The hours of some months. ``months`` empty means all those no other season of the table names."""

    months: tuple[Month, ...] = ()
    sharp: tuple[Span, ...] = ()
    peak: tuple[Span, ...] = ()
    valley: tuple[Span, ...] = ()
    deep_valley: tuple[Span, ...] = ()

    def spans(self) -> Iterator[tuple[Tariff, int, str, tuple[int, int]]]:
        """Tariff, number, text and (first, end) minute of the day of each span that is written."""
        for tariff in TARIFFS:
            for index, span in enumerate(getattr(self, tariff, ())):
                yield tariff, index, span, minutes(span)


class TariffTable(Section):
    """What holds from a date on, until a later table begins."""

    since: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    source: str = Field(min_length=1)
    """The notice or contract the figures are from."""
    seasons: tuple[Season, ...] = Field(min_length=1)
    prices: dict[Tariff, Price] = Field(default_factory=dict)
    """Yuan a kWh; without one there is no cost."""

    def season(self, month: int) -> Season:
        """The season that names a month, else the one that names none; without such a one, all day is flat."""
        named = [one for one in self.seasons if month in one.months]
        rest = [one for one in self.seasons if not one.months]
        return [*named, *rest, Season()][0]


class TariffFile(Section):
    """tariffs.yaml."""

    tables: tuple[TariffTable, ...] = Field(min_length=1)

    def table_at(self, local: datetime) -> TariffTable | None:
        """None before the first table begins."""
        day = local.date().isoformat()
        begun = [table for table in self.tables if table.since <= day]
        return max(begun, key=lambda table: table.since, default=None)

    def tariff_at(self, local: datetime) -> Tariff | None:
        """``local`` is site time; None before the first table begins."""
        table, minute = self.table_at(local), 60 * local.hour + local.minute
        if table is None:
            return None
        for tariff, _, _, (first, end) in table.season(local.month).spans():
            if first <= minute < end:
                return tariff
        return "flat"


def minutes(span: str) -> tuple[int, int]:
    """The minutes of the day a span such as 08:00-11:00 begins and ends at."""
    first, _, end = span.partition("-")
    return _minute(first), _minute(end)


def findings(file: TariffFile) -> Iterator[Finding]:
    """What is wrong between entries that are right in themselves."""
    dates = [table.since for table in file.tables]
    for number, table in enumerate(file.tables):
        if table.since in dates[:number]:
            wrong = f"{table.since} begins two tables"
            first = ("tables", dates.index(table.since), "since")
            yield Finding(("tables", number, "since"), wrong, "keep one of the two", first)
        yield from _seasons(number, table)


def _seasons(number: int, table: TariffTable) -> Iterator[Finding]:
    seen: dict[int, int] = {}
    for index, season in enumerate(table.seasons):
        here = ("tables", number, "seasons", index)
        for month in season.months or (0,):
            if month in seen:
                wrong = f"month {month} is in two seasons" if month else "two seasons name no month"
                yield Finding(here, wrong, "keep it in one", ("tables", number, "seasons", seen[month]))
            seen[month] = index
        yield from _overlaps(here, season)


def _overlaps(here: tuple[str | int, ...], season: Season) -> Iterator[Finding]:
    taken: list[tuple[int, int, str, Tariff]] = []
    for tariff, index, text, (first, end) in season.spans():
        path = (*here, tariff, index)
        if end <= first:
            yield Finding(
                path,
                f"{text} ends before it begins",
                "write what crosses midnight as two: 22:00-24:00 and 00:00-06:00",
            )
            continue
        for other_first, other_end, other, name in taken:
            if first < other_end and other_first < end:
                yield Finding(path, f"{text} overlaps {other} ({name})", "let each minute have one tariff")
        taken.append((first, end, text, tariff))


def _minute(clock: str) -> int:
    hour, _, minute = clock.partition(":")
    return 60 * int(hour) + int(minute)
