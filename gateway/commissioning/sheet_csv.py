"""A 数据核对表 as CSV. Written as UTF-8 with its mark, so that Excel and WPS open it in Chinese; read back in that or in
GB 18030, which is what they may save.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from gateway.commissioning.sheet import BLANKS, HEADERS, Meter, Table
from gateway.errors import ConfigError

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""The full-width forms too: a spreadsheet set to Chinese takes them for the same."""


def text_of(meters: Iterable[Meter]) -> str:
    """The sheet as CSV text, a row for each meter, what is to be filled in blank."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(HEADERS)
    for meter in meters:
        writer.writerow([
            meter.point, *map(_no_formula, (meter.device, meter.space, meter.model)), meter.bus, meter.address,
            meter.quantity, meter.unit,
            f"{meter.step.normalize():f}", f"{meter.ratio.normalize():f}",
            "" if meter.reading is None else f"{meter.reading:f}",
            "" if meter.read_at is None else meter.read_at.isoformat(" ", "seconds"), *("" for _ in BLANKS),
        ])  # fmt: skip
    return out.getvalue()


def _no_formula(text: str) -> str:
    """A name as text: what a spreadsheet would take for a formula gets an apostrophe. None of these is read back."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def data_of(meters: Iterable[Meter]) -> bytes:
    """The sheet as the bytes of a file."""
    return text_of(meters).encode("utf-8-sig")


def table_of(name: str, data: bytes) -> Table:
    """The rows of a file. Raises ConfigError for what is no CSV."""
    rows = csv.reader(io.StringIO(_text(name, data), newline=""))
    try:
        return Table([(rows.line_num, row) for row in rows], is_typed=False)
    except csv.Error as error:
        raise ConfigError(f"{name}:{rows.line_num}: no CSV: {error}") from error


def _text(name: str, data: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise ConfigError(f"{name} is neither UTF-8 nor GB 18030 text; save it as CSV UTF-8")
