"""The gateway's side of a broker at work, and somebody who publishes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, MutableMapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiomqtt

from edge_config.schema import Broker
from gateway.sources.mapping import MqttDevice
from gateway.sources.mqtt import BrokerSource, run_broker
from gateway.sources.mqtt_connection import BrokerAccess
from runtime.clock import Clock, SystemClock
from tests.sources.fakes import Sink
from tests.sources.sensors import air

TOPIC = "zigbee2mqtt/air-101"


def quick() -> float:
    """Jitter that keeps back-off at its shortest."""
    return 0.0


@asynccontextmanager
async def ingest(
    broker: Broker, sink: Sink, *devices: MqttDevice, password: str | None = None, clock: Clock | None = None
) -> AsyncIterator[asyncio.Task[None]]:
    """The gateway's side of a broker, at work."""
    source = BrokerSource(BrokerAccess(broker, "campus-gateway-gw-1", password), devices or (air(),))
    task = asyncio.ensure_future(run_broker(source, sink, clock or SystemClock(), jitter=quick))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled() and task.exception() is not None:
            await task


async def publish(
    broker: Broker, *messages: str, topic: str = TOPIC, qos: int = 1, retain: bool = False, **login: str
) -> None:
    async with aiomqtt.Client(broker.host, broker.port, **login) as client:  # type: ignore[arg-type]
        for message in messages:
            await client.publish(topic, message, qos=qos, retain=retain)


async def subscribed(log: Sequence[MutableMapping[str, Any]]) -> None:
    """Wait for the line that says a subscription stands; another one each time the log is cleared."""
    async with asyncio.timeout(60):
        while not any(line["event"] == "subscribed" for line in log):
            await asyncio.sleep(0.01)


def co2(*values: int) -> list[str]:
    return [f'{{"co2":{value}}}' for value in values]
