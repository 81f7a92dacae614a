"""``campus-gateway district enrol | redeem | key | move-point``: who may write at the district, and for which points."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

import click

from district import enrolment, keys
from district.refusal import DistrictError
from district.store import points
from district.store.database import POSTGRESQL, Database, DatabaseTrouble, open_database
from gateway.errors import ConfigError
from runtime.clock import SystemClock, format_utc

T = TypeVar("T")
TOKEN_LENGTH_MAX = 400
ASKED = "-"


def _place(_context: click.Context, _parameter: click.Parameter, text: str | None) -> Path | str | None:
    return text if text is None or "://" in text else Path(text)


database_option = click.option(
    "--database",
    metavar="PATH|URL",
    envvar="CAMPUS_DISTRICT_DATABASE",
    callback=_place,
    help="The district's SQLite file, made when it is missing, or postgresql://… (also CAMPUS_DISTRICT_DATABASE).",
)


def expected(database: Path | str | None) -> Path | str:
    if database is None:
        raise click.UsageError("--database PATH is missing: say where the district keeps its data")
    if isinstance(database, str) and not database.startswith(POSTGRESQL):
        raise click.UsageError(
            f"--database {database.partition(':')[0]}:// is not known; a file or postgresql://…"
        )
    return database


def check_ids(*texts: str) -> None:
    for text in texts:
        if not keys.ID.fullmatch(text):
            raise click.UsageError(
                f"{text!r} is no id: up to 40 small letters, digits and hyphens, as in the site file"
            )


@contextmanager
def _opened(database: Path | str) -> Iterator[Database]:
    """The database, and its errors as a sentence for the operator."""
    try:
        with closing(open_database(database)) as opened:
            yield opened
    except (DistrictError, DatabaseTrouble) as error:
        raise ConfigError(str(error)) from error


@click.command()
@database_option
@click.argument("site")
@click.argument("gateway")
@click.option("--name", help="The school's name, shown until its gateway sends it.")
@click.option(
    "--valid-hours",
    type=click.FloatRange(0, 720, min_open=True),
    default=24.0,
    show_default=True,
    help="How long the token is good.",
)
@click.option(
    "--redeem", "at_once", is_flag=True, help="Redeem the token here and print the gateway's key instead."
)
def enrol(
    database: Path | str | None, site: str, gateway: str, name: str | None, valid_hours: float, at_once: bool
) -> None:  # fmt: skip
    """Let GATEWAY of SITE write (登记网关). Prints a one-time token; only a digest of it is kept."""
    where = expected(database)
    check_ids(site, gateway)
    now = SystemClock().now_ms()
    with _opened(where) as opened:
        valid_ms = round(valid_hours * enrolment.HOUR_MS)
        token = enrolment.issue_token(opened, site, gateway, name or site, now, valid_ms)
        if not at_once:
            click.echo(token)
            return
        made = enrolment.redeem(opened, token, now)
        if made is None:
            raise ConfigError("the token was used by someone else at the same moment; enrol again")
        click.echo(made.key)


@click.command()
@click.argument("url")
@click.argument("token")
@click.option(
    "--to",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the key to this new file (0600).",
)
def redeem(url: str, token: str, path: Path | None) -> None:
    """On the gateway: turn the one-time TOKEN into this gateway's key at the district's URL (…/v1). Prints the key. TOKEN - is
    asked for or read from standard input: what stands on a command line every user of the machine can read."""
    from gateway.uplinks.enrol import redeem as ask

    if token == ASKED:
        token = _asked_token()
    if path is not None and path.exists():
        raise ConfigError(f"{path} is there already; a token is good once, so name a new file")
    key = ask(url, token)
    if path is None:
        click.echo(key)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(key + "\n")


def _asked_token() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("一次性令牌 one-time token", hide_input=True, err=True)).strip()
    return sys.stdin.readline(TOKEN_LENGTH_MAX).strip()


@click.group()
def key() -> None:
    """Keys of an enrolled gateway (网关密钥)."""


@key.command("list")
@database_option
@click.argument("site")
@click.argument("gateway")
def list_keys(database: Path | str | None, site: str, gateway: str) -> None:
    """Show the keys in force: id, made, ends."""
    found = with_database(database, lambda opened, now: enrolment.keys_in_force(opened, site, gateway, now))
    for one in found:
        ends = format_utc(one.ends_at) if one.ends_at is not None else "-"
        click.echo(f"{one.key_id}  made {format_utc(one.made_at)}  ends {ends}")


@key.command()
@database_option
@click.argument("site")
@click.argument("gateway")
@click.option(
    "--old-for-hours",
    type=click.FloatRange(0, 8760),
    default=168.0,
    show_default=True,
    help="How long the keys in force until now go on.",
)
def rotate(database: Path | str | None, site: str, gateway: str, old_for_hours: float) -> None:
    """Print a new key once (更换密钥); the old ones go on for a while, so that the gateway can change over."""
    old_for_ms = round(old_for_hours * enrolment.HOUR_MS)
    click.echo(
        with_database(database, lambda opened, now: enrolment.rotate(opened, site, gateway, now, old_for_ms))
    )


@key.command()
@database_option
@click.argument("site")
@click.argument("gateway")
@click.argument("key_id")
def revoke(database: Path | str | None, site: str, gateway: str, key_id: str) -> None:
    """End a key at once (吊销密钥)."""
    with_database(database, lambda opened, now: enrolment.revoke(opened, site, gateway, key_id, now))


@click.command("move-point")
@database_option
@click.argument("site")
@click.argument("point")
@click.argument("gateway")
@click.option("--by", help="Who moves it; the user of this shell when left out.")
def move_point(database: Path | str | None, site: str, point: str, gateway: str, by: str | None) -> None:
    """Give POINT of SITE to GATEWAY from now on (移交测点). What both sent stays; who, when, from and to are recorded."""

    def move(opened: Database, now: int) -> str:
        with opened.transaction() as connection:
            return points.move(connection, site, point, gateway, by or getpass.getuser(), now)

    click.echo(f"{point}: {with_database(database, move)} → {gateway}")


def with_database(database: Path | str | None, act: Callable[[Database, int], T]) -> T:
    with _opened(expected(database)) as opened:
        return act(opened, SystemClock().now_ms())
