"""``campus-gateway bus scan | read | doctor | replay``: putting a bus into service, on the terminal. Only ever reads."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from gateway.cli.bus_scan import json_option, scan
from gateway.cli.options import site_argument
from gateway.cli.table import figure, json_line, table
from runtime.plain import plain

if TYPE_CHECKING:
    from gateway.commissioning.doctor import UnitHealth
    from gateway.commissioning.line import Line
    from gateway.commissioning.live import Row, Target


@click.group()
def bus() -> None:
    """Put a bus into service (总线调试): who answers, what they say, how the line is. Only ever reads.

    A serial line is held exclusively: stop the collector for as long as it takes.
    """
    import logging

    from runtime import logs

    logs.configure("bus")
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # outcomes are counted here, not logged there


bus.add_command(scan)


@bus.command()
@site_argument
@click.argument("device")
@click.option("--watch", is_flag=True, help="Read again until Ctrl-C.")
@click.option("--interval", "interval_s", type=click.FloatRange(0.1, 3600), default=2.0, show_default=True,
              help="Seconds between two reads with --watch.")  # fmt: skip
@click.option("--times", type=click.IntRange(1, 1_000_000), help="End --watch after this many reads.")
@json_option
def read(site: Path, device: str, watch: bool, interval_s: float, times: int | None, as_json: bool) -> None:
    """What DEVICE says now (读数): decoded values beside the raw registers, as the collector would store them."""
    from gateway.cli.sites import open_site
    from gateway.commissioning.line import line_of
    from gateway.commissioning.live import target_of

    loaded = open_site(site)
    target = target_of(loaded, device)
    line = line_of(loaded, target.device.bus or "")
    rows = asyncio.run(_read(line, target, interval_s, (times or 0) if watch else 1, as_json))
    if not any(row.value is not None for row in rows):
        raise click.exceptions.Exit(1)


@bus.command()
@site_argument
@click.argument("bus_id", metavar="BUS")
@click.option(
    "--polls", type=click.IntRange(2, 10_000), default=20, show_default=True, help="Polls of each device."
)
@json_option
def doctor(site: Path, bus_id: str, polls: int, as_json: bool) -> None:
    """How BUS is (诊断): answers, latency, double addresses, byte order, load; and what to do about it.

    Exit code 1 when something costs readings.
    """
    from edge_config.plan import plan
    from gateway.cli.check import requests_of
    from gateway.cli.progress import Progress
    from gateway.cli.sites import open_site
    from gateway.commissioning.advice import advise
    from gateway.commissioning.doctor import LISTEN_S, examine
    from gateway.commissioning.line import bus_of, line_of
    from gateway.commissioning.live import target_of
    from gateway.errors import ConfigError
    from gateway.sources.frame_groups import frame_reads

    loaded = open_site(site)
    line = line_of(loaded, bus_id, LISTEN_S)
    targets = [target_of(loaded, one.id) for one in loaded.file.devices if one.bus == bus_id]
    if not targets:
        raise ConfigError(f"bus {bus_id} has no devices in {site}; `bus scan` finds who is on the line")
    with Progress("诊断 doctor", quiet=as_json) as progress:
        units = asyncio.run(examine(line, targets, polls, progress.show))
    planned = plan(loaded, requests_of, frame_reads)
    budget = next(one for one in planned.buses if one.bus == bus_id)
    advice = advise(bus_of(loaded, bus_id), budget, units)
    if as_json:
        for unit in units:
            click.echo(json_line(unit))
        for one in advice:
            click.echo(json_line(one))
    else:
        click.echo(_unit_table(units))
        measured = sum(unit.load_pct or 0 for unit in units)
        click.echo(
            f"总线占用 bus load: {budget.load_pct:.1f} % planned ({budget.assumption}), {measured:.1f} % measured"
        )
        for one in advice:
            click.echo(plain(f"{'故障 fault ' if one.is_fault else '提示 note  '} {one}"))
        if not advice:
            click.echo("一切正常 / nothing to complain of")
    if any(one.is_fault for one in advice):
        raise click.exceptions.Exit(1)


@bus.command()
@click.argument("file", type=click.File("rb"))
@site_argument
@json_option
def replay(file: BinaryIO, site: Path, as_json: bool) -> None:
    """Decode FILE, made by `collect --record` (回放), by the collector's own decoders. Nothing is stored."""
    from gateway.cli.sites import open_without_secrets
    from gateway.cli.table import local
    from gateway.commissioning.replayed import Decoder

    loaded = open_without_secrets(site)
    for decoded in Decoder(loaded).decode(file):
        if as_json:
            click.echo(json_line(decoded))
            continue
        start = f"{local(decoded.at, loaded.zone)}  {decoded.source}"
        for reading in decoded.readings:
            why = f"  {reading.reason}" if reading.reason else ""
            click.echo(
                plain(f"{start}  {reading.point} = {reading.value}  {reading.quality.name.lower()}{why}")
            )
        for rejection in decoded.rejections:
            click.echo(
                plain(f"{start}  {rejection.subject} 拒收 rejected: {rejection.reason}  {rejection.example}")
            )
        if decoded.note:
            click.echo(plain(f"{start}  {decoded.note}"))


async def _read(line: Line, target: Target, interval_s: float, times: int, as_json: bool) -> tuple[Row, ...]:
    """``times`` 0 is until Ctrl-C."""
    from gateway.commissioning.live import look
    from runtime.clock import SystemClock
    from runtime.stop import stop_event

    clock, stop, done = SystemClock(), stop_event(), 0
    rows: tuple[Row, ...] = ()
    async with line as asker:
        while not stop.is_set():
            now_ms = clock.now_ms()
            seen = await look(asker, target, now_ms)
            rows = seen.rows
            for text in _row_lines(rows, now_ms, as_json):
                click.echo(plain(text, "\n"))
            for answer in seen.answers:
                if answer.detail:
                    click.echo(plain(answer.detail), err=True)
            done += 1
            if done == times:
                break
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), interval_s)
    return rows


def _row_lines(rows: tuple[Row, ...], now_ms: int, as_json: bool) -> Iterator[str]:
    if as_json:
        yield from (json_line({"at": now_ms, **dataclasses.asdict(row)}) for row in rows)
        return
    yield table(("point", "", "value", "quality", "place", "raw", "ms"), (
        (
            row.point, row.label_zh, figure(row.value, row.unit), row.quality + (f" ({row.reason})" if row.reason else ""),
            row.place, row.raw or None, row.latency_ms,
        )
        for row in rows
    ))  # fmt: skip


OUTCOMES = ("answered", "refused", "silent", "nonsense")


def _unit_table(units: list[UnitHealth]) -> str:
    columns = ("device", "unit", "requests", *OUTCOMES, "doubled", "median ms", "p95 ms", "load")
    return table(columns, (
        (
            unit.device, unit.unit_id, unit.requests, *(unit.counts.get(word, 0) for word in OUTCOMES), unit.doubled,
            _ms(unit.latency_ms_median), _ms(unit.latency_ms_p95),
            None if unit.load_pct is None else f"{unit.load_pct:.1f} %",
        )
        for unit in units
    ))  # fmt: skip


def _ms(value: float | None) -> str | None:
    return None if value is None else f"{value:.1f}"
