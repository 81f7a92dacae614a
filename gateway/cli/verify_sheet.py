"""``campus-gateway verify-sheet make | read``: the 数据核对表, out with blanks and back in with deviations."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.options import clock_options, clock_setting, site_argument
from gateway.cli.table import json_line, table

if TYPE_CHECKING:
    from gateway.commissioning.verify import Deviation


@click.group()
def verify_sheet() -> None:
    """Compare the gateway with the panels (数据核对表): make a sheet, fill it in at the meters, read it back."""


@verify_sheet.command()
@site_argument
@click.argument("out", metavar="OUT.csv", type=click.Path(path_type=Path))
@clock_options
def make(site: Path, out: Path, clock_rate: float, clock_start: str | None) -> None:
    """Write OUT.csv (生成核对表): every meter with the gateway's reading and a blank for the panel's.

    CSV in UTF-8 with its mark; Excel and WPS open it.
    """
    from gateway.cli.sites import open_without_secrets
    from gateway.commissioning.meters import meters
    from gateway.commissioning.sheet import write
    from gateway.query.reader import Reader
    from runtime.clock import SystemClock

    loaded = open_without_secrets(site)
    found = meters(loaded, Reader(loaded, SystemClock(clock_setting(clock_rate, clock_start))))
    write(out, found)
    silent = sum(not meter.reading for meter in found)
    lacking = f", {silent} of them without a reading: is the collector running?" if silent else ""
    click.echo(f"{len(found)} meters written to {out}{lacking}", err=True)


@verify_sheet.command()
@site_argument
@click.argument("file", metavar="FILE.csv", type=click.Path(path_type=Path))
@click.option("--tolerance-pct", type=click.FloatRange(0, 100), default=0.0, show_default=True,
              help="Deviation in percent of the panel's reading that is still right.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@clock_options
def read(
    site: Path, file: Path, tolerance_pct: float, as_json: bool, clock_rate: float, clock_start: str | None
) -> None:
    """Report deviations (核对结果) of FILE.csv, filled in. Exit code 1 when one is beyond tolerance.

    One register step, the panel's last digit and what flowed in between are no deviation.
    """
    from gateway.cli.sites import open_without_secrets
    from gateway.commissioning import sheet
    from gateway.commissioning.meters import known
    from gateway.commissioning.verify import compare
    from gateway.errors import ConfigError
    from gateway.query.reader import Reader
    from runtime.clock import SystemClock

    loaded = open_without_secrets(site)
    rows = sheet.read(file, loaded.zone)
    if not any(row.panel is not None for row in rows):
        raise ConfigError(f"{file} has no panel readings; fill in the column {sheet.PANEL}")
    reader = Reader(loaded, SystemClock(clock_setting(clock_rate, clock_start)))
    tolerance = Decimal(repr(tolerance_pct))
    facts = known(loaded, reader, rows)
    found = [compare(row, fact, tolerance) for row, fact in zip(rows, facts, strict=True)]
    if as_json:
        for one in found:
            click.echo(json_line(_plain(one)))
    else:
        _print(found)
    if any(one.is_beyond for one in found):
        raise click.exceptions.Exit(1)


def _plain(one: Deviation) -> dict[str, object]:
    return {
        "point": one.point, "unit": one.unit, "panel": _number(one.panel), "gateway": _number(one.gateway),
        "difference": _number(one.difference), "percent": one.percent, "allowed": _number(one.allowed),
        "is_beyond": one.is_beyond, "hint": one.hint,
    }  # fmt: skip


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _print(found: list[Deviation]) -> None:
    words = {True: "超差 beyond", False: "相符 agrees", None: "未核对 not compared"}
    click.echo(table(("point", "panel", "gateway", "difference", "%", "allowed", "unit", "", ""), (
        (
            one.point, one.panel, one.gateway, one.difference, None if one.percent is None else f"{one.percent:+.2f}",
            one.allowed and f"{one.allowed.normalize():f}", one.unit, words[one.is_beyond], one.hint,
        )
        for one in found
    )))  # fmt: skip
    beyond, compared = (
        sum(one.is_beyond is True for one in found),
        sum(one.is_beyond is not None for one in found),
    )
    click.echo(f"{compared} of {len(found)} compared, {beyond} beyond tolerance (超差 {beyond})")
