"""Staff commands over the collector's control socket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gateway.control import client
from gateway.errors import ControlError


class Collector:
    """``Commands`` of ``seams`` spoken to the collector that listens on ``socket``."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    async def send(self, command: str, subject: str, body: dict[str, Any], *, user: str, key: str) -> None:
        await client.send(
            self._socket, client.Command(key=key, user=user, name=command, subject=subject, body=body)
        )


class NoCommandsError(ControlError):
    """No collector is here, nor will be: the command belongs elsewhere."""


class Nobody:
    """``Commands`` of a campus's hub, where no collector is: refuses every one."""

    async def send(self, command: str, subject: str, body: dict[str, Any], *, user: str, key: str) -> None:
        del body, user, key
        raise NoCommandsError(f"{command} {subject}: a hub takes no commands; use the pages of its gateway")
