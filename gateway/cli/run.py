"""``campus-gateway run``: collector, dashboard and worker of one site under one command."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from gateway.cli.options import clock_options, clock_setting, site_argument


@click.command()
@site_argument
@clock_options
def run(site: Path, clock_rate: float, clock_start: str | None) -> None:
    """Run collector (采集), dashboard (看板) and worker (定时任务) for SITE.yaml until Ctrl-C."""
    from gateway.cli.sites import open_site
    from gateway.cli.supervise import Supervisor
    from runtime import logs
    from runtime.stop import stop_event

    logs.configure("run")
    open_site(site)
    clock = clock_setting(clock_rate, clock_start).arguments()

    async def supervise() -> None:
        stop = stop_event()
        async with Supervisor() as supervisor:
            for command in ("collect", "dashboard", "work"):
                await supervisor.start(command, command, str(site), *clock)
            await supervisor.wait(stop)

    asyncio.run(supervise())
