"""An MQTT broker of our own for the demo and for quick tests: amqtt, MQTT 3.1.1, on loopback, with passwords.

A real site uses mosquitto. Here nobody connects without a name and a password; the users file holds argon2 hashes,
one ``name:hash`` per line.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

from amqtt.broker import Broker
from amqtt.errors import BrokerError
from argon2 import PasswordHasher
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from simulators.errors import SimulatorError
from simulators.secret_files import write_secret

SHUTDOWN_S = 1.5
_AUTH = "amqtt.plugins.authentication.FileAuthPlugin"
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def write_users(path: Path, users: Mapping[str, str]) -> None:
    """Write the users file, readable by its owner only. Raises ValueError for a name with a colon or without letters."""
    for name in users:
        if not name.strip() or ":" in name or name.startswith("#"):
            raise ValueError(f"{name!r} cannot be a user's name")
    text = "".join(f"{name}:{_hasher.hash(password)}\n" for name, password in users.items())
    write_secret(path, text)


class ClosingBroker(Broker):  # type: ignore[misc]  # amqtt ships no types
    """amqtt's broker with a ``shutdown`` that lets go of every connection.

    amqtt leaves a connection open that sent no CONNECT it could read, or that has no session yet when the broker ends;
    and it waits for ever for a client whose reading has been asked for and has not begun.
    """

    def __init__(self, config: Mapping[str, object]) -> None:
        super().__init__(dict(config))
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @property
    def listening_port(self) -> int:
        """Of the one listener, once started."""
        port: int = next(iter(self._servers.values())).instance.sockets[0].getsockname()[1]
        return port

    def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        """Called by asyncio for each connection, which has a task of its own from here to its end."""
        serving = asyncio.ensure_future(self._serve(reader, writer, listener_name))
        self._connections[serving] = writer
        serving.add_done_callback(self._note_end)

    async def shutdown(self) -> None:
        """No new connections, none in the middle of something, then whatever amqtt does."""
        for server in self._servers.values():
            await _stop_accepting(server.instance)
        for serving, writer in self._connections.items():
            writer.transport.abort()
            serving.cancel()
        if self._connections:
            await asyncio.wait(tuple(self._connections))
        await super().shutdown()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        try:
            await super().stream_connected(reader, writer, listener_name)
        finally:
            writer.close()
            with contextlib.suppress(OSError):  # the client was gone first
                await writer.wait_closed()

    def _note_end(self, serving: asyncio.Task[None]) -> None:
        del self._connections[serving]
        if not serving.cancelled() and (error := serving.exception()) is not None:
            logging.getLogger("amqtt.broker").warning("a connection ended by %r", error)


class EmbeddedBroker(Collector):
    """Serves ``host:port``; use ``async with``. Port 0 takes any free one, which ``port`` then names."""

    def __init__(self, host: str, port: int, users: Path) -> None:
        self._host, self.port, self._users = host, port, users
        self._broker: ClosingBroker | None = None

    async def __aenter__(self) -> Self:
        if not self._users.is_file():
            raise SimulatorError(
                f"{self._users} does not exist; it must hold a line name:argon2-hash for each user"
            )
        where = f"[{self._host}]:{self.port}" if ":" in self._host else f"{self._host}:{self.port}"
        config = {
            "listeners": {"default": {"type": "tcp", "bind": where}},
            "plugins": {_AUTH: {"password_file": str(self._users)}},
        }
        self._broker = ClosingBroker(config)
        logging.getLogger("amqtt.broker").setLevel(
            logging.CRITICAL
        )  # what fails at the start is told below, once
        try:
            await self._broker.start()
        except BrokerError as error:
            raise SimulatorError(
                f"the broker cannot listen on {self._host} port {self.port}; stop what uses it or choose another port"
            ) from error
        finally:
            logging.getLogger("amqtt").setLevel(logging.WARNING)
        self.port = self._broker.listening_port
        return self

    async def __aexit__(self, *_: object) -> None:
        """Bounded, whatever amqtt's plugins and queues wait for."""
        if self._broker is not None:
            logging.getLogger("amqtt").setLevel(logging.CRITICAL)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._broker.shutdown(), SHUTDOWN_S)
            self._broker = None

    @property
    def sessions(self) -> int:
        """Clients that are connected or whose session is kept."""
        return len(self._broker.sessions) if self._broker is not None else 0

    def registry(self) -> CollectorRegistry:
        registry = CollectorRegistry()
        registry.register(self)
        return registry

    def collect(self) -> Iterator[Metric]:
        """What ``/metrics`` says."""
        retained = len(self._broker.retained_messages) if self._broker is not None else 0
        yield GaugeMetricFamily("broker_sessions", "MQTT sessions, connected or kept", value=self.sessions)
        yield GaugeMetricFamily(
            "broker_retained_messages", "MQTT messages kept for new subscribers", value=retained
        )


async def _stop_accepting(server: asyncio.Server) -> None:
    """Stop listening with no connection half made: asyncio takes two turns of the loop from accept to the protocol,
    and a server closed between them leaves the socket open."""
    loop = asyncio.get_running_loop()
    for listener in server.sockets:
        loop.remove_reader(listener.fileno())
    for _ in range(3):
        await asyncio.sleep(0)
    server.close()
