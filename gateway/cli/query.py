"""``campus-gateway query``: ask the buffer. Read-only; works while the collector runs and while it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gateway.cli.options import clock_options, clock_setting, site_argument
from gateway.cli.table import figure, json_line, local, percent, table
from gateway.errors import QueryError

if TYPE_CHECKING:
    from edge_config.site import LoadedSite
    from gateway.query.reader import Reader
    from runtime.clock import Clock

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Asked:
    """The site and its reader, shared by the subcommands."""

    site: LoadedSite
    reader: Reader
    now: int

    def span(self, start: str | None, end: str | None) -> tuple[int, int]:
        """``--from`` and ``--to`` as UTC ms; without them from the site's midnight to now."""
        midnight = datetime.fromtimestamp(self.now / 1000, self.site.zone).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        first = round(midnight.timestamp() * 1000) if start is None else self.moment(start, "--from")
        return first, self.now if end is None else self.moment(end, "--to")

    def moment(self, text: str, option: str) -> int:
        """A time with its zone, or in the site's zone; a bare date is its midnight."""
        try:
            parsed = datetime.fromisoformat(text)
        except ValueError:
            raise click.BadParameter(
                f"{text!r} is not a time; write 2026-11-22, 2026-11-22T08:00 (site time) or 2026-11-22T08:00+08:00",
                param_hint=option,
            ) from None
        zoned = parsed if parsed.tzinfo else parsed.replace(tzinfo=self.site.zone)
        return round(zoned.timestamp() * 1000)

    def expect_readings(self, what: str) -> None:
        """Raises QueryError at a hub, which is never sent them: an empty table would read as none."""
        if self.reader.hub() is not None:
            raise QueryError(
                f"{what} stay at the gateways and are not known at a hub (校区汇总没有实时读数和拒收记录); "
                "run `campus-gateway query` on the gateway, with its own site file"
            )

    def day(self, ms: int) -> str:
        return datetime.fromtimestamp(ms / 1000, self.site.zone).date().isoformat()

    def local(self, ms: int | None) -> str:
        return local(ms, self.site.zone)


def span_options(command: F) -> F:
    start = click.option(
        "--from", "start", metavar="TIME", help="Start, site time or with a zone (default: today 00:00)."
    )
    end = click.option("--to", "end", metavar="TIME", help="End, not included (default: now).")
    return start(end(command))


as_json_option = click.option(
    "--json", "as_json", is_flag=True, help="One JSON object per line; times in UTC ms."
)


def meter_options(command: F) -> F:
    """Which meters, which span, and how to print."""
    space = click.option("--space", help="Only the meters of this space and those within it.")
    points = click.option("--point", "points", multiple=True, help="Only this point (may be repeated).")
    return space(points(span_options(as_json_option(command))))


@click.group()
@site_argument
@click.option(
    "--hub",
    metavar="DATABASE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Ask a whole campus (校区汇总): the database of its `district --role hub`, instead of the site file's hub.database.",
)
@clock_options
@click.pass_context
def query(
    context: click.Context, site: Path, hub: Path | None, clock_rate: float, clock_start: str | None
) -> None:
    """Ask the buffer of SITE.yaml, or the hub of a campus (查询). Times without a zone are the site's."""
    from gateway.cli.sites import open_any
    from runtime.clock import SystemClock

    loaded, clock = open_any(site), SystemClock(clock_setting(clock_rate, clock_start))
    reader = _reader(loaded, clock, hub or loaded.hub_path)
    context.obj = Asked(loaded, reader, clock.now_ms())


def _reader(site: LoadedSite, clock: Clock, hub: Path | None) -> Reader:
    from gateway.query.hub.reader import HubReader
    from gateway.query.reader import Reader

    return Reader(site, clock) if hub is None else HubReader(site, clock, hub)


@query.command()
@click.argument("points", nargs=-1)
@as_json_option
@click.pass_obj
def latest(asked: Asked, points: tuple[str, ...], as_json: bool) -> None:
    """Newest reading of every point, or of POINTS (最新值)."""
    asked.expect_readings("readings")
    rows = asked.reader.latest(points or None)
    _show(as_json, rows, ("point", "value", "quality", "measured at", "delayed"), (
        (row.point, figure(row.value, row.unit), row.quality, asked.local(row.measured_at), "delayed" if row.is_delayed else "")
        for row in rows
    ))  # fmt: skip


@query.command()
@click.argument("point")
@click.option(
    "--period", type=click.Choice(["15min", "hour", "day", "month"]), default="15min", show_default=True
)
@span_options
@as_json_option
@click.pass_obj
def series(asked: Asked, point: str, period: str, start: str | None, end: str | None, as_json: bool) -> None:
    """Closed intervals of POINT (时段数据)."""
    found = asked.reader.series(point, *asked.span(start, end), period)
    _show(as_json, found.slots, ("start", "end", "value", "low", "high", "content", "measured"), (
        (
            asked.local(slot.start), asked.local(slot.end), figure(slot.mean if slot.value is None else slot.value, found.unit),
            slot.low, slot.high, slot.content, percent(slot.share),
        )
        for slot in found.slots
    ))  # fmt: skip


