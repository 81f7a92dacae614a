"""``campus-gateway district``: serve the district (区平台); its subcommands let gateways in and look after their keys."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from gateway.cli.district_consume import consume, ingest_options, queue_of
from gateway.cli.district_keys import database_option, enrol, expected, key, move_point, redeem
from gateway.cli.district_refused import refused
from gateway.cli.district_relay import enrol_relay, relay, relay_options, revoke_relay, upstreams_of
from gateway.cli.options import clock_options, clock_setting
from gateway.errors import ConfigError

PORT = 8610


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
@click.option(
    "--role",
    type=click.Choice(["district", "hub"]),
    default="district",
    show_default=True,
    help="hub (校区汇总): the gateways of one campus upload here, and its dashboard reads the database.",
)
@relay_options
@ingest_options
@clock_options
@click.pass_context
def district(
    context: click.Context,
    /,
    *,
    database: Path | str | None,
    host: str,
    port: int,
    allow_remote_pages: bool,
    role: str,
    relay_to: tuple[str, ...],
    relay_key_file: tuple[Path, ...],
    relay_name: tuple[str, ...],
    relay_mib_max: int,
    ingest: str | None,
    ingest_replicas: int,
    ingest_mib_max: int,
    clock_rate: float,
    clock_start: str | None,
) -> None:
    """Serve the district (区平台): take in batches, show the schools.

    On an address other than this machine's own only batches, enrolments and health are served, unless --allow-remote-pages.
    """
    if context.invoked_subcommand is not None:
        return
    where = expected(database)
    upstreams = upstreams_of(relay_to, relay_key_file, relay_name)
    queue = queue_of(ingest, ingest_replicas, ingest_mib_max)
    from district.refusal import DistrictError
    from district.serve import Settings, serve
    from runtime import logs
    from runtime.clock import SystemClock

    logs.configure("district")
    clock = SystemClock(clock_setting(clock_rate, clock_start))
    settings = Settings(where, host, port, allow_remote_pages, upstreams, relay_mib_max, queue, role == "hub")
    try:
        asyncio.run(serve(settings, clock))
    except DistrictError as error:
        raise ConfigError(str(error)) from error


for command in (enrol, redeem, key, move_point, enrol_relay, revoke_relay, relay, consume, refused):
    district.add_command(command)
