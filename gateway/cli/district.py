"""``campus-gateway district``: serve the district (区平台), and ``district enrol`` to let a gateway in."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from gateway.cli.options import clock_options, clock_setting
from gateway.errors import ConfigError

PORT = 8610

database_option = click.option(
    "--database",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="PATH",
    help="The district's SQLite file; made when it is missing.",
)


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@database_option
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on, IPv4 or IPv6 (:: for both)."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0 takes a free one."
)
@click.option(
    "--allow-remote-pages",
    is_flag=True,
    help="Serve pages, totals and metrics on an address others can reach; there is no login, put one in front.",
)
@clock_options
@click.pass_context
def district(
    context: click.Context,
    database: Path | None,
    host: str,
    port: int,
    allow_remote_pages: bool,
    clock_rate: float,
    clock_start: str | None,
) -> None:
    """Serve the district (区平台): take in batches, show the schools.

    On an address other than this machine's own only batches and health are served, unless --allow-remote-pages.
    """
    if context.invoked_subcommand is not None:
        return
    if database is None:
        raise click.UsageError("--database PATH is missing: say where the district keeps its data", context)
    from district.refusal import DistrictError
    from district.serve import Settings, serve
    from runtime import logs
    from runtime.clock import SystemClock

    logs.configure("district")
    clock = SystemClock(clock_setting(clock_rate, clock_start))
    try:
        asyncio.run(serve(Settings(database, host, port, allow_remote_pages), clock))
    except DistrictError as error:
        raise ConfigError(str(error)) from error


@district.command()
@database_option
@click.argument("site")
@click.argument("gateway")
@click.option("--name", help="The school's name, shown until its gateway sends it.")
@click.option(
    "--replace-key", is_flag=True, help="Give an enrolled gateway a new key; the old one stops working."
)
def enrol(database: Path | None, site: str, gateway: str, name: str | None, replace_key: bool) -> None:
    """Let GATEWAY of SITE write (登记网关). Prints its key once; only a digest of it is kept."""
    if database is None:
        raise click.UsageError("--database PATH is missing: say where the district keeps its data")
    from district import keys
    from district.refusal import DistrictError
    from district.service import enrol as enrol_gateway
    from runtime.clock import SystemClock

    for text in (site, gateway):
        if not keys.ID.fullmatch(text):
            raise click.UsageError(
                f"{text!r} is no id: up to 40 small letters, digits and hyphens, as in the site file"
            )
    try:
        key = enrol_gateway(
            database, site, gateway, name or site, SystemClock().now_ms(), replace=replace_key
        )
    except DistrictError as error:
        raise ConfigError(str(error)) from error
    if key is None:
        raise ConfigError(f"{gateway} of {site} has a key; --replace-key gives it a new one and ends the old")
    click.echo(key)
