"""Whether a receiver's port is there: a connection that is closed again, over which nothing is said."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from gateway.uplinks.verdict import Trouble
from gateway.uplinks.wire import WireFault


async def reach(host: str, port: int, timeout_s: float) -> None:
    """Raises WireFault where nobody listens."""
    try:
        async with asyncio.timeout(timeout_s):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError as error:
        raise _unreached(f"no connection within {timeout_s:g} s") from error
    except OSError as error:
        raise _unreached(f"{type(error).__name__}: {error}".rstrip(": ")) from error
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


def _unreached(what: str) -> WireFault:
    return WireFault(Trouble.NO_ANSWER, what, "check network, host and port, and that the receiver runs")
