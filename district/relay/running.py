"""The relay inside a serving process: one task for each district above, for as long as the process serves."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from district.refusal import DistrictError
from district.relay import outbox
from district.relay.forward import Forwarder
from district.relay.limits import MIB
from district.relay.outbox import Onward
from district.relay.wire import UpstreamHttp
from district.service import Service
from runtime.addresses import may_carry_secrets


@dataclass(frozen=True, slots=True)
class Upstream:
    """A district above: what it is called here, where it is (…/v1), and the file with the key it gave."""

    name: str
    url: str
    key_file: Path


def onward_of(upstreams: Sequence[Upstream], waiting_mib: int) -> Onward | None:
    if not upstreams:
        return None
    return Onward(tuple(one.name for one in upstreams), waiting_mib * MIB)


@asynccontextmanager
async def relaying(
    service: Service, upstreams: Sequence[Upstream], *, is_alone: bool = False
) -> AsyncIterator[None]:
    """Hand on inside the block. ``is_alone``: no other process does so on this database, so that what a process which was
    killed had claimed is free at once. Raises DistrictError where this would leave a hole above, or the URL sends data
    in the clear."""
    for one in upstreams:
        if not may_carry_secrets(one.url):
            raise DistrictError(
                f"{one.url}: data is not sent over http:// to another machine; write https://"
            )
    forgotten = set(await service.read(outbox.upstreams)) - {one.name for one in upstreams}
    if forgotten:
        name = min(forgotten)
        raise DistrictError(
            f"this database is relayed to {name!r}, and what is accepted now would be missing there; start with --relay-to"
            f" and --relay-name {name}, or end it with `district relay end {name}`"
        )
    owner = "here" if is_alone else secrets.token_hex(4)
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        tasks = []
        for one in upstreams:
            wire = await stack.enter_async_context(UpstreamHttp(one.url, one.key_file))
            forwarder = Forwarder(one.name, service, wire, owner, random.SystemRandom())
            service.listeners.append(forwarder.woken.set)
            tasks.append(group.create_task(forwarder.run(), name=f"relay-{one.name}"))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
