"""The uplinks of a collector, and what they do when the buffer becomes another one: begin again, under its epoch."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from edge_config.site import LoadedSite
from edge_config.uplinks import Uplink
from gateway.delivery.feed import BufferFeed, mended
from gateway.door.ingest import Door
from gateway.errors import DamagedBufferError, RenewedError
from gateway.store.aside import Patience, is_malformed, is_unreadable
from gateway.store.scrub import Scrub
from gateway.uplinks.drain import run_uplink
from gateway.uplinks.feed import Feed, Identity
from gateway.uplinks.kinds import Speaker, sender_of
from gateway.uplinks.present import speaking
from runtime import logs
from runtime.clock import Clock

SCRUB_S, AGAIN_S = 5.0, 1.0

log = logs.get("delivery")


async def deliver(site: LoadedSite, door: Door, clock: Clock) -> None:
    """Run every enabled uplink until cancelled. Damage that a reader meets is handed to the writer."""
    uplinks = [(with_paths(site, uplink), door.urgent()) for uplink in site.file.uplinks if uplink.enabled]
    patience = Patience()
    while True:
        door.renewed.clear()
        try:
            async with BufferFeed(site, door, clock) as feed, asyncio.TaskGroup() as group:
                identity = Identity(site.file.site.id, site.file.gateway.id, feed.epoch)
                speaker = Speaker(identity, site, lambda: door.points, feed, clock)
                group.create_task(_until_renewed(door))
                for uplink, wake in uplinks:
                    group.create_task(_run(uplink, speaker, feed, wake))
        except* RenewedError:
            log.info("the buffer begins another epoch, uplinks begin again")
        except* sqlite3.DatabaseError as errors:
            await _hand_over(door, errors, patience, clock)


async def _run(uplink: Uplink, speaker: Speaker, feed: Feed, wake: asyncio.Event) -> None:
    async with sender_of(uplink, speaker) as sender, speaking(sender):
        await run_uplink(uplink, speaker.identity.gateway, feed, sender, speaker.clock, wake)


async def scrub(path: Path, door: Door, clock: Clock) -> None:
    """Read the buffer through again and again, a step at a time, until cancelled."""
    walk, patience = Scrub(), Patience()
    while True:
        await clock.sleep(SCRUB_S)
        try:
            bad = await asyncio.to_thread(walk.step, path)
            for table, key in bad:
                is_good = await mended(door, table, key)
                log.warning("stored row damaged", table=table, key=key, mended=is_good)
        except sqlite3.DatabaseError as error:
            if await _met(door, error, patience, clock):
                walk = Scrub()


async def _until_renewed(door: Door) -> None:
    await door.renewed.wait()
    raise RenewedError("the buffer begins another epoch")


async def _hand_over(
    door: Door, errors: BaseExceptionGroup[sqlite3.DatabaseError], patience: Patience, clock: Clock
) -> None:
    damaged, others = errors.split(lambda error: is_malformed(error) or is_unreadable(error))
    if others is not None or damaged is None:
        raise errors
    first: BaseException = damaged
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    await _met(door, first, patience, clock)


async def _met(door: Door, error: BaseException, patience: Patience, clock: Clock) -> bool:
    """Damage goes to the writer, and so does what cannot be read time and again; whether it did. Raises anything else."""
    if is_malformed(error):
        await door.suspect(error)
        return True
    if not is_unreadable(error):
        raise error
    log.warning("the buffer cannot be read", error=str(error))
    if patience.is_over(clock.monotonic_s()):
        await door.suspect(DamagedBufferError(f"it cannot be read: {error}"))
        return True
    await clock.sleep(AGAIN_S)
    return False


def with_paths(site: LoadedSite, uplink: Uplink) -> Uplink:
    """Relative paths in a site file start at its folder; spaces that go up are named with all that is inside them."""
    keys = (*uplink.secret_keys, *uplink.file_keys, *uplink.folder_keys)
    named = {key: getattr(uplink, key) for key in keys}
    paths = {key: str(site.folder / name) for key, name in named.items() if name is not None}
    only = uplink.only.model_copy(update={"spaces": _with_inner(site, uplink.only.spaces)})
    return uplink.model_copy(update={**paths, "only": only})


def _with_inner(site: LoadedSite, spaces: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if spaces is None:
        return None
    return tuple(name for name in site.spaces if site.lies_in(name, spaces))
