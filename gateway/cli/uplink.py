"""``campus-gateway uplink status | test | resend | pause | resume | explain``: the uplinks, looked after by hand (上传)."""

from __future__ import annotations

import asyncio
import getpass
import time
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.options import clock_options, clock_setting, site_argument
from gateway.cli.table import json_line, local, table
from runtime.plain import plain

if TYPE_CHECKING:
    from edge_config.site import LoadedSite
    from edge_config.uplinks import Uplink
    from gateway.query.reader import Reader
    from gateway.query.views import UplinkRow
    from runtime.clock import Clock

uplink_option = click.option(
    "--uplink", "name", metavar="ID", help="Which uplink, where the site file has several."
)
user_option = click.option("--user", default=None, help="Who says so (default: the user of this shell).")

LANES = {"live": "实时 live", "backfill": "待补传 back-fill"}
RECEIPTS = {"batch": "每批回执 per batch", "record": "逐条回执 per record", "none": "无回执, 未确认 none"}


@click.group()
def uplink() -> None:
    """Look after a site's uplinks (上传)."""
    from runtime import logs

    logs.configure("uplink")


@uplink.command()
@site_argument
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each uplink; times in UTC ms.")
@click.option("--over", "over_s", type=click.FloatRange(0, 60), default=2.0, show_default=True,
              help="Seconds over which the rate is measured while something waits.")  # fmt: skip
@clock_options
def status(site: Path, as_json: bool, over_s: float, clock_rate: float, clock_start: str | None) -> None:
    """Say where each uplink and each of its lanes stands, what is wrong and what to do about it (上传状态)."""
    from gateway.query.reader import Reader
    from runtime.clock import SystemClock

    loaded = _site(site)
    clock = SystemClock(clock_setting(clock_rate, clock_start))
    reader = Reader(loaded, clock)
    rows, rates = _rated(reader, clock, over_s)
    if as_json:
        for row in rows:
            said = {**asdict(row), "records_per_s": rates.get(row.uplink)}
            click.echo(json_line(said))
        return
    for row in rows:
        click.echo(plain("\n".join(status_lines(loaded, row, rates.get(row.uplink), clock.now_ms())), "\n"))
    if not rows:
        click.echo("没有配置上报 no uplink in the site file")


def _rated(reader: Reader, clock: Clock, over_s: float) -> tuple[list[UplinkRow], dict[str, float]]:
    """The rows, and records delivered a second while something waits."""
    before, began_s = reader.uplinks(), clock.monotonic_s()
    if over_s <= 0 or not any(row.waiting for row in before):
        return before, {}
    time.sleep(over_s)
    after, took_s = reader.uplinks(), clock.monotonic_s() - began_s
    had = {row.uplink: row.delivered for row in before}
    return after, {row.uplink: (row.delivered - had.get(row.uplink, 0)) / took_s for row in after}


def status_lines(site: LoadedSite, row: UplinkRow, rate: float | None, now_ms: int) -> list[str]:
    """An uplink for a person. Pure."""
    lines = [f"{row.uplink} ({row.kind}) → {row.destination}" + ("  已暂停 paused" if row.is_paused else "")]
    lines.append(
        f"  回执 receipt: {RECEIPTS[row.receipt]}; 最近成功 last: {local(row.delivered_at, site.zone)}"
    )
    speed = "—" if rate is None else f"{rate:.1f}/s"
    lines.append(
        f"  累计已传 delivered: {row.delivered:,}; 速度 rate: {speed}; 对方拒收 refused: {row.refused:,}"
    )
    columns = ("  通道 lane", "待传 waiting", "最早 oldest", "已等 age")
    cells = [
        (f"  {LANES[lane.lane]}", lane.waiting, local(lane.waiting_since if lane.waiting else None, site.zone),
         _age(lane.waiting_since if lane.waiting else None, now_ms))
        for lane in row.lanes
    ]  # fmt: skip
    lines += table(columns, cells).splitlines()
    if row.error is not None:
        when = local(row.error_at, site.zone)
        lines.append(f"  错误 error ({when}): {row.cause_zh or '上传失败'}; {row.error}")
        lines += [f"  处理 cure: {row.cure_zh}"] if row.cure_zh else []
    return lines


def _age(since: int | None, now_ms: int) -> str:
    if since is None:
        return "—"
    minutes = max(0, now_ms - since) // 60_000
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


@uplink.command()
@site_argument
@uplink_option
def test(site: Path, name: str | None) -> None:
    """Ask the receiver a question without any effect there, and say what answered (连通测试)."""
    from gateway.uplinks.sender import probed

    loaded = _site(site, with_secrets=True)
    one = _uplink(loaded, name)
    probe = asyncio.run(_with_sender(loaded, one, probed))
    if probe is None:
        click.echo(
            f"{one.id}: {one.kind} 没有无副作用的测试; this kind has no question without effect, see uplink status"
        )
        return
    click.echo(plain(f"{one.id} → {one.destination}: {probe.answer}"))
    if not probe.is_well:
        click.echo(plain(f"处理 cure: {probe.cure}"))
        raise click.exceptions.Exit(1)


