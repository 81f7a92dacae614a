"""``campus-gateway district refused``: batches that were refused after their receipt from the queue, and what becomes of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from district.store.database import Database
from gateway.cli.district_keys import database_option, with_database
from gateway.cli.table import json_line
from gateway.errors import ConfigError
from runtime.clock import format_utc

if TYPE_CHECKING:
    from district.queue.again import Again
    from district.queue.refused import RefusedBatch, RefusedName

KIB = 1024
MISSING = "no batch {name} is kept here; `district refused list` shows those that are"


@click.group()
def refused() -> None:
    """Batches refused after their receipt from the queue (回执后拒收), each kept whole until a person decides."""


@refused.command("list")
@database_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_refused(database: Path | str | None, as_json: bool) -> None:
    """Name, time, size and reason of each, the latest first (列出)."""
    from district.queue import refused as kept

    def ask(opened: Database, _: int) -> list[RefusedBatch]:
        with opened.snapshot() as connection:
            return kept.newest(connection)

    for one in with_database(database, ask):
        if as_json:
            click.echo(json_line({**dataclasses.asdict(one), "name": str(one.name)}))
            continue
        click.echo(f"{one.name}  {format_utc(one.at)}  {one.bytes / KIB:.1f} KiB  {one.error}: {one.detail}")


@refused.command()
@database_option
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def save(database: Path | str | None, name: str, file: Path) -> None:
    """Write the JSON of the batch NAME to a new FILE, 0600 (存成文件), for whoever looks into it. It stays kept here."""
    from district.body import inflate
    from district.queue import refused as kept

    def ask(opened: Database, _: int) -> bytes:
        with opened.snapshot() as connection:
            found = kept.one(connection, _named(name))
        if found is None:
            raise ConfigError(MISSING.format(name=name))
        return inflate(found[0].raw, found[0].encoding)

    plain = with_database(database, ask)
    try:
        file.touch(0o600, exist_ok=False)
        file.write_bytes(plain)
    except OSError as error:
        raise ConfigError(f"cannot write the new file {file}: {error.strerror or error}") from error
    click.echo(f"{file}: {len(plain)} bytes")


@refused.command()
@database_option
@click.argument("name")
def retry(database: Path | str | None, name: str) -> None:
    """Take the batch NAME once more (再收一次), once its cause is gone; of one that is held in part, the rest. Taken, it is kept
    here no longer; refused again, it stays."""

    def act(opened: Database, now: int) -> Again:
        from district.queue.again import take_again

        return take_again(opened, _named(name), now)

    done = with_database(database, act)
    click.echo(f"taken 已入库 {done.taken}  refused 拒收 {done.rejected}  held before 原已有 {done.held}")


@refused.command()
@database_option
@click.argument("name")
def discard(database: Path | str | None, name: str) -> None:
    """Let the batch NAME go for ever (删除). Its gateway has a receipt and does not send it again: `save` it first."""
    from district.queue import refused as kept

    def act(opened: Database, _: int) -> bool:
        with opened.transaction() as connection:
            return kept.forget(connection, _named(name))

    if not with_database(database, act):
        raise ConfigError(MISSING.format(name=name))
    click.echo(f"{name}: discarded 已删除")


def _named(text: str) -> RefusedName:
    from district.queue import refused as kept

    name = kept.named(text)
    if name is None:
        raise ConfigError(f"{text!r} is no batch's name; `district refused list` shows them")
    return name
