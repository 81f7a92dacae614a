"""``campus-gateway replay``: readings with their own times through the ingest door."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import BinaryIO

import click

from gateway.cli.options import clock_options, clock_setting, site_argument


@click.command()
@site_argument
@click.argument("file", type=click.File("rb"), default="-")
@click.option(
    "--interval",
    "interval_s",
    type=float,
    help="Seconds between readings of a point, where FILE does not say.",
)
@click.option("--quiet", is_flag=True, help="No progress bar.")
@clock_options
def replay(
    site: Path,
    file: BinaryIO,
    interval_s: float | None,
    quiet: bool,
    clock_rate: float,
    clock_start: str | None,
) -> None:
    """Take in FILE (JSON lines; - is standard input) of readings with their own times (补录).

    Each line is {"point": "main-e.energy_import", "measured_at": 1764000000000, "value": 12.3}; measured_at may also be
    ISO 8601 with a zone. The collector must not be running on this buffer.
    """
    from gateway.cli.progress import Progress
    from gateway.cli.sites import open_site
    from gateway.door.replay import Header
    from gateway.door.replay import replay as take_in
    from runtime import logs
    from runtime.clock import SystemClock

    logs.configure("replay")
    loaded = open_site(site)
    clock = SystemClock(clock_setting(clock_rate, clock_start))
    header = Header(interval_s, 0, clock.now_ms()) if interval_s else None
    with Progress("补录历史 history", quiet=quiet) as progress:
        stored = asyncio.run(take_in(loaded, clock, file.name, file, header, progress.show))
    if not quiet:
        click.echo(f"{stored} readings stored in {loaded.buffer_path}", err=True)