@uplink.command()
@site_argument
@click.argument("begin", metavar="FROM")
@click.argument("end", metavar="TO")
@uplink_option
@user_option
def resend(site: Path, begin: str, end: str, name: str | None, user: str | None) -> None:
    """Let what was delivered wait once more (补传): changes made between two times, or numbers FROM to TO of the change feed.

    A district that has them already takes no second effect from them.
    """
    loaded = _site(site)
    one = _uplink(loaded, name)
    after, to_seq = asyncio.run(_stretch(loaded, begin, end))
    answer = _asked(loaded, "resend", one.id, {"after_seq": after, "to_seq": to_seq}, user)
    click.echo(f"{one.id}: 等待补传 waiting again: {answer['waiting']} changes, {after + 1} to {to_seq}")
    if answer["told_again"]:
        click.echo(f"{one.id}: 重新上报被拒记录 refused records told again: {answer['told_again']}")


@uplink.command()
@site_argument
@uplink_option
@user_option
def pause(site: Path, name: str | None, user: str | None) -> None:
    """Send nothing until it is resumed (暂停上传). What waits stays in the buffer."""
    loaded = _site(site)
    one = _uplink(loaded, name)
    _asked(loaded, "pause_uplink", one.id, {}, user)
    click.echo(f"{one.id}: 已暂停 paused")


@uplink.command()
@site_argument
@uplink_option
@user_option
def resume(site: Path, name: str | None, user: str | None) -> None:
    """Go on where it was paused (恢复上传)."""
    loaded = _site(site)
    one = _uplink(loaded, name)
    _asked(loaded, "resume_uplink", one.id, {}, user)
    click.echo(f"{one.id}: 已恢复 resumed")


@uplink.command()
@site_argument
@click.argument("seq", type=click.IntRange(1), required=False)
@uplink_option
@click.option("--hex", "as_hex", is_flag=True, help="Show all bytes in hex, also those that are text.")
def explain(site: Path, seq: int | None, name: str | None, as_hex: bool) -> None:
    """Print the exact bytes that one record becomes on the wire (报文样例): change SEQ, or the newest interval. Sends nothing."""
    from gateway.uplinks.sender import explained

    loaded = _site(site)
    one = _uplink(loaded, name)
    change = asyncio.run(_change(loaded, seq))

    async def show(sender: object) -> list[tuple[str, bytes]]:
        return explained(sender, change)

    click.echo(f"{one.id} ({one.kind}), seq {change.seq}, {change.kind} {change.key}")
    for label, content in asyncio.run(_with_sender(loaded, one, show)):
        click.echo(f"-- {label}, {len(content)} bytes")
        click.echo(shown(content, as_hex=as_hex))


def shown(content: bytes, *, as_hex: bool = False) -> str:
    """Bytes as text where they are text, else in hex, 32 to a line. Pure."""
    if not as_hex:
        try:
            text = content.decode()
        except UnicodeDecodeError:
            text = ""
        if text and all(character.isprintable() or character in "\r\n\t" for character in text):
            return text
    return "\n".join(content[at : at + 32].hex(" ") for at in range(0, len(content), 32))


async def _with_sender(site: LoadedSite, one: Uplink, ask: Any) -> Any:
    """``ask`` the sender of an uplink, as the collector would make it."""
    from gateway.delivery.feed import FeedReader
    from gateway.delivery.run import with_paths
    from gateway.points import build_points
    from gateway.uplinks.feed import Identity
    from gateway.uplinks.kinds import Speaker, sender_of
    from runtime.clock import SystemClock

    points = {point.name: point for point in build_points(site)}
    async with FeedReader(site, SystemClock()) as feed:
        identity = Identity(site.file.site.id, site.file.gateway.id, feed.epoch)
        speaker = Speaker(identity, site, lambda: points, feed, SystemClock())
        async with sender_of(with_paths(site, one), speaker) as sender:
            return await ask(sender)


async def _change(site: LoadedSite, seq: int | None) -> Any:
    from gateway.delivery.feed import FeedReader
    from runtime.clock import SystemClock

    async with FeedReader(site, SystemClock()) as feed:
        head = await feed.head()
        found = await feed.read(head - 500 if seq is None else seq - 1, 500 if seq is None else 1)
    wanted = [one for one in found if seq in (None, one.seq)]
    intervals = [one for one in wanted if one.kind == "interval"] or wanted
    if not intervals:
        raise click.ClickException(
            f"变更流里没有这一条; the feed has no change {seq or ''}; its head is {head}"
        )
    return intervals[-1]


async def _stretch(site: LoadedSite, begin: str, end: str) -> tuple[int, int]:
    from gateway.delivery.feed import FeedReader
    from runtime.clock import SystemClock

    async with FeedReader(site, SystemClock()) as feed:
        if begin.isdigit() and end.isdigit():
            return int(begin) - 1, int(end)
        return await feed.made_between(_moment(begin, site.zone), _moment(end, site.zone))


def _moment(text: str, zone: Any) -> int:
    from datetime import datetime

    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(
            f"{text!r} is neither a time such as 2026-11-20T14:30 nor a number; give two of a kind"
        ) from None
    return round((parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)).timestamp() * 1000)


def _asked(
    site: LoadedSite, name: str, subject: str, body: dict[str, Any], user: str | None
) -> dict[str, Any]:
    from gateway.control import client

    command = client.Command(uuid.uuid4().hex, user or getpass.getuser(), name, subject, body)
    return asyncio.run(client.send(site.control_path, command))


def _uplink(site: LoadedSite, name: str | None) -> Uplink:
    found = [one for one in site.file.uplinks if name in (None, one.id)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(one.id for one in site.file.uplinks) or "none"
    raise click.UsageError(f"say which uplink with --uplink; the site file has {known}")


def _site(path: Path, *, with_secrets: bool = False) -> LoadedSite:
    from gateway.cli.sites import open_site, open_without_secrets

    return open_site(path) if with_secrets else open_without_secrets(path)
