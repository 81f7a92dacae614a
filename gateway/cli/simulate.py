"""``campus-gateway simulate``: a site's devices without the devices, live, as history, as truth; or the demo's broker."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.options import clock_options, clock_setting
from gateway.errors import ConfigError
from runtime.clock import Clock, ClockSetting, SystemClock, parse_utc

if TYPE_CHECKING:
    from edge_config.site import LoadedSite
    from simulators.live import LiveOptions

SITE = click.Path(path_type=Path)


@click.command()
@click.argument("site", metavar="[SITE.yaml]", type=SITE, required=False)
@click.option(
    "--history",
    "history_days",
    type=click.FloatRange(0, 400),
    metavar="DAYS",
    help="Write history as JSON lines.",
)
@click.option(
    "--step",
    "step_s",
    type=click.IntRange(10, 3600),
    default=300,
    show_default=True,
    help="Seconds between readings of history.",
)
@click.option(
    "--truth", "truth_at", nargs=2, metavar="T1 T2", help="Print every counter's true register at two times."
)
@click.option("--seed", type=int, help="Another world than the usual one.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="DEVICE=dead|busy|slow",
    help="Let a meter misbehave; may be repeated.",
)
@click.option("--mqtt-user", default="sim", show_default=True, help="The sensors' name at the broker.")
@click.option("--mqtt-password-file", type=SITE, help="The sensors' password, on one line.")
@click.option("--health-host", default="127.0.0.1", show_default=True, help="Where --health-port listens.")
@click.option("--health-port", type=click.IntRange(0, 65535), help="Serve /healthz and /metrics.")
@click.option(
    "--broker", "as_broker", is_flag=True, help="Be the demo's MQTT broker instead; needs no SITE.yaml."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where --broker listens.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=1883, show_default=True, help="Where --broker listens."
)
@click.option("--users", type=SITE, help="The users of --broker: a line name:argon2-hash for each.")
@clock_options
def simulate(site: Path | None, clock_rate: float, clock_start: str | None, **options: Any) -> None:
    """Simulate the devices of SITE.yaml (模拟设备): Modbus servers, serial lines and MQTT sensors, until Ctrl-C.

    With --history or --truth it writes to standard output and ends.
    """
    from simulators.errors import SimulatorError

    try:
        if options["as_broker"]:
            _broker(options)
        elif site is None:
            raise click.UsageError("SITE.yaml is missing")
        else:
            _campus(site, clock_setting(clock_rate, clock_start), options)
    except ModuleNotFoundError as error:
        right = "install it with the extra: pip install 'campus-gateway[sim]'"
        raise ConfigError(f"the simulator needs {error.name}; {right}") from error
    except (SimulatorError, ValueError) as error:
        raise ConfigError(str(error)) from error


def _campus(path: Path, setting: ClockSetting, options: dict[str, Any]) -> None:
    from gateway.cli.sites import open_site
    from simulators.campus import DEFAULT_SEED

    site, clock = open_site(path), SystemClock(setting)
    seed = DEFAULT_SEED if options["seed"] is None else int(options["seed"])
    if options["truth_at"] is not None:
        _truth(site, seed, _time(options["truth_at"][0]), _time(options["truth_at"][1]))
    elif options["history_days"] is not None:
        _history(site, seed, clock, options["history_days"], options["step_s"])
    else:
        _live(site, seed, clock, options)


def _truth(site: LoadedSite, seed: int, start_ms: int, end_ms: int) -> None:
    import msgspec

    from simulators.campus import Campus

    lines = Campus(site, seed).counter_truth(start_ms, end_ms)
    sys.stdout.buffer.write(msgspec.json.Encoder(decimal_format="number").encode_lines(lines))
    sys.stdout.buffer.flush()


def _history(site: LoadedSite, seed: int, clock: Clock, days: float, step_s: int) -> None:
    from simulators.campus import Campus
    from simulators.history import history

    with open(sys.stdout.fileno(), "wb", buffering=1 << 20, closefd=False) as out:
        out.writelines(history(Campus(site, seed), clock, days, step_s))


def _live(site: LoadedSite, seed: int, clock: Clock, options: dict[str, Any]) -> None:
    from runtime import logs
    from simulators.live import LiveOptions, run_live

    logs.configure("simulator")
    health = None if options["health_port"] is None else (options["health_host"], options["health_port"])
    asked: LiveOptions = LiveOptions(
        username=options["mqtt_user"] if options["mqtt_password_file"] is not None else None,
        password_file=options["mqtt_password_file"],
        faults=dict(_fault(text) for text in options["faults"]),
        health=health,
        seed=seed,
    )
    _until_stopped(lambda stop: run_live(site, clock, asked, stop))


def _broker(options: dict[str, Any]) -> None:
    from runtime import logs
    from runtime.health import Health
    from simulators.broker import EmbeddedBroker
    from simulators.live import health_server

    if options["users"] is None:
        raise click.UsageError("--broker needs --users FILE; nobody connects without a name")
    logs.configure("broker")

    async def serve(stop: asyncio.Event) -> None:
        async with EmbeddedBroker(options["host"], options["port"], options["users"]) as broker:
            health = None
            if options["health_port"] is not None:
                where = (options["health_host"], options["health_port"])
                health = health_server(
                    where, broker.registry(), lambda: Health(facts={"sessions": broker.sessions})
                )
            try:
                await stop.wait()
            finally:
                if health is not None:
                    await asyncio.to_thread(health.close)

    _until_stopped(serve)


def _until_stopped(serve: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    from runtime.stop import stop_event

    async def run() -> None:
        await serve(stop_event())

    asyncio.run(run())


def _time(text: str) -> int:
    """ISO 8601 with a zone, or epoch milliseconds."""
    return int(text) if text.lstrip("-").isdigit() else parse_utc(text)


def _fault(text: str) -> tuple[str, Any]:
    from simulators.meter_device import Fault

    device, _, word = text.partition("=")
    if word not in {fault.value for fault in Fault}:
        raise click.UsageError(f"--fault {text!r} must be DEVICE=dead, DEVICE=busy or DEVICE=slow")
    return device, Fault(word)
