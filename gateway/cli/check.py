"""``campus-gateway check``: everything that is wrong with a site file, or the plan it makes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.options import site_argument
from gateway.errors import ConfigError

if TYPE_CHECKING:
    from devices.profile import ModbusProfile
    from edge_config.plan import BusPlan, Plan, Request
    from edge_config.site import LoadedSite

TOPICS_SHOWN = 50


@click.command()
@site_argument
@click.option(
    "--explain",
    "device",
    metavar="DEVICE",
    help="Print instead how DEVICE is read: request bytes, topics, points.",
)
def check(site: Path, device: str | None) -> None:
    """Check a site file (检查配置) and print the plan it makes.

    Lists every error and warning as file:line:column: key: what is wrong, what would be right. Exit code 1 when
    there is an error; nothing is started and nothing is written.
    """
    from edge_config.loader import load_site
    from edge_config.plan import overloads, plan
    from edge_config.problems import SiteProblems
    from gateway.commissioning.busiest import crowded
    from gateway.sources.frame_groups import frame_reads

    try:
        loaded = load_site(site)
    except SiteProblems as found:
        for warning in found.warnings:
            click.echo(f"警告 warning  {warning}")
        for problem in found.problems:
            click.echo(f"错误 error    {problem}")
        counts = f"{_count(len(found.problems), 'error')}, {_count(len(found.warnings), 'warning')}"
        raise ConfigError(f"{site} cannot be used: {counts}") from None
    if loaded.hub_path is not None:
        for line in campus_lines(loaded, loaded.hub_path, device):
            click.echo(line)
        return
    if device is not None:
        from gateway.commissioning.explain import explain

        for line in explain(loaded, device):
            click.echo(line)
        return
    for warning in loaded.warnings:
        click.echo(f"警告 warning  {warning}")
    planned = plan(loaded, requests_of, frame_reads)
    for sentence in [*overloads(planned), *crowded(planned)]:
        click.echo(f"警告 warning  {sentence}")
    for line in lines(planned):
        click.echo(line)
    if loaded.adopted:
        click.echo(f"\n网页采用 Adopted in {loaded.web_path}: {', '.join(loaded.adopted)}")


def campus_lines(site: LoadedSite, hub: Path, device: str | None) -> Iterator[str]:
    """What a campus's file is good for. Raises ConfigError when a device's wire is asked for."""
    if device is not None:
        raise ConfigError(
            f"{site.path} is a campus's file over its hub and knows no wires (校区汇总不含接线); "
            f"run `campus-gateway check --explain {device}` with the file of the gateway that reads {device}"
        )
    yield from (f"警告 warning  {warning}" for warning in site.warnings)
    points = sum(len(site.profiles[one.profile].points) for one in site.file.devices)
    virtual = f" + {len(site.file.points)} virtual" if site.file.points else ""
    yield (
        f"配置正确 OK: 校区汇总 {site.file.site.name}, a campus over its hub: "
        f"{_count(len(site.file.devices), 'device')}, {points}{virtual} points"
    )
    there = "" if hub.is_file() else " - NOT THERE YET 尚未建立"
    yield from ("", "汇总数据库 Database of the hub", f"  {hub}{there}", "", "可以 What may be done with it")
    yield from _table(
        [
            (f"campus-gateway district --role hub --database {hub}", "接收各网关上传 takes in what its gateways upload"),
            (f"campus-gateway dashboard {site.path}", "校区看板 shows the campus"),
            (f"campus-gateway query {site.path} …", "查询 asks it"),
        ]
    )  # fmt: skip
    yield from (
        "",
        "不可以 Not with it: collect, run, work and commands; each gateway has a site file of its own,",
    )
    yield f"  of the site {site.file.site.id}, with an uplink of kind district-http to the hub"


def requests_of(profile: ModbusProfile, interval_s: float) -> Sequence[Request]:
    """The reads of a poll as the poller groups them, those of the slow group at every so many polls."""
    from edge_config.plan import Request
    from gateway.sources import poll_groups, request_plan

    blocks = request_plan.plan(profile.points, profile.limits)
    slow, every = poll_groups.slow_points(profile.points, blocks), poll_groups.slow_every(interval_s)
    found, seen = [], set[str]()
    for block in blocks:
        names = {place.name for place in block.places}
        found.append(Request(block.count, every if names <= slow else 1, len(names - seen)))
        seen |= names
    return found


def lines(plan: Plan) -> Iterator[str]:
    """The plan as text."""
    virtual = f" + {plan.virtual_points} virtual" if plan.virtual_points else ""
    yield f"配置正确 OK: {plan.site}, {_count(plan.devices, 'device')}, {plan.points}{virtual} points"
    yield ""
    yield "总线 Buses"
    yield from _table([_bus(bus) for bus in plan.buses]) if plan.buses else ["  none"]
    for broker, topics in plan.topics:
        yield ""
        yield f"MQTT 主题 Topics of {broker}: {len(topics)}"
        yield from (f"  {topic}" for topic in topics[:TOPICS_SHOWN])
        if len(topics) > TOPICS_SHOWN:
            yield f"  … and {len(topics) - TOPICS_SHOWN} more"
    yield ""
    yield "上传 Uplinks"
    rows = [
        (
            one.uplink,
            one.kind,
            one.destination,
            ", ".join(one.groups or ("everything",)),
            "" if one.is_enabled else "paused",
        )
        for one in plan.uplinks
    ]
    yield from _table(rows) if rows else ["  none: the data stay on this gateway"]
    yield ""
    yield from _storage(plan)


def _bus(bus: BusPlan) -> tuple[str, ...]:
    load = f"{bus.load_pct:.1f} % busy" + (
        " - TOO MUCH: poll less often or part the line" if bus.is_busy else ""
    )
    return (
        bus.bus, bus.kind, bus.line, _count(bus.devices, "device"), _count(bus.requests, "request") + " a poll",
        f"{bus.requests_per_min:.0f}/min", load, f"({bus.assumption})",
    )  # fmt: skip


def _storage(plan: Plan) -> Iterator[str]:
    yield "缓存 Buffer"
    yield f"  {plan.readings_per_day:,} readings a day"
    yield f"  raw, 14 days: {_size(plan.raw_bytes)}"
    yield f"  quarter-hours 400 days, hours 3 years, days 10 years: {_size(plan.interval_bytes)}"
    yield f"  changes for the uplinks, 14 days: {_size(plan.change_bytes)}"
    total = f"{_size(plan.buffer_bytes)} of {_size(plan.budget_bytes)} ({plan.budget_pct:.0f} %)"
    excess = " - OVER BUDGET: old raw readings are dropped sooner" if plan.budget_pct > 80 else ""
    yield f"  in all: {total}{excess}"


def _size(count: int) -> str:
    return f"{count / 1024**3:.2f} GiB" if count >= 1024**3 / 10 else f"{count / 1024**2:.1f} MiB"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Rows in columns as wide as their widest cell."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
