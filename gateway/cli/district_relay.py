"""``campus-gateway district enrol-relay | revoke-relay | relay``: handing on to a district above, seen from both of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import click

from district.store import relays
from district.store.database import Database
from gateway.cli.district_keys import check_ids, database_option, with_database
from gateway.cli.options import with_options
from gateway.errors import ConfigError
from runtime.clock import format_utc

if TYPE_CHECKING:
    from district.relay.running import Upstream
    from district.relay.upkeep import Standing

F = TypeVar("F", bound=Callable[..., object])
MIB = 1024 * 1024
_OPTIONS = (
    click.option(
        "--relay-to",
        metavar="URL",
        multiple=True,
        help="Hand on every batch unchanged to the district above, …/v1 (向上级转发).",
    ),
    click.option(
        "--relay-key-file",
        type=click.Path(path_type=Path, dir_okay=False),
        multiple=True,
        help="The file with the key that `enrol-relay` printed above; one for each --relay-to.",
    ),
    click.option(
        "--relay-name", multiple=True, help="What the district above is called here; its host when left out."
    ),
    click.option(
        "--relay-mib-max",
        type=click.IntRange(1, 65536),
        default=64,
        show_default=True,
        help="What may wait of one gateway; beyond it is asked to send again later.",
    ),
)


def relay_options(command: F) -> F:
    return with_options(_OPTIONS, command)


def upstreams_of(
    relay_to: tuple[str, ...], relay_key_file: tuple[Path, ...], relay_name: tuple[str, ...]
) -> tuple[Upstream, ...]:
    from district.relay.running import Upstream

    urls, files, names = relay_to, relay_key_file, relay_name
    if len(files) != len(urls):
        raise click.UsageError("each --relay-to needs one --relay-key-file, in the same order")
    if any("@" in urlsplit(url).netloc for url in urls):
        raise click.UsageError(
            "--relay-to holds a name or a password; take it out, the key file says who we are"
        )
    if names and len(names) != len(urls):
        raise click.UsageError("either no --relay-name or one for each --relay-to, in the same order")
    called = names or tuple(urlsplit(url).hostname or url for url in urls)
    if len(set(called)) != len(called):
        raise click.UsageError("two districts above have one name; give each its own --relay-name")
    return tuple(Upstream(*one) for one in zip(called, urls, files, strict=True))


@click.command("enrol-relay")
@database_option
@click.argument("relay")
@click.argument("sites", metavar="SITE...", nargs=-1, required=True)
@click.option("--key-id", help="Let this key of RELAY open more sites instead of making a new one.")
def enrol_relay(database: Path | str | None, relay: str, sites: tuple[str, ...], key_id: str | None) -> None:
    """Let the district RELAY below hand on for SITE... (登记下级平台). Prints its key once; only a digest of it is kept."""
    check_ids(relay, *sites)
    if key_id is not None:
        with_database(database, lambda opened, now: relays.extend(opened, relay, key_id, sites, now))
        click.echo(f"{relay} {key_id}: {', '.join(sites)}")
        return
    click.echo(with_database(database, lambda opened, now: relays.enrol(opened, relay, sites, now)))


@click.command("revoke-relay")
@database_option
@click.argument("relay")
@click.argument("sites", metavar="[SITE...]", nargs=-1)
def revoke_relay(database: Path | str | None, relay: str, sites: tuple[str, ...]) -> None:
    """End every key of RELAY at once (吊销下级平台), for SITE... or, when none is named, for all its sites."""
    ended = with_database(database, lambda opened, now: relays.revoke(opened, relay, sites, now))
    if not ended:
        raise ConfigError(f"relay {relay} has no key in force here")
    click.echo(f"{relay}: {ended}")


@click.group()
def relay() -> None:
    """What waits for the districts above (上级转发)."""


@relay.command()
@database_option
def status(database: Path | str | None) -> None:
    """How far each gateway is at each district above, and why it stands still (转发状态)."""
    from district.relay import upkeep

    def ask(opened: Database, _: int) -> list[Standing]:
        with opened.transaction() as connection:
            return upkeep.standings(connection)

    for one in with_database(database, ask):
        click.echo(_line(one))


def _line(one: Standing) -> str:
    said = [
        f"{one.upstream}  {one.site}/{one.gateway} {one.epoch}",
        f"waiting 待转发 {one.waiting} ({one.bytes / MIB:.1f} MiB"
        + (f", oldest 最早 {format_utc(one.oldest_at)})" if one.oldest_at is not None else ")"),
        f"last 最近 {format_utc(one.delivered_at) if one.delivered_at is not None else '-'}",
    ]
    if one.lacking:
        said.append(f"missing above 上级缺 {one.lacking}")
    if one.rejected:
        said.append(f"refused above 上级拒收 {one.rejected}")
    if one.stopped_for:
        said.append(f"STOPPED 已停止 {one.stopped_for}: {one.detail}")
    elif one.waiting and one.trouble:
        since = format_utc(one.trouble_since) if one.trouble_since is not None else "-"
        said.append(f"held up 受阻 {one.trouble} since 自 {since}: {one.detail}")
    return "  ".join(said)


@relay.command()
@database_option
@click.argument("site")
@click.argument("gateway")
@click.argument("upstream")
def resume(database: Path | str | None, site: str, gateway: str, upstream: str) -> None:
    """Let a stopped gateway go on to UPSTREAM (恢复转发), once its cause is gone."""
    from district.relay import upkeep

    def act(opened: Database, _: int) -> int:
        with opened.transaction() as connection:
            return upkeep.resume(connection, site, gateway, upstream)

    if not with_database(database, act):
        raise ConfigError(f"nothing of {gateway} of {site} is stopped on its way to {upstream}")


@relay.command()
@database_option
@click.argument("site")
@click.argument("gateway")
@click.argument("epoch")
@click.argument("upstream")
def drop(database: Path | str | None, site: str, gateway: str, epoch: str, upstream: str) -> None:
    """Give up what waits of an EPOCH for UPSTREAM (放弃转发). It stays in this district and never gets there."""
    from district.relay import upkeep

    def act(opened: Database, _: int) -> int:
        with opened.transaction() as connection:
            return upkeep.drop(connection, site, gateway, epoch, upstream)

    click.echo(f"{site}/{gateway} {epoch}: {with_database(database, act)}")


@relay.command()
@database_option
@click.argument("upstream")
def end(database: Path | str | None, upstream: str) -> None:
    """Relay no longer to UPSTREAM (停止转发): what only it waits for is let go. Stop the district first."""
    from district.relay import upkeep

    def act(opened: Database, _: int) -> int:
        with opened.transaction() as connection:
            return upkeep.end(connection, upstream)

    concerned = with_database(database, act)
    if not concerned:
        raise ConfigError(
            f"nothing here was ever relayed to {upstream}; `district relay status` shows the names"
        )
    click.echo(f"{upstream}: {concerned}")
