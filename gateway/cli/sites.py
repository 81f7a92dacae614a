"""Loading a site file for a command: everything that is wrong with it becomes one ConfigError, a line for each."""

from __future__ import annotations

from pathlib import Path

from edge_config.loader import load_site
from edge_config.problems import SiteProblems
from edge_config.site import LoadedSite
from gateway.errors import ConfigError


def open_site(path: Path) -> LoadedSite:
    """One gateway's loaded site. Raises ConfigError with every problem as ``file:line:column: key: wrong, right``."""
    return _of_a_gateway(open_any(path))


def open_without_secrets(path: Path) -> LoadedSite:
    """The same for a command that logs in nowhere: secret files need not be there. Raises ConfigError."""
    return _of_a_gateway(_opened(path, with_secrets=False))


def open_any(path: Path) -> LoadedSite:
    """One gateway's site, or a campus's over its hub. Raises ConfigError."""
    return _opened(path, with_secrets=True)


def what_a_hub_does(path: Path) -> str:
    """What may be done with a campus's file, as commands."""
    return f"`campus-gateway dashboard {path}` shows the campus, `campus-gateway query {path} …` asks it"


def _of_a_gateway(site: LoadedSite) -> LoadedSite:
    if site.hub_path is not None:
        raise ConfigError(
            f"{site.path} describes a campus over its hub (校区汇总), not a gateway: 这里不采集也不下命令,请用各网关自己的"
            "配置文件 · collecting, commands and the daily statement are each gateway's, with its own site file; "
            + what_a_hub_does(site.path)
        )
    return site


def _opened(path: Path, *, with_secrets: bool) -> LoadedSite:
    try:
        return load_site(path, with_secrets=with_secrets)
    except SiteProblems as problems:
        raise ConfigError(f"{path} cannot be used:\n{problems}") from problems
