"""Numbers and times as people and spreadsheets write them. Pure; knows nothing of sheets.

A Chinese input method writes full-width digits and points; people put the unit behind, and a comma between thousands.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

DIGITS_MAX = 20
YEAR_MIN = 2000
"""No panel was read before; a bare number in a spreadsheet's cell for times is shown as a day of 1900."""
_DECIMAL = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)
_UNIT = re.compile(r"(kwh|度|m³|m3|吨|t|gj)$", re.IGNORECASE)
_WIDE = {
    ord(wide): ord(plain)
    for wide, plain in zip("０１２３４５６７８９．，－：／。　", "0123456789.,-:/. ", strict=True)
}


def narrow(text: str) -> str:
    """The text with the full-width digits and signs of a Chinese input method made plain."""
    return text.translate(_WIDE)


def number_of(text: str) -> Decimal | None:
    """A figure as people write it: 12,345.6, full-width digits and a trailing unit are understood; None for a blank.

    Raises ValueError for anything else."""
    plain = _UNIT.sub("", narrow(text.strip()).replace(",", "").replace(" ", ""))
    if not plain:
        return None
    if not _DECIMAL.fullmatch(plain) or len(plain) > DIGITS_MAX:
        raise ValueError(text)
    try:
        return Decimal(plain)
    except InvalidOperation as error:
        raise ValueError(text) from error


def moment_of(text: str, zone: ZoneInfo, day: date | None) -> int | None:
    """A time as people and spreadsheets write it, in UTC ms; a bare time of day is of ``day``. Raises ValueError."""
    plain = narrow(text.strip()).replace("/", "-")
    if not plain:
        return None
    clock = re.fullmatch(r"(\d{1,2}):(\d{2})(?::(\d{2}))?", plain)
    if clock and day is not None:
        hour, minute, second = (int(part or 0) for part in clock.groups())
        return ms_of(datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=zone))
    padded = re.sub(r"(?<!\d)(\d)(?!\d)", r"0\1", plain)
    moment = datetime.fromisoformat(padded)
    if moment.year < YEAR_MIN:
        raise ValueError(text)
    return ms_of(moment if moment.tzinfo else moment.replace(tzinfo=zone))


def ms_of(moment: datetime) -> int:
    """UTC ms of a moment with its zone."""
    return round(moment.timestamp() * 1000)
