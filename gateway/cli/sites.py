"""Loading a site file for a command: everything that is wrong with it becomes one ConfigError, a line for each."""

from __future__ import annotations

from pathlib import Path

from edge_config.loader import load_site
from edge_config.problems import SiteProblems
from edge_config.site import LoadedSite
from gateway.errors import ConfigError


def open_site(path: Path) -> LoadedSite:
    """The loaded site. Raises ConfigError with every problem as ``file:line:column: key: wrong, right``."""
    try:
        return load_site(path)
    except SiteProblems as problems:
        raise ConfigError(f"{path} cannot be used:\n{problems}") from problems
