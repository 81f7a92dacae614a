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


class EmbeddedBroker(Collector):
    """Serves ``host:port``; use ``async with``. Port 0 takes any free one, which ``port`` then names."""

    def __init__(self, host: str, port: int, users: Path) -> None:
        self._host, self.port, self._users = host, port, users
        self._broker: Broker | None = None

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
        self._broker = Broker(config)
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
        self.port = _listening_port(self._broker)
        return self

    async def __aexit__(self, *_: object) -> None:
        """amqtt may wait for ever for a client that is in the middle of something; we do not."""
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


def _listening_port(broker: Broker) -> int:
    server = next(iter(broker._servers.values()))  # noqa: SLF001 - amqtt does not tell its port
    port: int = server.instance.sockets[0].getsockname()[1]
    return port
