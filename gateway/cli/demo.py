"""``campus-gateway demo``: a whole campus on one machine, as separate processes over real sockets and a serial line.

Order: broker, district and dashboard first, so that there is something to look at within seconds; then the history goes
through the ingest door; then the simulated devices and the collector, which carry on where the history ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from gateway.cli.options import clock_options, clock_setting
from gateway.cli.supervise import Supervisor, end, spawn
from gateway.errors import ConfigError
from runtime.clock import ClockSetting

MARKER = ".campus-gateway-demo"
READY_S = 20.0


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a demo lives: its folder, ports and clock."""

    folder: Path
    port_base: int
    history_days: int
    clock: list[str]

    @property
    def site(self) -> Path:
        return self.folder / "site.yaml"

    @property
    def var(self) -> Path:
        return self.folder / "var"

    @property
    def district_database(self) -> Path:
        return self.folder / "district.db"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    def port(self, default: int) -> str:
        return str(default - 8600 + self.port_base)


@click.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo-data"),
    show_default=True,
    help="Folder for the demo's files; emptied at each start.",
)
@click.option(
    "--port-base",
    type=click.IntRange(1024, 65500),
    default=8600,
    show_default=True,
    help="First of ten ports; the dashboard's.",
)
@click.option(
    "--history",
    type=click.IntRange(0, 400),
    default=30,
    show_default=True,
    metavar="DAYS",
    help="Days of history made before the devices start.",
)
@clock_options
def demo(data: Path, port_base: int, history: int, clock_rate: float, clock_start: str | None) -> None:
    """Run a simulated campus (演示) until Ctrl-C: devices, broker, gateway and district."""
    from runtime import logs

    logs.configure("demo")
    setting: ClockSetting = clock_setting(clock_rate, clock_start)
    stage = Stage(data.resolve(), port_base, history, setting.arguments())
    asyncio.run(_perform(stage))


async def _perform(stage: Stage) -> None:
    from runtime.stop import stop_event

    stop = stop_event()
    _lay_out(stage)
    login = await _open_doors(stage)
    async with Supervisor(stage.logs) as supervisor:
        await _start_servers(stage, supervisor)
        await _until_ready(stage, supervisor, stop, (8600, 8601, 8609))
        if stop.is_set():
            return
        _say_where(stage, login)
        await _make_history(stage, stop)
        if stop.is_set():
            return
        await supervisor.start(
            "simulator", "simulate", str(stage.site), "--mqtt-password-file", str(stage.var / "sim.password"),
            "--health-port", stage.port(8608), *stage.clock,
        )  # fmt: skip
        await _until_ready(stage, supervisor, stop, (8608,))
        await supervisor.start("collector", "collect", str(stage.site), *stage.clock)
        await supervisor.start("worker", "work", str(stage.site), *stage.clock)
        click.echo("模拟设备已上线, 按 Ctrl-C 结束 · devices are live, Ctrl-C ends the demo", err=True)
        await supervisor.wait(stop)


def _lay_out(stage: Stage) -> None:
    """An empty folder with the site file and fresh secrets; a folder that is not a demo's is left alone."""
    from simulators.demo_site import write_demo_site

    if stage.folder.exists() and any(stage.folder.iterdir()):
        if not (stage.folder / MARKER).exists():
            raise ConfigError(
                f"{stage.folder} holds files that are not a demo's; name another folder with --data"
            )
        shutil.rmtree(stage.folder)
    stage.folder.mkdir(parents=True, exist_ok=True)
    (stage.folder / MARKER).touch()
    stage.logs.mkdir()
    write_demo_site(stage.folder, stage.port_base)


async def _open_doors(stage: Stage) -> str:
    """Enrol the gateway with the district and make the dashboard's one-time login; its link."""
    from edge_config.loader import load_site

    site = load_site(stage.site).file
    enrol = await spawn(
        "district", "enrol", "--database", str(stage.district_database), site.site.id, site.gateway.id,
        "--name", site.site.name, "--redeem", stdout=asyncio.subprocess.PIPE, log_path=stage.logs / "district.log",
    )  # fmt: skip
    key, _ = await enrol.communicate()
    if enrol.returncode != 0:
        raise ConfigError(
            "the demo's gateway could not be enrolled with its district; what went wrong stands above"
        )
    _write_secret(stage.var / "district.token", key.decode().strip())
    token = secrets.token_urlsafe(24)
    _write_secret(stage.var / "setup.token", token)
    return f"http://127.0.0.1:{stage.port(8600)}/login?token={token}"


def _write_secret(path: Path, secret: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secret + "\n")


async def _start_servers(stage: Stage, supervisor: Supervisor) -> None:
    await supervisor.start(
        "broker", "simulate", "--broker", "--port", stage.port(8602), "--health-port", stage.port(8609),
        "--users", str(stage.var / "mqtt.users"),
    )  # fmt: skip
    await supervisor.start(
        "district",
        "district",
        "--database",
        str(stage.district_database),
        "--port",
        stage.port(8601),
        *stage.clock,
    )
    await supervisor.start(
        "dashboard",
        "dashboard",
        str(stage.site),
        "--setup-token-file",
        str(stage.var / "setup.token"),
        *stage.clock,
    )


async def _until_ready(
    stage: Stage, supervisor: Supervisor, stop: asyncio.Event, ports: Sequence[int]
) -> None:
    """Wait until what listens on ``ports`` accepts connections, or a child has failed."""
    ready = asyncio.create_task(_all_accept([int(stage.port(port)) for port in ports]))
    ended = asyncio.create_task(supervisor.wait(stop))
    either: set[asyncio.Task[None]] = {ready, ended}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED, timeout=READY_S)
    is_ready = ready.done()
    ready.cancel()
    if ended.done():
        return await ended
    ended.cancel()
    if not is_ready:
        raise ConfigError(
            f"the demo's servers did not start within {READY_S:.0f} s; what they said stands above"
        )
    return None


async def _all_accept(ports: list[int]) -> None:
    await asyncio.gather(*(_accepts(port) for port in ports))


async def _accepts(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        writer.close()
        return


def _say_where(stage: Stage, login: str) -> None:
    click.echo(
        f"\n  校园后勤物联网关 · Campus Gateway demo\n"
        f"  看板 dashboard   http://127.0.0.1:{stage.port(8600)}/\n"
        f"  区平台 district  http://127.0.0.1:{stage.port(8601)}/\n"
        f"  登录 login once  {login}\n"
        f"  日志 logs        {stage.logs}\n",
    )


async def _make_history(stage: Stage, stop: asyncio.Event) -> None:
    """simulate --history | replay, with a bar here and on the page."""
    if stage.history_days == 0:
        return
    started = time.monotonic()
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb") as source, os.fdopen(write_end, "wb") as sink:
        maker = await spawn(
            "simulate", str(stage.site), "--history", str(stage.history_days), *stage.clock, stdout=sink
        )
        taker = await spawn("replay", str(stage.site), "-", *stage.clock, stdin=source)
    stopped = asyncio.create_task(stop.wait())
    done = asyncio.create_task(_codes(maker, taker))
    await asyncio.wait({stopped, done}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if stop.is_set():
        await asyncio.gather(end(maker), end(taker))
        await done
        return
    if any(await done):
        raise ConfigError("the history could not be made; what went wrong stands above")
    click.echo(f"  {stage.history_days} days of history in {time.monotonic() - started:.0f} s", err=True)


async def _codes(*processes: asyncio.subprocess.Process) -> list[int]:
    return await asyncio.gather(*(process.wait() for process in processes))
