"""The pages' view of the site while staff adopt devices: ``site.d/web.yaml`` is looked at, and what is new in it joins.

Knows files and sites; does not know pages. What the installer edits waits for the next start, as in the collector.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from dashboard.seams import Parts, Views
from edge_config.loader import load_site
from edge_config.problems import SiteProblems
from edge_config.site import LoadedSite
from runtime import logs

log = logs.get("dashboard")


class FreshParts:
    """``now()`` gives the parts with every device adopted so far; ``views_of`` makes the door of a grown site."""

    def __init__(self, parts: Parts, views_of: Callable[[LoadedSite], Views]) -> None:
        self._parts, self._views_of = parts, views_of
        self._lock = threading.Lock()
        self._stamp = _stamp(parts.site)

    def now(self) -> Parts:
        """Two ``stat`` calls when nothing has changed. Any thread may ask."""
        with self._lock:
            stamp = _stamp(self._parts.site)
            if stamp != self._stamp:
                self._stamp = stamp
                self._grow()
            return self._parts

    def _grow(self) -> None:
        site = self._parts.site
        try:
            found = load_site(site.path, with_secrets=False)
        except SiteProblems as problems:
            log.warning("the site file has errors, adopted devices are shown later", error=str(problems))
            return
        for name in found.adopted:
            if name not in site.devices:
                device = found.devices[name]
                site = site.with_device(device, found.profiles[device.profile])
        self._parts = replace(self._parts, site=site, views=self._views_of(site))


def _stamp(site: LoadedSite) -> tuple[int, int] | None:
    try:
        found = site.web_path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_ino
