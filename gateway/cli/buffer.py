"""``campus-gateway buffer check | stats | backup | restore | salvage | new-epoch``: the buffer, looked after by hand (缓冲区)."""

from __future__ import annotations

import asyncio
import getpass
import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.options import site_argument
from gateway.cli.table import table

if TYPE_CHECKING:
    from edge_config.site import LoadedSite

LONG_S = 4 * 3600.0
"""A backup or a salvage of a full buffer on a slow card; the progress bar tells."""

as_json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object.")


@click.group()
def buffer() -> None:
    """Look after a site's buffer (缓冲区). Backup and salvage go through the collector where it runs."""
    from runtime import logs

    logs.configure("buffer")


@buffer.command()
@site_argument
@click.option(
    "--structure", is_flag=True, help="Also SQLite's own check of every page; minutes on a large buffer."
)
@as_json_option
def check(site: Path, structure: bool, as_json: bool) -> None:
    """Prove every row and count the readings (校验). Changes nothing; works beside the collector."""
    from gateway.cli.progress import Progress
    from gateway.store import inspect

    loaded = _site(site)
    with Progress("校验 check", quiet=as_json) as progress:
        found = inspect.check(loaded.buffer_path, structure=structure, shown=progress.show)
    if as_json:
        click.echo(json.dumps({**_plain(found), "well": found.is_well}, ensure_ascii=False))
    else:
        click.echo("\n".join(_words(loaded, found)))
    if not found.is_well:
        raise click.exceptions.Exit(1)


@buffer.command()
@site_argument
@click.option("--tbw", type=click.FloatRange(0.1), default=30.0, show_default=True,
              help="Terabytes the card may be written; the default is an assumption, see the card's data sheet.")  # fmt: skip
@as_json_option
def stats(site: Path, tbw: float, as_json: bool) -> None:
    """Rows and bytes, bytes a reading, bytes written a day, how long the card lasts (统计)."""
    from gateway.cli.progress import Progress
    from gateway.store import inspect, wear

    loaded = _site(site)
    with Progress("统计 stats", quiet=as_json) as progress:
        sizes = inspect.sizes(loaded.buffer_path, progress.show)
    written = wear.written_per_day(loaded.buffer_path)
    readings = next((one for one in sizes if one.name == "reading"), None)
    each = readings.bytes / readings.rows if readings and readings.rows else None
    years = wear.years(tbw, written)
    if as_json:
        tables = [{"name": one.name, "rows": one.rows, "bytes": one.bytes} for one in sizes]
        click.echo(json.dumps({"tables": tables, "bytes_per_reading": each, "bytes_written_per_day": written,
                               "card_years": years, "tbw_assumed": tbw}))  # fmt: skip
        return
    click.echo(table(("table", "rows", "bytes"), ((one.name, one.rows, f"{one.bytes:,}") for one in sizes)))
    click.echo(f"bytes a reading at rest 每条读数: {'—' if each is None else f'{each:.1f}'}")
    if written is None or years is None:
        click.echo("bytes written a day 日写入量: — (measured while the collector runs)")
    else:
        click.echo(
            f"bytes written a day 日写入量: {written / 2**30:.2f} GiB, by the running collector since its start"
        )
        click.echo(f"card life 存储卡寿命: {years:.1f} years if it bears {tbw:g} TB ({_source(tbw)})")


@buffer.command()
@site_argument
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--quiet", is_flag=True, help="No progress bar.")
def backup(site: Path, file: Path, quiet: bool) -> None:
    """Copy the buffer to FILE, whole and synced, with FILE.json beside it: digest, schema, epoch (备份)."""
    from gateway.cli.progress import Progress
    from gateway.store.backup import back_up
    from runtime.clock import SystemClock

    loaded, target = _site(site), file.resolve()
    with Progress("备份 backup", quiet=quiet) as progress:
        answer = asyncio.run(_asked(loaded, "backup", target, progress.show))
        if answer is None:
            with _locked(loaded):
                label = back_up(loaded.buffer_path, target, SystemClock().now_ms(), progress.show)
            answer = {"readings": label.readings, "bytes": label.bytes, "sha256": label.sha256}
    click.echo(
        f"{target}: {answer['readings']} readings, {answer['bytes']:,} bytes, sha256 {answer['sha256']}"
    )


@buffer.command()
@site_argument
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--replace", is_flag=True, help="Set aside a buffer that is there already; it is kept.")
def restore(site: Path, file: Path, replace: bool) -> None:
    """Put the backup FILE in the buffer's place, under a new epoch (恢复). The collector must not be running."""
    from gateway.store.backup import restore as put_back
    from runtime.clock import SystemClock

    loaded = _site(site)
    with _locked(loaded):
        epoch = put_back(file.resolve(), loaded.buffer_path, SystemClock().now_ms(), replace=replace)
    click.echo(f"{loaded.buffer_path}: restored, epoch {epoch}")


