"""The site as a process of its own sees it while staff adopt devices: ``site.d/web.yaml`` is looked at, what is new joins.

Knows files and sites; does not know the collector, which adopts. What the installer edits waits for the next start, as it
does in the collector; a file that does not load takes nothing away.
"""

from __future__ import annotations

import hashlib

from edge_config.loader import load_site
from edge_config.problems import SiteProblems
from edge_config.site import LoadedSite
from runtime import logs

NO_FILE = b""

log = logs.get("adopted")


class Adopted:
    """``grown(site)`` by what the file says now, compared by its content: a time stamp may stay the same over a change."""

    def __init__(self) -> None:
        self._digest, self._problem = NO_FILE, ""

    def grown(self, site: LoadedSite) -> LoadedSite:
        """The site with every device adopted so far; the very same one when there is no other. Blocks."""
        digest = _digest(site)
        if digest == self._digest:
            return site
        try:
            found = load_site(site.path, with_secrets=False)
        except SiteProblems as problems:
            say = log.debug if str(problems) == self._problem else log.warning
            say("the site file has errors, adopted devices are taken up later", error=str(problems))
            self._problem = str(problems)
            return site
        self._digest, self._problem = digest, ""
        for name in found.adopted:
            if name not in site.devices:
                device = found.devices[name]
                site = site.with_device(device, found.profiles[device.profile])
                log.info("adopted device taken up", device_id=name)
        return site


def _digest(site: LoadedSite) -> bytes:
    try:
        return hashlib.sha256(site.web_path.read_bytes()).digest()
    except OSError:  # no file yet, or one that cannot be read, which loading the site says in words
        return NO_FILE
