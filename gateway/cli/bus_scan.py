"""``campus-gateway bus scan``: who answers on a line, from a site file or from an address alone."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import click

from gateway.cli.table import json_line, table
from runtime.plain import plain as seen

if TYPE_CHECKING:
    from edge_config.schema import Bus
    from gateway.commissioning.scan import Found, Wanted
    from gateway.commissioning.scan_rounds import Parity, Protocol
    from gateway.commissioning.suggest import Suggestion

TIMEOUT_S = 0.2
"""Meters answer within 100 ms; what the bytes themselves take on a serial line is added by the wire."""

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says; exactly one way of naming a line is right."""

    site: Path | None
    bus_id: str | None
    host: str | None
    port: int
    rtu: bool
    serial: str | None
    units: str
    baudrates: str | None
    parities: str | None
    protocols: str | None
    all_settings: bool
    no_profiles: bool
    timeout_s: float
    as_json: bool


@click.command()
@click.argument("site", metavar="[SITE.yaml", required=False, type=click.Path(path_type=Path))
@click.argument("bus_id", metavar="BUS]", required=False)
@click.option("--host", help="Scan behind this address instead of a bus of a site file.")
@click.option("--port", type=click.IntRange(1, 65535), default=502, show_default=True)
@click.option("--rtu", is_flag=True, help="RTU frames over TCP, as serial servers (串口服务器) send them.")
@click.option("--serial", metavar="PORT", help="Scan this serial port instead of a bus of a site file.")
@click.option("--units", default="1-247", show_default=True, help="Unit ids: 1-32 or 1,5,7-9.")
@click.option("--baudrates", metavar="LIST", help="Speeds to try on a serial line, such as 9600,2400.")
@click.option("--parities", metavar="LIST", help="Parities to try on a serial line, such as N,E.")
@click.option(
    "--protocols",
    metavar="LIST",
    help="What to ask: modbus,dlt645,cjt188; all the line can carry by default.",
)
@click.option("--all-settings", is_flag=True, help="Go on after the first speed at which somebody answers.")
@click.option("--no-profiles", is_flag=True, help="Do not try which profile would fit.")
@click.option("--timeout", "timeout_s", type=click.FloatRange(0.02, 10), default=TIMEOUT_S, show_default=True,
              help="Seconds to wait for a unit; a meter gets 0.6 at least.")  # fmt: skip
@json_option
def scan(**options: Any) -> None:
    """Who answers (扫描): BUS of SITE.yaml, or --host, or --serial.

    Modbus units, and DL/T 645 and CJ/T 188 meters on a line that is not Modbus TCP. On a serial line its own speed and
    parity are tried first, then the others. Exit code 1 when nobody answers.
    """
    from gateway.commissioning.scan import answers_to_any
    from gateway.commissioning.scan_rounds import seconds_max

    asked = Asked(**options)
    wanted = _wanted(asked)
    seconds = seconds_max(wanted.rounds, len(wanted.units), wanted.meter_timeout_s)
    settings = len(wanted.rounds)
    click.echo(
        f"最多 at most {seconds / 60:.1f} min if nobody answers, {settings} setting(s) of the line", err=True
    )
    found = asyncio.run(_scan(wanted, as_json=asked.as_json))
    if not asked.as_json:
        click.echo(_found_table(found) if found else "nobody answers (无应答)", err=not found)
        if answers_to_any(found, len(wanted.units)):
            click.echo(
                "每个地址都应答：很可能是同一台设备 / every unit id answers: most likely one and the same device"
            )
    if not found:
        raise click.exceptions.Exit(1)


def _wanted(asked: Asked) -> Wanted:
    from gateway.commissioning.scan import Wanted
    from gateway.commissioning.scan_rounds import rounds_of
    from gateway.commissioning.suggest import bus_profiles

    line = _line_of(asked).model_copy(update={"timeout_s": asked.timeout_s})
    asks = _protocols(asked.protocols, is_tcp=line.kind == "modbus-tcp")
    rounds = rounds_of(line, asks, _speeds(asked.baudrates), _parities(asked.parities))
    profiles = [] if asked.no_profiles else bus_profiles()
    return Wanted(rounds, _units(asked.units), profiles, asked.all_settings)