@query.command()
@click.argument("quantity")
@meter_options
@click.pass_obj
def total(
    asked: Asked,
    quantity: str,
    space: str | None,
    points: tuple[str, ...],
    start: str | None,
    end: str | None,
    as_json: bool,
) -> None:
    """Consumption of QUANTITY, for example active_energy_import or water_volume (用量)."""
    found = asked.reader.total(quantity, *asked.span(start, end), space, points or None)
    shares = percent(found.known_share), percent(found.estimated_share)
    row = (figure(found.value, found.unit), *shares, asked.local(found.updated_at))
    _show(as_json, [found], ("value", "measured", "estimated", "updated at"), [row])


@query.command()
@click.argument("quantity", default="active_energy_import")
@meter_options
@click.pass_obj
def tariffs(
    asked: Asked,
    quantity: str,
    space: str | None,
    points: tuple[str, ...],
    start: str | None,
    end: str | None,
    as_json: bool,
) -> None:
    """Consumption by time-of-use tariff (尖峰平谷), with its cost where prices are known."""
    rows = asked.reader.tariffs(quantity, *asked.span(start, end), space, points or None)
    _show(as_json, rows, ("tariff", "value", "share", "cost"), (
        (row.tariff or "not divided", figure(row.value, row.unit), percent(row.share), figure(row.cost, "元"))
        for row in rows
    ))  # fmt: skip


@query.command()
@click.option(
    "--state", type=click.Choice(["open", "closed", "withdrawn", "all"]), default="open", show_default=True
)
@click.option("--limit", type=click.IntRange(1, 10_000), default=200, show_default=True)
@click.option("--from", "start", metavar="TIME", help="Only events that last beyond this.")
@click.option("--to", "end", metavar="TIME", help="Only events that began before this.")
@as_json_option
@click.pass_obj
def events(asked: Asked, state: str, limit: int, start: str | None, end: str | None, as_json: bool) -> None:
    """Events that staff should know of (报警)."""
    rows = asked.reader.alarms(
        None if state == "all" else state, limit,
        None if start is None else asked.moment(start, "--from"), None if end is None else asked.moment(end, "--to"),
    )  # fmt: skip
    _show(as_json, rows, ("level", "subject", "what", "start", "end", "acknowledged by"), (
        (row.level, row.subject_name, row.text_zh, asked.local(row.start), asked.local(row.end), row.acknowledged_by)
        for row in rows
    ))  # fmt: skip


@query.command()
@as_json_option
@click.pass_obj
def devices(asked: Asked, as_json: bool) -> None:
    """Devices and how they are (设备)."""
    rows = asked.reader.devices()
    _show(as_json, rows, ("device", "name", "on", "address", "state", "seen at", "today", "refused", "detail"), (
        (
            row.device, row.name, row.line, row.address, row.state, asked.local(row.seen_at), percent(row.completeness_today),
            row.rejected, row.detail,
        )
        for row in rows
    ))  # fmt: skip


@query.command()
@click.option(
    "--level", type=click.Choice(["site", "building", "device", "point"]), default="site", show_default=True
)
@span_options
@as_json_option
@click.pass_obj
def completeness(asked: Asked, level: str, start: str | None, end: str | None, as_json: bool) -> None:
    """Quarter-hours due, measured and delivered per day (完整率, 上传率)."""
    first, last = asked.span(start, end)
    rows = asked.reader.completeness(asked.day(first), asked.day(max(first, last - 1)), level)
    _show(as_json, rows, ("day", "subject", "due", "measured", "estimated", "missing", "delivered", "完整率", "上传率"), (
        (
            row.day, row.subject, row.due, row.measured, row.estimated, row.missing, row.delivered,
            percent(row.measured / row.due), "—" if row.delivered is None else percent(row.delivered / row.due),
        )
        for row in rows
    ))  # fmt: skip


@query.command()
@click.argument("point")
@span_options
@as_json_option
@click.pass_obj
def ledger(asked: Asked, point: str, start: str | None, end: str | None, as_json: bool) -> None:
    """Each due quarter-hour of POINT: content, late or not, delivered or not (完整性台账)."""
    rows = asked.reader.ledger(point, *asked.span(start, end))
    _show(as_json, rows, ("start", "content", "measured", "late", "delivered"), (
        (
            asked.local(row.start), row.content, percent(row.share), "late" if row.is_late else "",
            ", ".join(f"{uplink}: {said}" for uplink, said in row.delivered.items()),
        )
        for row in rows
    ))  # fmt: skip


@query.command()
@as_json_option
@click.pass_obj
def rejections(asked: Asked, as_json: bool) -> None:
    """What was refused, and why (拒收)."""
    asked.expect_readings("refused readings")
    rows = asked.reader.rejections()
    _show(as_json, rows, ("subject", "reason", "count", "last at", "example"), (
        (row.subject, row.reason, row.count, asked.local(row.last_at), row.example) for row in rows
    ))  # fmt: skip


def _show(
    as_json: bool, answers: Sequence[object], columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    if as_json:
        for answer in answers:
            click.echo(json_line(answer))
    elif answers:
        click.echo(table(columns, rows))
    else:
        click.echo("nothing (没有数据)", err=True)
