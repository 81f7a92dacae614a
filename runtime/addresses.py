"""Which addresses stay on this machine, and what may travel to the others."""

from __future__ import annotations

import ipaddress
from contextlib import suppress
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """An address of this machine alone; a name is only known to be one when it is localhost."""
    if host == "localhost":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def may_carry_secrets(url: str) -> bool:
    """True for https, and for http that does not leave this machine: for keys and for data."""
    parts = urlsplit(url)
    return parts.scheme == "https" or is_loopback(parts.hostname or "")
