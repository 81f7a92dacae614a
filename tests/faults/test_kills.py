"""The collector is killed and stopped at random moments while a real broker sends (F1, F16: P1, P5, P19) (S24)."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from pathlib import Path
from random import Random

import aiomqtt
import pytest

from runtime.clock import SystemClock
from tests.faults.collector import PATIENCE_S, TOPIC, Plant, running
from tests.sources.brokers import Mosquitto, mosquitto
from tests.sources.slave import Slave, tcp

pytestmark = [pytest.mark.real("mosquitto"), pytest.mark.timeout(900)]

SEED = int(os.environ.get("CAMPUS_KILLS_SEED", "1"))
ENDS = ("kill", "kill", "term", "kill", "kill", "term, then kill") * 2 + ("kill",) * 3
"""How each of fifteen collectors ends."""
STEP_MS = 50


class Publisher:
    """Sends numbered messages at QoS 1, as fast as the broker says it has them, and keeps a journal of those it has."""

    def __init__(self, port: int) -> None:
        self.port, self.base, self.journal = port, SystemClock().now_ms() - 3_600_000, dict[int, int]()
        self._stop = asyncio.Event()

    async def run(self) -> None:
        async with aiomqtt.Client("127.0.0.1", self.port, timeout=PATIENCE_S) as client:
            while not self._stop.is_set():
                number = len(self.journal)
                at = self.base + number * STEP_MS
                values = {"power": number % 1000, "energy": number}
                await client.publish(TOPIC, json.dumps({"ts": at, "values": values}), qos=1)
                self.journal[at] = number
                await asyncio.sleep(0.003)

    def end(self) -> None:
        self._stop.set()


async def until(is_so: object, what: str) -> None:
    assert callable(is_so)
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():
            await asyncio.sleep(0.02)


async def subscribed(broker: Mosquitto) -> None:
    """The gateway's session is known to the broker, so that nothing sent from now on is lost."""
    await until(lambda: f"{TOPIC} (QoS 1)" in broker.log, "the gateway has subscribed")


async def end(process: subprocess.Popen[bytes], how: str, random: Random) -> None:
    if how != "kill":
        process.send_signal(signal.SIGTERM)
    if how == "term":
        assert await asyncio.to_thread(process.wait, PATIENCE_S) == 0
        return
    moment_s = random.uniform(0, 0.05 if how == "kill" else 1)
    await asyncio.sleep(moment_s)  # when it happens is the fault; nothing waits for it
    process.kill()
    await asyncio.to_thread(process.wait)


async def test_a_collector_ended_at_random_moments_has_every_message_the_broker_let_go_once(
    tmp_path: Path,
) -> None:
    random, log = Random(SEED), tmp_path / "collector.log"
    print(f"SEED={SEED}")
    async with mosquitto(tmp_path, "allow_anonymous true", "log_type all") as broker, tcp(Slave()) as bus:
        plant = Plant(tmp_path, broker.port, bus)
        publisher = Publisher(broker.port)
        publishing: asyncio.Task[None] | None = None
        for how in ENDS:
            with running(plant.command(), log) as process:
                await subscribed(broker)
                publishing = publishing or asyncio.create_task(publisher.run())
                wanted = plant.stored() + random.randrange(1, 200)
                await until(lambda wanted=wanted: plant.stored() >= wanted, "the collector stores")
                await end(process, how, random)
        publisher.end()
        assert publishing is not None
        await publishing
        with running(plant.command(), log) as process:
            await until(lambda: plant.stored() >= len(publisher.journal), "all is stored")
            await end(process, "term", random)
    sql = "SELECT measured_at, value FROM reading JOIN point USING (point_id) WHERE name = 'total.energy_import'"
    found = plant.rows(sql)
    assert {at: value // 100 for at, value in found} == publisher.journal
    assert len(found) == len(publisher.journal) > 15
    assert plant.rows("SELECT count(*) FROM correction") == [(0,)]
    assert plant.rows("PRAGMA integrity_check") == [("ok",)]
