"""Loading a site file for a command: everything that is wrong with it becomes one ConfigError, a line for each."""

from __future__ import annotations

from pathlib import Path

from edge_config.loader import load_site
from edge_config.problems import SiteProblems
from edge_config.site import LoadedSite
from gateway.errors import ConfigError


def open_site(path: Path) -> LoadedSite:
    """The loaded site. Raises ConfigError with every problem as ``file:line:column: key: wrong, right``."""
    return _opened(path, with_secrets=True)


def open_without_secrets(path: Path) -> LoadedSite:
    """The same for a command that logs in nowhere: secret files need not be there. Raises ConfigError."""
    return _opened(path, with_secrets=False)


def _opened(path: Path, *, with_secrets: bool) -> LoadedSite:
    try:
        return load_site(path, with_secrets=with_secrets)
    except SiteProblems as problems:
        raise ConfigError(f"{path} cannot be used:\n{problems}") from problems
