"""Ports for what is told its port before it binds it: processes, and files that name one.

The kernel gives clients and port 0 what is from 32768 up (ip_local_port_range), so a port from below stays free until it is
bound. Each test process begins at a place of its own and gives out no port twice before it has been all the way round.
"""

from __future__ import annotations

import itertools
import os
import socket
from contextlib import ExitStack

FIRST, LAST = 15_000, 32_000
PLACES = 1_000
"""Where test processes begin, by their pid."""

_candidates = itertools.count(os.getpid() % PLACES * ((LAST - FIRST) // PLACES))


def free_ports(count: int, host: str = "127.0.0.1") -> int:
    """The first of ``count`` neighbours that nobody holds."""
    while True:
        first = FIRST + next(_candidates) % (LAST - FIRST)
        with ExitStack() as stack:
            try:
                for port in range(first, first + count):
                    stack.enter_context(_bound(host, port))
            except OSError:
                continue
            for _ in range(count - 1):
                next(_candidates)
            return first


def free_port(host: str = "127.0.0.1") -> int:
    return free_ports(1, host)


def _bound(host: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        bound.bind((host, port))
    except BaseException:
        bound.close()
        raise
    return bound
