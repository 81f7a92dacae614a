"""``campus-gateway collect``: the collector alone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from gateway.cli.options import clock_options, clock_setting, site_argument


@click.command()
@site_argument
@clock_options
@click.option("--verbose", is_flag=True, help="Log every repeat as well.")
def collect(site: Path, clock_rate: float, clock_start: str | None, verbose: bool) -> None:
    """Read, store, account and deliver (采集) until Ctrl-C."""
    from gateway.app import collect as run_collector
    from gateway.cli.sites import open_site
    from runtime import logs
    from runtime.clock import SystemClock
    from runtime.stop import stop_event

    logs.configure("collector", verbose=verbose)
    loaded = open_site(site)
    clock = SystemClock(clock_setting(clock_rate, clock_start))

    async def run() -> None:
        await run_collector(loaded, clock, stop_event())

    asyncio.run(run())
