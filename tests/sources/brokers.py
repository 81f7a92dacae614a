"""Real brokers for tests: mosquitto on a free port, and amqtt inside this process."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from amqtt.contexts import Action
from amqtt.plugins.base import BaseTopicPlugin
from amqtt.session import Session

from edge_config.schema import Broker
from simulators.broker import ClosingBroker
from tests.ports import free_port

MOSQUITTO = shutil.which("mosquitto") or "/usr/sbin/mosquitto"


@dataclass
class Mosquitto:
    """One mosquitto whose sessions survive a kill, because it keeps them on disk and is stopped by a signal."""

    folder: Path
    host: str = "127.0.0.1"
    port: int = 0
    lines: tuple[str, ...] = ("allow_anonymous true",)
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def broker(self) -> Broker:
        return Broker(id="local", host=self.host, port=self.port)

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8")

    async def start(self) -> None:
        self.port = self.port or free_port(self.host)
        conf = self.folder / "mosquitto.conf"
        conf.write_text(
            "\n".join(
                (
                    f"listener {self.port} {self.host}",
                    "persistence true",
                    f"persistence_location {self.folder}/",
                    f"log_dest file {self.folder}/log",
                    "user root",
                    "max_queued_messages 0",
                    *self.lines,
                )
            )
            + "\n",
            encoding="utf-8",
        )
        self.process = subprocess.Popen([MOSQUITTO, "-c", str(conf)], stderr=subprocess.DEVNULL)
        async with asyncio.timeout(60):
            while not await self._listens():
                await asyncio.sleep(0.02)

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection(self.host, self.port)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True

    async def stop(self) -> None:
        """SIGTERM: the sessions are written to disk first."""
        if self.process is not None:
            self.process.terminate()
            await asyncio.to_thread(self.process.wait)
            self.process = None


@asynccontextmanager
async def mosquitto(folder: Path, *lines: str, host: str = "127.0.0.1") -> AsyncIterator[Mosquitto]:
    one = Mosquitto(folder, host, lines=lines or ("allow_anonymous true",))
    await one.start()
    try:
        yield one
    finally:
        await one.stop()


class OnlyAvailability(BaseTopicPlugin):  # type: ignore[misc]  # amqtt ships no types
    """An access list of a few lines: subscriptions to anything but availability are refused."""

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool:
        return action is not Action.SUBSCRIBE or (topic or "").endswith("/availability")


@asynccontextmanager
async def embedded(*, is_strict: bool = False) -> AsyncIterator[Broker]:
    """amqtt, which speaks MQTT 3.1.1 only."""
    plugins: dict[str, object] = {
        "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}
    }
    if is_strict:
        plugins["tests.sources.brokers.OnlyAvailability"] = {}
    listeners = {"default": {"type": "tcp", "bind": "127.0.0.1:0"}}
    one = ClosingBroker({"listeners": listeners, "plugins": plugins})
    await one.start()
    try:
        yield Broker(id="local", host="127.0.0.1", port=one.listening_port, protocol="3.1.1")
    finally:
        await one.shutdown()