@buffer.command()
@site_argument
@click.argument("file", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--quiet", is_flag=True, help="No progress bar.")
def salvage(site: Path, file: Path | None, quiet: bool) -> None:
    """Bring what FILE still proves into the buffer (抢救); without FILE, every file that was set aside and waits.

    A running collector does so by itself. What is there already is not changed.
    """
    from gateway.cli.buffer_salvage import salvage_offline
    from gateway.cli.progress import Progress
    from gateway.store.aside import waiting

    loaded = _site(site)
    files = [file.resolve()] if file is not None else waiting(loaded.buffer_path)
    for one in files:
        with Progress(f"抢救 {one.name}", quiet=quiet) as progress:
            answer = asyncio.run(_asked(loaded, "salvage", one, None))
            if answer is None:
                answer = asyncio.run(salvage_offline(loaded, one, progress.show))
        counts = ", ".join(f"{count} {name}" for name, count in answer["counts"].items()) or "nothing"
        click.echo(f"{one.name}: {counts}; {len(answer['lost'])} stretches lost")
    if not files:
        click.echo("nothing waits to be salvaged")


@buffer.command("new-epoch")
@site_argument
@click.option("--user", default=None, help="Who decides so (default: the user of this shell).")
@click.confirmation_option(
    prompt="Is the other machine stopped, and this one the gateway? 另一台已停, 由本机上报?"
)
def new_epoch(site: Path, user: str | None) -> None:
    """Decide that this machine is the gateway (由本机上报): where a card was copied or an old backup restored, the district has
    stopped one of two. What is not delivered goes up under another epoch. The collector must be running."""
    from gateway.control import client

    loaded = _site(site)
    command = client.Command(
        f"new-epoch-{uuid.uuid4().hex}", user or getpass.getuser(), "new_epoch", loaded.file.gateway.id
    )
    answer = asyncio.run(client.send(loaded.control_path, command))
    click.echo(f"{loaded.file.gateway.id}: 由本机上报 sends under epoch {answer['epoch']}")


async def _asked(site: LoadedSite, name: str, path: Path, shown: Any) -> dict[str, Any] | None:
    """The collector's answer, None where none is running. ``shown`` follows the file that grows."""
    from gateway.control import client
    from gateway.control.protocol import Command
    from gateway.errors import CollectorAwayError

    command = Command(f"{name}-{uuid.uuid4().hex}", getpass.getuser(), name, str(path))
    if not site.control_path.is_socket():
        return None
    asking = asyncio.ensure_future(client.send(site.control_path, command, LONG_S))
    try:
        while shown is not None and not asking.done():
            await asyncio.wait({asking}, timeout=1.0)
            _show_growth(site.buffer_path, path, shown)
        return await asking
    except CollectorAwayError:
        return None


def _show_growth(source: Path, target: Path, shown: Any) -> None:
    from gateway.store.backup import part_of

    part = part_of(target)
    if part.exists():
        shown(part.stat().st_size, source.stat().st_size)


def _site(path: Path) -> LoadedSite:
    from gateway.cli.sites import open_without_secrets

    return open_without_secrets(path)


def _locked(site: LoadedSite) -> Any:
    from contextlib import closing

    from gateway.store.database import BufferLock

    class Held(BufferLock):
        def close(self) -> None:
            self.release()

    return closing(Held(site.buffer_path))


def _plain(found: Any) -> dict[str, Any]:
    import dataclasses

    return dataclasses.asdict(found)


def _source(tbw: float) -> str:
    return "an assumption; see its data sheet" if tbw == 30.0 else "as given"


def _words(site: LoadedSite, found: Any) -> list[str]:
    lines = [f"{site.buffer_path}: epoch {found.epoch}, {', '.join(found.schema)}, {found.rows:,} rows read"]
    lines += [
        f"{count} damaged rows in {name}: the collector takes them out as it reads"
        for name, count in found.damaged.items()
    ]
    lines += [
        f"structure: {line}; the collector sets such a file aside and salvages it" for line in found.structure
    ]
    lines += [f"point {one.point_id}: {one.missing:+d} readings unaccounted for" for one in found.differences]
    lines += [
        f"{name} waits to be salvaged: start the collector, or run buffer salvage" for name in found.waiting
    ]
    if found.quarantined:
        lines.append(f"{found.quarantined} damaged rows were taken out before; their gaps were told")
    return [
        *lines,
        "well 正常" if found.is_well else "not well: replace the card if this comes again 请检查存储卡",
    ]
