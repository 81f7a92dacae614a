"""Addresses: which stay on this machine, what may travel to the others, who counts as one person. Pure."""

from __future__ import annotations

import ipaddress
import re
from contextlib import suppress
from urllib.parse import urlsplit

_USER = re.compile(r"://[^/\s,]*@")


def is_loopback(host: str) -> bool:
    """An address of this machine alone; a name is only known to be one when it is localhost."""
    if host.lower() == "localhost":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def may_carry_secrets(url: str) -> bool:
    """True for https, and for http that does not leave this machine: for keys and for data."""
    parts = urlsplit(url)
    return parts.scheme == "https" or is_loopback(parts.hostname or "")


def without_secrets(text: str) -> str:
    """``text`` with name and password taken out of every URL in it."""
    return _USER.sub("://…@", text)


def neighbourhood(address: str) -> str:
    """What one person can speak from: an IPv4 address, or an IPv6 network of 64 bits, every address of which is the same
    machine's for the asking (RFC 4291, 2.5.4)."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))
