"""``campus-gateway work``: the worker alone."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.options import clock_options, clock_setting, site_argument

if TYPE_CHECKING:
    from gateway import worker


@click.command()
@site_argument
@click.option("--once", is_flag=True, help="Do what is due now and end.")
@click.option(
    "--day",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Make this day's statement, again if it was made before, and end.",
)
@clock_options
@click.option("--verbose", is_flag=True, help="Log every repeat as well.")
def work(
    site: Path, once: bool, day: datetime | None, clock_rate: float, clock_start: str | None, verbose: bool
) -> None:
    """Run the worker (定时任务) until Ctrl-C: the daily statement (零报告) after 00:10, and any that is missing."""
    from gateway import worker
    from gateway.cli.sites import open_site
    from runtime import logs
    from runtime.clock import SystemClock
    from runtime.stop import stop_event

    logs.configure("worker", verbose=verbose)
    loaded = open_site(site)
    clock = SystemClock(clock_setting(clock_rate, clock_start))

    async def run() -> None:
        await worker.work(loaded, clock, stop_event())

    if once or day is not None:
        asyncio.run(_once(worker.Worker(loaded, clock), None if day is None else day.date()))
    else:
        asyncio.run(run())


async def _once(one: worker.Worker, day: date | None) -> None:
    """Raises ControlError when the collector is away or refuses."""
    made = await one.work_off() if day is None else [await one.hand_over(day, again=True)]
    for statement in made:
        click.echo(
            f"{statement.day}: {statement.slots_measured} of {statement.slots_due} slots measured (零报告)"
        )
    if not made:
        click.echo("no statement is due (没有待生成的日报)")
