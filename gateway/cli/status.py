"""``campus-gateway status``: how the gateway is, from the outside. Answers also while the collector is down."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.options import clock_options, clock_setting, site_argument
from gateway.cli.table import json_line, local, table
from gateway.errors import ControlError
from runtime.plain import plain

if TYPE_CHECKING:
    from edge_config.schema import Listen
    from edge_config.site import LoadedSite
    from gateway.query.reader import Reader

TIMEOUT_S = 2.0
LEVELS = {1: "紧急 critical", 2: "重要 major", 3: "一般 minor", 4: "提示 notice"}


@click.command()
@site_argument
@clock_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object; times in UTC ms.")
def status(site: Path, clock_rate: float, clock_start: str | None, as_json: bool) -> None:
    """Say how the gateway is (状态): collector, devices, alarms, uplinks, buffer."""
    from gateway.cli.sites import open_site
    from gateway.query.reader import Reader
    from runtime.clock import SystemClock

    loaded = open_site(site)
    found = collected(loaded, Reader(loaded, SystemClock(clock_setting(clock_rate, clock_start))))
    click.echo(json_line(found) if as_json else plain(_page(loaded, found), "\n"))


def collected(site: LoadedSite, reader: Reader) -> dict[str, Any]:
    """Everything the command says, as plain values."""
    alarms = reader.alarms("open", 10_000)
    devices = Counter(device.state for device in reader.devices())
    uplinks = [
        {"uplink": row.uplink, "waiting": row.waiting, "waiting_since": row.waiting_since, "delivered": row.delivered,
         "refused": row.refused, "delivered_at": row.delivered_at, "error": row.error}
        for row in reader.uplinks()
    ]  # fmt: skip
    return {
        "site": site.file.site.id,
        "collector": {**_health(site.file.collector), "control": _control(site.control_path)},
        "devices": dict(devices),
        "open_alarms": dict(Counter(str(alarm.level) for alarm in alarms)),
        "uplinks": uplinks,
        "buffer": {"path": str(site.buffer_path), "bytes": _size(site.buffer_path)},
    }


def _health(listen: Listen) -> dict[str, Any]:
    """What /healthz says; status ``down`` when nobody answers there."""
    import httpx2

    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listen.host, listen.host)  # noqa: S104 - where it listens, not us
    bracketed = f"[{host}]" if ":" in host else host
    url = f"http://{bracketed}:{listen.port}/healthz"
    try:
        # Proxies of the environment are for the outside world, never for our own process.
        answer = httpx2.get(url, timeout=TIMEOUT_S, trust_env=False).json()
    except (httpx2.HTTPError, ValueError) as error:
        return {"status": "down", "problems": [f"no answer from {url}: {error or type(error).__name__}"]}
    return (
        answer if isinstance(answer, dict) else {"status": "down", "problems": [f"{url} is not a collector"]}
    )


def _control(path: Path) -> dict[str, Any]:
    """The collector's live facts over its socket, or why there are none."""
    from gateway.control import client
    from gateway.control.protocol import Command

    command = Command(f"status-{uuid.uuid4().hex}", "cli", "status")
    try:
        return {"answers": True, **asyncio.run(client.send(path, command, TIMEOUT_S))}
    except ControlError as error:
        return {"answers": False, "error": str(error)}


def _size(path: Path) -> int:
    """Bytes of the buffer with its write-ahead log; 0 before the first start."""
    files = (path, path.with_name(path.name + "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def _page(site: LoadedSite, found: dict[str, Any]) -> str:
    collector, control = found["collector"], found["collector"]["control"]
    lines = [f"{site.file.site.name} ({found['site']})", f"collector 采集: {collector['status']}"]
    lines += [f"  {problem}" for problem in collector.get("problems", ())]
    lines += [] if control["answers"] else [f"  {control['error']}"]
    lines.append("devices 设备: " + (_counts(found["devices"]) or "none in the site file"))
    levels = {LEVELS[int(level)]: count for level, count in sorted(found["open_alarms"].items())}
    lines.append("open alarms 报警: " + (_counts(levels) or "none"))
    lines.append(f"buffer 缓冲区: {buffer_words(found['buffer'], control.get('buffer') or {})}")
    if found["uplinks"]:
        lines += ["uplinks 上传:", _uplink_table(site, found["uplinks"])]
    return "\n".join(lines)


def buffer_words(file: dict[str, Any], live: dict[str, Any]) -> str:
    """The file, and how full it is and for how long it lasts where the collector says so."""
    said = f"{file['bytes'] / 2**20:.1f} MiB ({file['path']})"
    if not live:
        return said
    used, limit = live["used_bytes"] / 2**20, live["limit_bytes"] / 2**20
    said += f"\n  {used:.1f} of {limit:.0f} MiB in use ({live['fill_pct']:g} %); {_lasts(live)}"
    return said + "\n  FULL 已满: readings wait at their sources" if live["is_full"] else said


def _lasts(live: dict[str, Any]) -> str:
    if live["is_held"]:
        return "retention holds it there 可长期运行"
    if live["hours_left"] is None:
        return "how long it lasts is known in a few minutes"
    return f"{live['hours_left']:.0f} h until raw readings are dropped early 剩余小时"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {word}" for word, count in counts.items())


def _uplink_table(site: LoadedSite, uplinks: list[dict[str, Any]]) -> str:
    columns = ("uplink", "waiting", "oldest waiting", "delivered", "refused", "last delivery", "error")
    return table(columns, (
        (row["uplink"], row["waiting"], local(row["waiting_since"], site.zone), row["delivered"], row["refused"],
         local(row["delivered_at"], site.zone), row["error"])
        for row in uplinks
    ))  # fmt: skip
