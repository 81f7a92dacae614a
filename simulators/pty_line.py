"""A serial line without hardware: two pseudo-terminals joined back to back, the client's end under a path.

What one end sends the other receives, byte for byte; a line that nobody listens to loses its bytes, as wires do.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tty
from pathlib import Path

from simulators.errors import SimulatorError

_CHUNK = 4096


class PtyLine:
    """Opens on creation, inside a running loop. ``server_path`` is for the meters, ``link`` for the gateway."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self._server, self._server_end = _raw_pair()
        self._client, self._client_end = _raw_pair()
        self.server_path = os.ttyname(self._server_end)
        _point_at(link, os.ttyname(self._client_end))
        loop = asyncio.get_running_loop()
        loop.add_reader(self._server, _pump, self._server, self._client)
        loop.add_reader(self._client, _pump, self._client, self._server)

    def close(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._server)
        loop.remove_reader(self._client)
        for descriptor in (self._server, self._server_end, self._client, self._client_end):
            os.close(descriptor)
        self.link.unlink(missing_ok=True)


def _raw_pair() -> tuple[int, int]:
    """A pseudo-terminal's two ends, raw. We keep the second open too, so that its other user may come and go."""
    near, far = os.openpty()
    tty.setraw(far)
    os.set_blocking(near, False)
    return near, far


def _point_at(link: Path, target: str) -> None:
    """Make ``link`` a symbolic link to ``target``; one left by a simulator that was killed is replaced."""
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.exists() and not link.is_symlink():
        raise SimulatorError(
            f"{link} is in the way of the simulated serial port: delete it or change the bus's `port:`"
        )
    spare = link.with_name(f"{link.name}.{os.getpid()}")
    spare.unlink(missing_ok=True)
    spare.symlink_to(target)
    spare.replace(link)


def _pump(source: int, target: int) -> None:
    with contextlib.suppress(BlockingIOError):
        data = os.read(source, _CHUNK)
        os.write(target, data)
