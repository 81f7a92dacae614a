"""``campus-gateway dashboard``: the campus pages of one site."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.options import clock_options, clock_setting, site_argument
from gateway.errors import ConfigError
from runtime.addresses import is_loopback
from runtime.files import OTHERS

if TYPE_CHECKING:
    from dashboard.seams import Parts, Views
    from dashboard.serve import Door
    from edge_config.site import LoadedSite
    from runtime.clock import Clock, ClockSetting


@click.command()
@site_argument
@click.option("--host", metavar="ADDRESS", help="Listen here instead of the site file's dashboard.host.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Listen here instead of the site file's dashboard.port."
)
@click.option(
    "--setup-token-file",
    type=click.Path(path_type=Path),
    help="Take the one-time login token from this file (mode 0600).",
)
@click.option(
    "--tls-cert",
    type=click.Path(path_type=Path),
    help="Certificate chain; with --tls-key the pages are served by HTTPS.",
)
@click.option("--tls-key", type=click.Path(path_type=Path), help="Private key of the certificate.")
@click.option(
    "--hub",
    metavar="DATABASE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Show a whole campus (校区汇总) from the database of its `district --role hub`, on this machine, instead of the site "
    "file's hub.database.",
)
@clock_options
def dashboard(
    site: Path,
    *,
    host: str | None,
    port: int | None,
    setup_token_file: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    hub: Path | None,
    clock_rate: float,
    clock_start: str | None,
) -> None:
    """Serve the campus pages (看板) until Ctrl-C. A login link is printed until somebody has set a password."""
    from dashboard.commands import Nobody
    from dashboard.serve import Door, serve
    from gateway.cli.sites import open_any
    from runtime import logs

    logs.configure("dashboard")
    loaded = open_any(site)
    hub = hub or loaded.hub_path
    listen = loaded.file.dashboard
    door = Door(host or listen.host, listen.port if port is None else port, tls_cert, tls_key)
    _check(door)
    parts = _parts(loaded, door, clock_setting(clock_rate, clock_start), setup_token_file)
    if hub is None:
        asyncio.run(serve(parts, door))
        return
    views_of = _hub_views(hub, parts.clock)
    campus = replace(parts, views=views_of(loaded), commands=Nobody(), is_hub=True)
    campus.views.hub()  # refused now rather than on every page
    asyncio.run(serve(campus, door, views_of))


def _hub_views(path: Path, clock: Clock) -> Callable[[LoadedSite], Views]:
    from gateway.query.hub.reader import HubReader

    return lambda site: HubReader(site, clock, path)


def _check(door: Door) -> None:
    """Plain HTTP only where no wire is: on this machine itself."""
    if (door.certificate is None) != (door.key is None):
        raise ConfigError("--tls-cert and --tls-key belong together; give both or neither")
    if door.certificate is None and not is_loopback(door.host):
        raise ConfigError(
            f"the dashboard does not serve {door.host} without HTTPS, for passwords would cross the network in the clear; "
            "give --tls-cert and --tls-key, or listen on 127.0.0.1 behind a proxy that has them"
        )
    if door.key is not None:
        _check_key(door.key)


def _check_key(key: Path) -> None:
    try:
        mode = key.stat().st_mode
    except OSError as error:
        raise ConfigError(f"--tls-key {key} cannot be read: {error.strerror}") from error
    if mode & OTHERS:
        raise ConfigError(f"--tls-key {key} may be read by every user of this machine; run: chmod 600 {key}")


def _parts(site: LoadedSite, door: Door, setting: ClockSetting, token_file: Path | None) -> Parts:
    from dashboard.commands import Collector
    from dashboard.seams import Parts
    from gateway.query.reader import Reader
    from runtime.clock import SystemClock

    clock = SystemClock(setting)
    return Parts(
        site=site,
        views=Reader(site, clock),
        commands=Collector(site.control_path),
        clock=clock,
        real_clock=SystemClock(),
        database=site.buffer_path.parent / "dashboard.db",
        is_secure=door.certificate is not None,
        setup_token_file=token_file,
    )
