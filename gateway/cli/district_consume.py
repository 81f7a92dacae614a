"""``campus-gateway district consume``: from a NATS JetStream cluster into the database (队列入库)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from gateway.cli.district_keys import database_option, expected
from gateway.cli.district_relay import relay_options, upstreams_of
from gateway.cli.options import clock_options, clock_setting, with_options
from gateway.errors import ConfigError

if TYPE_CHECKING:
    from district.queue.setting import QueueSetting

MIB = 1024 * 1024
F = TypeVar("F", bound=Callable[..., object])
_OPTIONS = (
    click.option(
        "--ingest",
        metavar="URL,URL",
        envvar="CAMPUS_DISTRICT_INGEST",
        help="nats://… of a JetStream cluster that batches go through; then `district consume` takes them in (经队列接收). "
        "Also CAMPUS_DISTRICT_INGEST.",
    ),
    click.option(
        "--ingest-replicas",
        type=click.IntRange(1, 5),
        default=3,
        show_default=True,
        help="How many servers of the cluster keep a batch, when the stream is made.",
    ),
    click.option(
        "--ingest-mib-max",
        type=click.IntRange(1, 2**20),
        default=8192,
        show_default=True,
        help="What may wait in the cluster, when the stream is made; beyond it gateways are asked to send again later.",
    ),
)


def ingest_options(command: F) -> F:
    return with_options(_OPTIONS, command)


def queue_of(ingest: str | None, ingest_replicas: int, ingest_mib_max: int) -> QueueSetting | None:
    """None where nothing is said of a queue."""
    from district.queue.setting import QueueSetting

    servers = tuple(one.strip() for one in (ingest or "").split(",") if one.strip())
    for server in servers:
        if not server.startswith(("nats://", "tls://")):
            raise click.UsageError(
                f"--ingest {server} is not known; nats://… or tls://…, several with commas"
            )
    if servers and find_spec("nats") is None:
        raise ConfigError(
            "--ingest needs the extra district-nats: pip install 'campus-gateway[district-nats]'"
        )
    return QueueSetting(servers, ingest_replicas, ingest_mib_max * MIB) if servers else None


@click.command()
@database_option
@relay_options
@ingest_options
@clock_options
def consume(
    *,
    database: Path | str | None,
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
    """Take what waits in the cluster into the database (队列入库), beside any number of others that do so."""
    where, upstreams = expected(database), upstreams_of(relay_to, relay_key_file, relay_name)
    queue = queue_of(ingest, ingest_replicas, ingest_mib_max)
    if queue is None:
        raise click.UsageError("--ingest nats://… is missing: say where the queue is")
    from district.refusal import DistrictError
    from district.serve import Settings, consume
    from runtime import logs
    from runtime.clock import SystemClock

    logs.configure("district")
    clock = SystemClock(clock_setting(clock_rate, clock_start))
    settings = Settings(where, upstreams=upstreams, waiting_mib=relay_mib_max, queue=queue)
    try:
        asyncio.run(consume(settings, queue, clock))
    except DistrictError as error:
        raise ConfigError(str(error)) from error