async def _scan(wanted: Wanted, *, as_json: bool) -> list[Found]:
    from gateway.cli.progress import Progress
    from gateway.commissioning.scan import scan as find
    from gateway.commissioning.scan_rounds import Steps, steps_of

    found = []
    with Progress("扫描 scan", quiet=as_json) as progress:
        steps = Steps(progress.show, steps_of(wanted.rounds, len(wanted.units)))
        async for one in find(wanted, steps, lambda text: click.echo(seen(text), err=True)):
            found.append(one)
            if as_json:
                plain = {**dataclasses.asdict(one), "setting": one.setting}
                del plain["bus"]
                click.echo(json_line(plain))
    return found


def _found_table(found: list[Found]) -> str:
    columns = (
        "protocol",
        "unit 地址",
        "line",
        "answer",
        "ms",
        "says",
        "profile 模板建议",
        "plausible",
        "reads",
    )
    return table(columns, (
        (
            one.protocol, one.address if one.unit_id is None else one.unit_id, one.setting, one.outcome, one.latency_ms,
            one.says or None, likely and likely.profile,
            likely and ("identified" if likely.is_identified else f"{likely.score:.0%}"),
            _reads(likely) if likely else one.detail,
        )
        for one in found
        for likely in (one.suggestions or (None,))
    ))  # fmt: skip


def _reads(likely: Suggestion) -> str:
    return f"{likely.says}: {likely.sample}" if likely.says else likely.sample


def _line_of(asked: Asked) -> Bus:
    from edge_config.schema import SerialBus, TcpBus
    from gateway.cli.sites import open_without_secrets
    from gateway.commissioning.line import scannable

    ways = (asked.site, asked.host, asked.serial)
    if sum(way is not None for way in ways) != 1 or (asked.site is None) != (asked.bus_id is None):
        raise click.UsageError("name one line: SITE.yaml BUS, or --host ADDRESS, or --serial PORT")
    if asked.host is not None:
        kind: Literal["modbus-rtu-over-tcp", "modbus-tcp"] = (
            "modbus-rtu-over-tcp" if asked.rtu else "modbus-tcp"
        )
        return TcpBus(id="scan", kind=kind, host=asked.host, port=asked.port)
    if asked.serial is not None:
        return SerialBus(id="scan", kind="modbus-rtu", port=asked.serial)
    return scannable(open_without_secrets(cast("Path", asked.site)), cast("str", asked.bus_id))


def _units(text: str) -> list[int]:
    """``1-32`` or ``1,5,7-9`` as unit ids in order."""
    units: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        numbers = [first.strip(), (last or first).strip()]
        if not all(number.isdigit() and 1 <= int(number) <= 247 for number in numbers):
            raise click.BadParameter(
                f"{part!r} is no unit id; write 1-32 or 1,5,7-9, from 1 to 247", param_hint="--units"
            )
        units.update(range(int(numbers[0]), int(numbers[1]) + 1))
    return sorted(units)


def _protocols(text: str | None, *, is_tcp: bool) -> frozenset[Protocol]:
    """Modbus TCP carries no other frames."""
    from gateway.commissioning.scan_rounds import FRAME_PROTOCOLS, PROTOCOLS

    carried = PROTOCOLS - FRAME_PROTOCOLS if is_tcp else PROTOCOLS
    wanted = carried if text is None else frozenset(part.strip() for part in text.split(","))
    if not wanted <= carried:
        raise click.BadParameter(
            f"this line carries {', '.join(sorted(carried))} only", param_hint="--protocols"
        )
    return cast("frozenset[Protocol]", wanted)


def _speeds(text: str | None) -> list[int] | None:
    from gateway.commissioning.scan_rounds import BAUDRATES_KNOWN

    if text is None:
        return None
    wrong = [
        part for part in text.split(",") if not part.strip().isdigit() or int(part) not in BAUDRATES_KNOWN
    ]
    if wrong:
        known = ", ".join(map(str, sorted(BAUDRATES_KNOWN)))
        raise click.BadParameter(f"{wrong[0]!r} is no speed; known are {known}", param_hint="--baudrates")
    return [int(part) for part in text.split(",")]


def _parities(text: str | None) -> list[Parity] | None:
    from gateway.commissioning.scan_rounds import PARITIES

    if text is None:
        return None
    wanted = [part.strip().upper() for part in text.split(",")]
    if not set(wanted) <= {*PARITIES}:
        raise click.BadParameter("parities are N, E and O", param_hint="--parities")
    return cast("list[Parity]", wanted)
