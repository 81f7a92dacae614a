"""The two ends of the queue inside a process: a service that publishes, and the tasks that consume."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, closing
from pathlib import Path

from district.queue.consume import Consumer
from district.queue.door import QueuedService
from district.queue.setting import QueueSetting
from district.queue.stream import Stream
from district.relay.outbox import Onward
from district.service import Service
from runtime.clock import Clock


@asynccontextmanager
async def queued(
    where: Path | str, clock: Clock, setting: QueueSetting, onward: Onward | None = None
) -> AsyncIterator[QueuedService]:
    async with aclosing(await Stream.opened(setting)) as stream:
        with closing(QueuedService(where, clock, stream, onward)) as service:
            yield service


@asynccontextmanager
async def consuming(service: Service, setting: QueueSetting) -> AsyncIterator[Consumer]:
    async with aclosing(await Stream.opened(setting)) as stream, asyncio.TaskGroup() as group:
        consumer = Consumer(service, stream)
        task = group.create_task(consumer.run(), name="consume")
        try:
            yield consumer
        finally:
            consumer.is_stopping = True
            task.cancel()
