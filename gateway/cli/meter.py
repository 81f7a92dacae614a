"""``campus-gateway meter``: what staff tell the gateway of a meter. Given to the running collector as a control command."""

from __future__ import annotations

import asyncio
import getpass
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from gateway.cli.options import clock_options, clock_setting, site_argument


@click.group()
def meter() -> None:
    """Meters (表计): tell the gateway that one was replaced."""


@meter.command()
@site_argument
@click.argument("device")
@click.option("--register", "registers", metavar="POINT:FINAL:INITIAL", multiple=True, required=True,
              help="Old final and new initial register of one counter, as the pages show it; once for each counter.")  # fmt: skip
@click.option(
    "--at",
    metavar="TIME",
    help="When it was changed, site time or with a zone (default: now); up to 7 days ago.",
)
@click.option("--ct-ratio", help="CT ratio of the new meter (default: as in the site file).")
@click.option("--pt-ratio", help="PT ratio of the new meter (default: as in the site file).")
@click.option("--note", default="", help="Meter numbers, reason, work order.")
@click.option("--user", default=None, help="Who says so (default: the user of this shell).")
@clock_options
def replace(
    site: Path,
    device: str,
    registers: tuple[str, ...],
    at: str | None,
    user: str | None,
    clock_rate: float,
    clock_start: str | None,
    **more: str | None,
) -> None:
    """DEVICE got another meter (换表登记): keep both registers, so that what flowed is counted and the step between is not.

    Example: campus-gateway meter replace site.yaml main-e --register energy_import:12345.6:0.3 --at 2026-11-20T14:30
    """
    from gateway.cli.sites import open_without_secrets
    from gateway.control import client
    from runtime.clock import SystemClock

    loaded, clock = open_without_secrets(site), SystemClock(clock_setting(clock_rate, clock_start))
    body: dict[str, Any] = {
        "at": clock.now_ms() if at is None else _moment(at, loaded.zone),
        "registers": dict(_register(text) for text in registers),
        **{key: value for key, value in more.items() if value is not None},
    }
    command = client.Command(uuid.uuid4().hex, user or getpass.getuser(), "replace_meter", device, body)
    answer = asyncio.run(client.send(loaded.control_path, command))
    when = datetime.fromtimestamp(answer["at"] / 1000, loaded.zone).isoformat(" ", "seconds")
    click.echo(f"{device}: 已登记换表 / replacement kept, {when}, {', '.join(answer['points'])}")


def _register(text: str) -> tuple[str, dict[str, str]]:
    point, final, initial = ([*text.split(":"), "", ""])[:3]
    if text.count(":") != 2 or not (point and final and initial):
        raise click.BadParameter(
            f"{text!r} is no register; write POINT:FINAL:INITIAL such as energy_import:12345.6:0.3",
            param_hint="--register",
        )
    return point, {"final": final, "initial": initial}


def _moment(text: str, zone: Any) -> int:
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is not a time; write 2026-11-20T14:30", param_hint="--at"
        ) from None
    return round((parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)).timestamp() * 1000)
