"""The school calendar as a CSV file, ``date,kind,note`` with a header. Pure: text in, days and problems out."""

from __future__ import annotations

import csv
import io
from datetime import date
from typing import Any, get_args

from pydantic import ValidationError

from edge_config.problems import Problem, choices, nearest
from edge_config.schema import CalendarDay

HEADER = ["date", "kind", "note"]
KINDS = tuple(str(kind) for kind in get_args(CalendarDay.model_fields["kind"].annotation))


def parse(text: str, file: str) -> tuple[dict[date, CalendarDay], list[Problem]]:
    """The days by date, and a problem for each row that is wrong; lines that begin with # are comments."""
    days: dict[date, CalendarDay] = {}
    problems: list[Problem] = []
    lines: dict[date, int] = {}
    reader = csv.reader(io.StringIO(text))
    header_seen = False
    for row in reader:
        line = reader.line_num
        if not row or row[0].startswith("#") or not any(cell.strip() for cell in row):
            continue
        if not header_seen:
            header_seen = True
            if [cell.strip() for cell in row] != HEADER:
                problems.append(
                    Problem(file, line, 1, "", "the header is missing", f"begin with {','.join(HEADER)}")
                )
                break
            continue
        day, found = _row(row, file, line)
        problems.extend(found)
        if day is None:
            continue
        moment = date.fromisoformat(day.date)
        if moment in days:
            wrong = f"{day.date} is listed twice (first in line {lines[moment]})"
            problems.append(Problem(file, line, 1, "date", wrong, "keep one of the two"))
        days[moment], lines[moment] = day, line
    return days, problems


def _row(row: list[str], file: str, line: int) -> tuple[CalendarDay | None, list[Problem]]:
    cells = [cell.strip() for cell in row]
    if len(cells) not in (2, 3):
        wrong = f"{len(cells)} columns"
        return None, [
            Problem(file, line, 1, "", wrong, "write date,kind,note (quote a note that holds a comma)")
        ]
    values: dict[str, Any] = dict(zip(HEADER, [*cells, ""], strict=False))
    problems = []
    try:
        date.fromisoformat(values["date"])
    except ValueError:
        problems.append(
            Problem(file, line, 1, "date", f"{values['date']!r} is no date", "write it as 2026-09-01")
        )
    if values["kind"] not in KINDS:
        right = nearest(values["kind"], KINDS, f"write {choices(KINDS)}")
        problems.append(
            Problem(file, line, len(row[0]) + 2, "kind", f"{values['kind']!r} is no kind of day", right)
        )
    if problems:
        return None, problems
    try:
        return CalendarDay.model_validate(values), []
    except ValidationError:
        wrong = f"{values['date']!r} is no date in this form"
        return None, [Problem(file, line, 1, "date", wrong, "write it as 2026-09-01")]
