"""``campus-gateway centre``: the reference energy centre of 分项能耗数据传输, to try an uplink against."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from gateway.cli.options import clock_options, clock_setting
from gateway.errors import ConfigError
from runtime.clock import MS_PER_SECOND, Clock, SystemClock

if TYPE_CHECKING:
    from simulators.centre import Act, Centre

FILE = click.Path(path_type=Path)
DIALECTS = ("mohurd", "mohurd-swapped", "mohurd-bare", "shanghai")
ACTS = ("ack", "drop", "lose-ack", "refuse", "delay", "close", "close-booked", "ack-twice", "nonsense")
ACKS = ("report_ack", "record_arrive", "end", "none")
ORDERS = {"sequence-key": ("sequence", "key"), "key-sequence": ("key", "sequence"), "sequence": ("sequence",)}


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the centre does of its own accord: the period it sets, how often it asks, how often it prints its audit."""

    period_min: int | None
    query_every_s: float | None
    audit_every_s: float


@click.command()
@click.option(
    "--dialect", type=click.Choice(DIALECTS), default="mohurd", show_default=True, help="How it speaks."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where it listens.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=7202, show_default=True, help="Where it listens."
)
@click.option(
    "--secret-file", type=FILE, required=True, help="The 16 characters both sides know, on one line."
)
@click.option(
    "--md5", type=click.Choice(list(ORDERS)), help="What the login's MD5 is of, and in which order."
)
@click.option(
    "--acks", type=click.Choice(ACKS), default="report_ack", show_default=True, help="What it answers with."
)
@click.option(
    "--act",
    "acts",
    multiple=True,
    metavar="ACT[:N]",
    help=f"What becomes of the next reports: {', '.join(ACTS)}.",
)
@click.option(
    "--period",
    "period_min",
    type=click.IntRange(1, 1440),
    metavar="MIN",
    help="Set the period after a login.",
)
@click.option(
    "--query-every",
    "query_every_s",
    type=click.FloatRange(1),
    metavar="S",
    help="Ask for the newest registers.",
)
@click.option(
    "--clock-offset", "clock_offset_s", type=int, default=0, metavar="S", help="How far its clock is ahead."
)
@click.option(
    "--audit-every", "audit_every_s", type=click.FloatRange(1), default=60, show_default=True, help="Seconds."
)
@click.option("--timezone", default="Asia/Shanghai", show_default=True, help="Of the times on the wire.")
@clock_options
def centre(
    secret_file: Path, acts: tuple[str, ...], clock_rate: float, clock_start: str | None, **options: Any
) -> None:
    """Be an energy centre (模拟能耗监测中心) until Ctrl-C: let gateways in, answer or misbehave, and audit the books.

    It prints what it has of every meter: quarter-hours, holes, consumption by its registers. Nothing is kept.
    """
    try:
        from simulators.centre import Centre, temper_of
    except ModuleNotFoundError as error:
        right = "install it with the extra: pip install 'campus-gateway[upload-legacy]'"
        raise ConfigError(f"the centre needs {error.name}; {right}") from error
    from runtime import logs

    logs.configure("centre")
    temper = replace(
        temper_of(options["dialect"], _secret(secret_file)),
        acks=options["acks"],
        clock_offset_s=options["clock_offset_s"],
    )
    if options["md5"] is not None:
        temper = replace(temper, md5=ORDERS[options["md5"]])
    wishes = Wishes(options["period_min"], options["query_every_s"], options["audit_every_s"])
    where, clock = (options["host"], options["port"]), SystemClock(clock_setting(clock_rate, clock_start))
    now = partial(_now, clock, _zone(options["timezone"]))
    asyncio.run(_serve(Centre(temper, now, *where), [act for text in acts for act in _acts(text)], wishes))


def _secret(path: Path) -> str:
    try:
        secret = path.read_text("ascii").strip()
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is not ASCII'}"
        ) from error
    if len(secret) != 16:
        raise ConfigError(f"{path} holds {len(secret)} characters; a secret has 16")
    return secret


def _acts(text: str) -> list[Act]:
    from simulators.centre import Act

    name, _, count = text.partition(":")
    if name not in ACTS or not (count or "1").isdigit():
        raise click.UsageError(f"--act {text!r} must be one of {', '.join(ACTS)}, with :N to repeat it")
    return [Act(name)] * int(count or "1")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigError(f"no time zone is called {name!r}") from error


def _now(clock: Clock, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(clock.now_ms() / MS_PER_SECOND, zone)


async def _serve(made: Centre, acts: list[Act], wishes: Wishes) -> None:
    from runtime.stop import stop_event

    stop = stop_event()
    made.acts = deque(acts)
    try:
        async with made, asyncio.TaskGroup() as group:
            click.echo(f"能耗中心 Centre ({made.temper.dialect}) listens on {made.host} port {made.port}")
            beside = [
                group.create_task(work)
                for work in (_audit(made, wishes), _query(made, wishes), _period(made, wishes))
            ]
            await stop.wait()
            for task in beside:
                task.cancel()
    except OSError as error:
        raise ConfigError(f"{made.host} port {made.port} cannot be used: {error.strerror}") from error
    _print(made)


async def _audit(made: Centre, wishes: Wishes) -> None:
    while True:
        await asyncio.sleep(wishes.audit_every_s)
        _print(made)


async def _query(made: Centre, wishes: Wishes) -> None:
    from simulators.centre_words import Voice

    while wishes.query_every_s is not None:
        await asyncio.sleep(wishes.query_every_s)
        seen = len(made.replies)
        await made.ask(Voice.query)
        click.echo(f"召测 Query sent; {seen} replies so far")


async def _period(made: Centre, wishes: Wishes) -> None:
    """Set the period of every collector once, when it was let in."""
    minutes = wishes.period_min
    told: set[int] = set()
    while minutes is not None:
        made.changed.clear()
        for visit in list(made.visits):
            if visit.is_in and visit.voice is not None and id(visit) not in told:
                told.add(id(visit))
                await visit.say(visit.voice.period(minutes))
        await made.changed.wait()


def _print(made: Centre) -> None:
    for line in [*made.ledger.audit(), *(f"未能理解 Not understood: {fault}" for fault in made.faults[-5:])]:
        click.echo(line)
