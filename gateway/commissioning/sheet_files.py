"""A 数据核对表 as a file: .xlsx or .csv by its name. Never written over, never larger than a sheet can be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway.commissioning import sheet_csv, sheet_rows, sheet_xlsx, sheet_xlsx_read
from gateway.commissioning.sheet import Heading, Meter, Sheet
from gateway.errors import ConfigError

BYTES_MAX = 5_000_000
INSTALL = "spreadsheets need the extra `sheet`: pip install 'campus-gateway[sheet]', or use a .csv file"


def write(path: Path, heading: Heading, meters: Sequence[Meter]) -> None:
    """Raises ConfigError: for another name than .xlsx or .csv, or a file that exists or cannot be made."""
    data = _data(path, heading, meters)
    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError:
        raise ConfigError(f"{path} exists and may be filled in already; name another file") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error


def read(path: Path, zone: ZoneInfo) -> Sheet:
    """A sheet that was filled in. Raises ConfigError for a file that is none; single cells are told of in the sheet."""
    suffix = path.suffix.lower()
    if suffix not in {".xlsx", ".csv"}:
        raise ConfigError(f"{path} is neither .xlsx nor .csv; save it as one of them (另存为 .xlsx)")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > BYTES_MAX:
        raise ConfigError(f"{path} is larger than {BYTES_MAX:,} bytes and no sheet of ours")
    if suffix == ".csv":
        return sheet_rows.understand(str(path), sheet_csv.table_of(str(path), data), zone)
    try:
        table = sheet_xlsx_read.table_of(str(path), data)
    except ImportError as error:
        raise ConfigError(f"{path}: {INSTALL}") from error
    return sheet_rows.understand(str(path), table, zone)


def _data(path: Path, heading: Heading, meters: Sequence[Meter]) -> bytes:
    match path.suffix.lower():
        case ".csv":
            return sheet_csv.data_of(meters)
        case ".xlsx":
            try:
                return sheet_xlsx.data_of(heading, meters)
            except ImportError as error:
                raise ConfigError(f"{path}: {INSTALL}") from error
    raise ConfigError(f"{path} is neither .xlsx nor .csv; name OUT.xlsx or OUT.csv")
