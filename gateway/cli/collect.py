"""``campus-gateway collect``: the collector alone."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import click

from gateway.cli.options import clock_options, clock_setting, site_argument


@click.command()
@site_argument
@clock_options
@click.option(
    "--record",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write the raw traffic of all buses and brokers to FILE as JSON lines, for support.",
)
@click.option(
    "--record-max-mb",
    type=click.FloatRange(0.01, 10_000),
    default=50.0,
    show_default=True,
    help="End the recording at this size.",
)
@click.option("--verbose", is_flag=True, help="Log every repeat as well.")  # fmt: skip
def collect(
    site: Path,
    clock_rate: float,
    clock_start: str | None,
    record: Path | None,
    record_max_mb: float,
    verbose: bool,
) -> None:
    """Read, store, account and deliver (采集) until Ctrl-C."""
    from gateway.app import collect as run_collector
    from gateway.cli.sites import open_site
    from gateway.sources.recording import MEGABYTE, Recorder
    from runtime import logs, names
    from runtime.clock import SystemClock
    from runtime.stop import stop_event

    logs.configure("collector", verbose=verbose)
    loaded = open_site(site)
    clock = SystemClock(clock_setting(clock_rate, clock_start))

    async def run() -> None:
        names.settle(asyncio.get_running_loop())
        with contextlib.ExitStack() as stack:
            recorder = None
            if record is not None:
                recorder = stack.enter_context(Recorder(record, round(record_max_mb * MEGABYTE), clock))
            await run_collector(loaded, clock, stop_event(), recorder)

    asyncio.run(run())
