"""``campus-gateway``: names the commands; each lives in a module of this folder and is imported when it is called."""

from __future__ import annotations

import importlib
import sys

import click

from gateway.errors import GatewayError
from runtime.plain import plain

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": (
        "gateway.cli.demo:demo",
        "Run a simulated campus end to end (演示): devices, broker, gateway, district.",
    ),
    "run": ("gateway.cli.run:run", "Run collector, dashboard and worker for a site (运行网关)."),
    "collect": (
        "gateway.cli.collect:collect",
        "Run the collector alone (采集): read, store, account, deliver.",
    ),
    "dashboard": ("gateway.cli.dashboard:dashboard", "Serve the campus pages (看板) for a site."),
    "work": ("gateway.cli.work:work", "Run the worker (定时任务): daily statements and other slow jobs."),
    "district": (
        "gateway.cli.district:district",
        "Run the district service (区平台), or enrol a gateway with it.",
    ),
    "simulate": (
        "gateway.cli.simulate:simulate",
        "Simulate a site's devices (模拟设备), live or as history.",
    ),
    "centre": (
        "gateway.cli.centre:centre",
        "Be an energy centre of the national protocol (模拟能耗监测中心), to try an uplink against.",
    ),
    "replay": (
        "gateway.cli.replay:replay",
        "Feed readings with their own times through the ingest door (补录).",
    ),
    "query": (
        "gateway.cli.query:query",
        "Ask the buffer (查询): latest, series, totals, events, completeness.",
    ),
    "check": ("gateway.cli.check:check", "Check a site file (检查配置) and print the plan it makes."),
    "bus": ("gateway.cli.bus:bus", "Put a bus into service (总线调试): scan, read, doctor, replay."),
    "buffer": (
        "gateway.cli.buffer:buffer",
        "Look after the buffer (缓冲区): check, stats, backup, restore, salvage, new-epoch.",
    ),
    "uplink": (
        "gateway.cli.uplink:uplink",
        "Look after the uplinks (上传): status, test, resend, pause, resume, explain.",
    ),
    "meter": ("gateway.cli.meter:meter", "Tell the gateway of a meter (表计): that it was replaced."),
    "verify-sheet": (
        "gateway.cli.verify_sheet:verify_sheet",
        "Compare the gateway with the meters' panels (数据核对表).",
    ),
    "status": (
        "gateway.cli.status:status",
        "Say how the gateway is (状态): devices, uplinks, alarms, health.",
    ),
    "profiles": ("gateway.cli.profiles:profiles", "List, show and check device profiles (设备模板)."),
}


STARVED = (
    "the system gives this process no more memory or threads; end what else runs here, or raise MemoryMax and TasksMax of its "
    "service; nothing accepted is lost"
)


class FrontDoor(click.Group):
    """A group that imports a command's module only when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=FrontDoor, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="campus-gateway")
def app() -> None:
    """Campus Gateway (校园后勤物联网关): an edge gateway for schools."""


def main() -> None:
    """Run a command; what the gateway refuses on purpose is one sentence on stderr and exit code 1, never a trace."""
    try:
        sys.exit(app(standalone_mode=False))
    except GatewayError as error:
        click.echo(plain(f"campus-gateway: {error}", "\n"), err=True)
        sys.exit(1)
    except (MemoryError, RuntimeError) as error:
        if not _is_starved(error):
            raise
        click.echo(f"campus-gateway: {STARVED}", err=True)
        sys.exit(1)
    except BaseExceptionGroup as group:
        sys.exit(_refused_together(group))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)


def _refused_together(group: BaseExceptionGroup) -> int:
    """What several tasks of a process refused, a sentence each; anything else among it is a fault and shows its trace."""
    if group.subgroup(_is_starved) is not None:
        click.echo(f"campus-gateway: {STARVED}", err=True)
        return 1
    refused, faults = group.split(GatewayError)
    if faults is not None or refused is None:
        raise group
    for error in _leaves(refused):
        click.echo(plain(f"campus-gateway: {error}", "\n"), err=True)
    return 1


def _is_starved(error: BaseException) -> bool:
    """Whether the system refused memory or a thread; Python has no class of its own for the second."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and str(error) == "can't start new thread"
    )


def _leaves(group: BaseExceptionGroup) -> list[BaseException]:
    return [
        leaf
        for error in group.exceptions
        for leaf in (_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    ]
