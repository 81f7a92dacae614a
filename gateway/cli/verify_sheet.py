"""``campus-gateway verify-sheet make | read``: the 数据核对表, out with blanks and back in with deviations."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.options import clock_options, clock_setting, site_argument
from gateway.cli.table import json_line, table

if TYPE_CHECKING:
    from gateway.commissioning.sheet import Finding
    from gateway.commissioning.verify import Deviation


@click.group()
def verify_sheet() -> None:
    """Compare the gateway with the panels (数据核对表): make a sheet, fill it in at the meters, read it back."""


@verify_sheet.command()
@site_argument
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="The file to write: .xlsx to print or fill in, or .csv.",
)
@clock_options
def make(site: Path, out: Path, clock_rate: float, clock_start: str | None) -> None:
    """Write a sheet (生成核对表): every meter with the gateway's reading and a blank for the panel's.

    By the name of --out a spreadsheet (.xlsx), ready to print on A4, or CSV in UTF-8; Excel and WPS open both.
    """
    from datetime import datetime

    from gateway.cli.sites import open_without_secrets
    from gateway.commissioning.meters import meters
    from gateway.commissioning.sheet import Heading
    from gateway.commissioning.sheet_files import write
    from gateway.query.reader import Reader
    from runtime.clock import SystemClock

    loaded, clock = open_without_secrets(site), SystemClock(clock_setting(clock_rate, clock_start))
    found = meters(loaded, Reader(loaded, clock))
    made_at = datetime.fromtimestamp(clock.now_ms() // 1000, loaded.zone)
    write(out, Heading(loaded.file.site.name, loaded.file.gateway.id, made_at), found)
    silent = sum(meter.reading is None for meter in found)
    lacking = f", {silent} of them without a reading: is the collector running?" if silent else ""
    click.echo(f"{len(found)} meters written to {out}{lacking}", err=True)


@verify_sheet.command()
@site_argument
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--tolerance-pct", type=click.FloatRange(0, 100), default=0.0, show_default=True,
              help="Deviation in percent of the panel's reading that is still right.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@clock_options
def read(
    site: Path, file: Path, tolerance_pct: float, as_json: bool, clock_rate: float, clock_start: str | None
) -> None:
    """Report deviations (核对结果) of FILE, filled in, and every cell that is not understood.

    One register step, the panel's last digit and what flowed in between are no deviation. Exit code 1 when one is beyond
    tolerance or a cell is wrong.
    """
    from gateway.cli.sites import open_without_secrets
    from gateway.commissioning import sheet_files
    from gateway.commissioning.meters import known, meters
    from gateway.commissioning.sheet import PANEL
    from gateway.commissioning.sheet_keys import match
    from gateway.commissioning.verify import compare
    from gateway.errors import ConfigError
    from gateway.query.reader import Reader
    from runtime.clock import SystemClock

    loaded = open_without_secrets(site)
    came = sheet_files.read(file, loaded.zone)
    if not came.findings and all(row.panel is None for row in came.rows):
        raise ConfigError(f"{file} has no panel readings; fill in the column {PANEL}")
    reader = Reader(loaded, SystemClock(clock_setting(clock_rate, clock_start)))
    sheet, tolerance = match(came, meters(loaded, reader), loaded.devices), Decimal(repr(tolerance_pct))
    facts = known(loaded, reader, sheet.rows)
    found = [compare(row, fact, tolerance) for row, fact in zip(sheet.rows, facts, strict=True)]
    if as_json:
        for line in [*map(_plain, found), *sheet.findings]:
            click.echo(json_line(line))
    else:
        _print(found, sheet.findings)
    if any(one.is_beyond for one in found) or any(finding.is_fault for finding in sheet.findings):
        raise click.exceptions.Exit(1)


def _plain(one: Deviation) -> dict[str, object]:
    return {
        "point": one.point, "unit": one.unit, "panel": _number(one.panel), "gateway": _number(one.gateway),
        "difference": _number(one.difference), "percent": one.percent, "allowed": _number(one.allowed),
        "is_beyond": one.is_beyond, "hint": one.hint, "read_by": one.read_by, "remark": one.remark,
    }  # fmt: skip


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _print(found: Sequence[Deviation], findings: Sequence[Finding]) -> None:
    words = {True: "超差 beyond", False: "相符 agrees", None: "未核对 not compared"}
    click.echo(table(("point", "panel", "gateway", "difference", "%", "allowed", "unit", "", "", "by", "remark"), (
        (
            one.point, one.panel, one.gateway, one.difference, None if one.percent is None else f"{one.percent:+.2f}",
            one.allowed and f"{one.allowed.normalize():f}", one.unit, words[one.is_beyond], one.hint, one.read_by, one.remark,
        )
        for one in found
    )))  # fmt: skip
    for finding in findings:
        click.echo(f"{'错误 fault' if finding.is_fault else '提示 note '}  {finding.cell:<4} {finding.says}")
    beyond = sum(one.is_beyond is True for one in found)
    compared = sum(one.is_beyond is not None for one in found)
    blank = sum(one.panel is None for one in found)
    faults = sum(finding.is_fault for finding in findings)
    click.echo(
        f"{compared} of {len(found)} compared, {beyond} beyond tolerance (超差 {beyond}), {blank} blank (未填 {blank}), "
        f"{faults} faults in the sheet (错误 {faults})"
    )
