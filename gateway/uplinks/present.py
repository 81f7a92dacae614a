"""What a sender says by the clock beside the change feed: real-time data, newest values, whether it is there.

A task of the collector's, not of the sender's: who only asks a sender what it would say must not make it speak.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Protocol, runtime_checkable


@runtime_checkable
class Presenting(Protocol):
    """A sender that wants the present, too."""

    async def present(self) -> None:
        """Say what is newest until cancelled. Raises nothing but what ends the collector."""
        ...


@asynccontextmanager
async def speaking(sender: object) -> AsyncIterator[None]:
    """Lets a sender say what is newest for as long as the context lasts; one that does not want the present is left alone."""
    if not isinstance(sender, Presenting):
        yield
        return
    async with asyncio.TaskGroup() as group:
        present = group.create_task(sender.present())
        try:
            yield
        finally:
            present.cancel()
            with suppress(asyncio.CancelledError):
                await present
