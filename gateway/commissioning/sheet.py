"""数据核对表: every meter with the gateway's reading beside a blank for what its panel shows. A CSV file, no more.

Knows rows and columns; does not know where readings come from. Written as UTF-8 with its mark, so that Excel and WPS
open it in Chinese; read back in that or in GB 18030, which is what they may save.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from gateway.errors import ConfigError

COLUMNS = (
    "点位 point", "名称 name", "位置 location", "型号 model", "总线 line", "地址 address", "单位 unit", "步长 step", "倍率 ratio",
    "网关读数 gateway reading", "网关时间 gateway time", "表显读数 panel reading", "表显时间 panel time", "备注 note",
)  # fmt: skip
POINT, READING, READ_AT, PANEL, PANEL_AT = (
    COLUMNS[0],
    COLUMNS[9],
    COLUMNS[10],
    COLUMNS[11],
    COLUMNS[12],
)
BYTES_MAX = 5_000_000
T = TypeVar("T")

DECIMAL = re.compile(r"[+-]?\d+(\.\d+)?")


@dataclass(frozen=True, slots=True)
class Meter:
    """A row to be filled in. ``reading`` is the gateway's, exactly as stored; ``read_at`` local time with its offset."""

    point: str
    name: str
    location: str
    model: str
    line: str
    address: str
    unit: str
    step: Decimal
    ratio: Decimal
    reading: str
    read_at: str


@dataclass(frozen=True, slots=True)
class Filled:
    """A row that came back. ``panel`` None: left blank. ``panel_at`` and ``read_at`` are UTC ms, None when not given.

    ``digits`` is how many decimals somebody wrote: the panel's own last digit."""

    line: int
    point: str
    reading: Decimal | None
    read_at: int | None
    panel: Decimal | None
    panel_at: int | None
    digits: int = 0


def text_of(meters: Iterable[Meter]) -> str:
    """The sheet as CSV text, a row for each meter, the panel's columns blank."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for meter in meters:
        writer.writerow([
            meter.point, meter.name, meter.location, meter.model, meter.line, meter.address, meter.unit,
            f"{meter.step.normalize():f}", f"{meter.ratio.normalize():f}", meter.reading, meter.read_at, "", "", "",
        ])  # fmt: skip
    return out.getvalue()


def write(path: Path, meters: Sequence[Meter]) -> None:
    """Raises ConfigError: for a name that is not .csv, or a file that exists or cannot be made."""
    if path.suffix.lower() != ".csv":
        raise ConfigError(f"{path} is not a .csv file; write OUT.csv, Excel and WPS open it")
    try:
        with path.open("x", encoding="utf-8-sig", newline="") as file:
            file.write(text_of(meters))
    except FileExistsError:
        raise ConfigError(f"{path} exists and may be filled in already; name another file") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error


def read(path: Path, zone: ZoneInfo) -> list[Filled]:
    """The rows of a sheet that was filled in. Raises ConfigError, naming line and column, for what cannot be understood."""
    if path.suffix.lower() in {".xlsx", ".xls", ".et"}:
        raise ConfigError(f"{path} is a spreadsheet; save it as CSV (逗号分隔) and read that")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > BYTES_MAX:
        raise ConfigError(f"{path} is larger than {BYTES_MAX:,} bytes and no sheet of ours")
    rows = csv.DictReader(io.StringIO(_text(path, data), newline=""))
    missing = [column for column in (POINT, PANEL) if column not in (rows.fieldnames or ())]
    if missing:
        raise ConfigError(
            f"{path} has no column {', '.join(missing)}; keep the first line as `make` wrote it"
        )
    try:
        return [_filled(path, rows.line_num, row, zone) for row in rows if (row[POINT] or "").strip()]
    except csv.Error as error:
        raise ConfigError(f"{path}:{rows.line_num}: no CSV: {error}") from error


def number_of(text: str) -> Decimal | None:
    """A figure as people write it: 12,345.6, full-width digits and a trailing unit are understood; None for a blank.

    Raises ValueError for anything else."""
    plain = text.strip().translate(_WIDE).replace(",", "").replace(" ", "")
    plain = re.sub(r"(kwh|度|m³|m3|吨|t|gj)$", "", plain, flags=re.IGNORECASE)
    if not plain:
        return None
    if not DECIMAL.fullmatch(plain) or len(plain) > 20:
        raise ValueError(text)
    try:
        return Decimal(plain)
    except InvalidOperation as error:
        raise ValueError(text) from error


def moment_of(text: str, zone: ZoneInfo, day: date | None) -> int | None:
    """A time as people and spreadsheets write it, in UTC ms; a bare time of day is of ``day``. Raises ValueError."""
    plain = text.strip().replace("/", "-").replace("：", ":")
    if not plain:
        return None
    clock = re.fullmatch(r"(\d{1,2}):(\d{2})(?::(\d{2}))?", plain)
    if clock and day is not None:
        hour, minute, second = (int(part or 0) for part in clock.groups())
        return _ms(datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=zone))
    padded = re.sub(r"(?<!\d)(\d)(?!\d)", r"0\1", plain)
    moment = datetime.fromisoformat(padded)
    return _ms(moment if moment.tzinfo else moment.replace(tzinfo=zone))


_WIDE = {
    ord(wide): ord(plain) for wide, plain in zip("０１２３４５６７８９．，－", "0123456789.,-", strict=True)
}


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _text(path: Path, data: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise ConfigError(f"{path} is neither UTF-8 nor GB 18030 text; save it as CSV UTF-8")


def _filled(path: Path, line: int, row: dict[str, str | None], zone: ZoneInfo) -> Filled:
    read_at = _cell(path, line, row, READ_AT, lambda text: moment_of(text, zone, None))
    day = None if read_at is None else datetime.fromtimestamp(read_at / 1000, zone).date()
    panel = _cell(path, line, row, PANEL, number_of)
    return Filled(
        line=line,
        point=(row[POINT] or "").strip(),
        reading=_cell(path, line, row, READING, number_of),
        read_at=read_at,
        panel=panel,
        panel_at=_cell(path, line, row, PANEL_AT, lambda text: moment_of(text, zone, day)),
        digits=0 if panel is None else max(0, -int(panel.as_tuple().exponent)),
    )


def _cell(path: Path, line: int, row: dict[str, str | None], column: str, meaning: Callable[[str], T]) -> T:
    """What a cell means. Raises ConfigError that names it."""
    text = row.get(column) or ""
    try:
        return meaning(text)
    except ValueError:
        raise ConfigError(
            f"{path}:{line}: {column}: {text!r} is not understood; write a number such as 12345.6, "
            "a time such as 2026-11-22 08:05 or 08:05"
        ) from None
