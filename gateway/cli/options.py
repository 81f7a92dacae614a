"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from runtime.clock import ClockSetting, parse_setting

F = TypeVar("F", bound=Callable[..., Any])

site_argument = click.argument("site", metavar="SITE.yaml", type=click.Path(path_type=Path))


def with_options(options: Sequence[Callable[[F], F]], command: F) -> F:
    """The command with ``options``, shown by --help in their order."""
    for option in reversed(options):
        command = option(command)
    return command


def clock_options(command: F) -> F:
    """``--clock-rate N --clock-start T[@REAL]`` for tests and the demo; read them with ``clock_setting``."""
    rate = click.option(
        "--clock-rate",
        type=float,
        default=1.0,
        show_default=True,
        help="Run our clocks N times faster (tests and demo only).",
    )
    start = click.option(
        "--clock-start", metavar="T[@REAL]", help="Simulated time now, or at real epoch second REAL."
    )
    return rate(start(command))


def clock_setting(rate: float, start: str | None) -> ClockSetting:
    """The clock the two options ask for; a usage error names what is wrong."""
    try:
        return parse_setting(rate, start).anchored()
    except ValueError as error:
        raise click.UsageError(str(error)) from error
