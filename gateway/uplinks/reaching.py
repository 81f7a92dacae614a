"""Whether a receiver's port is there: a connection that is closed again, over which nothing is said."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from gateway.uplinks.unreached import no_answer, unreached
from gateway.uplinks.wire import WireFault


async def reach(host: str, port: int, timeout_s: float) -> None:
    """Raises WireFault where nobody listens."""
    try:
        async with asyncio.timeout(timeout_s):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError as error:
        what = no_answer(f"no connection within {timeout_s:g} s", "the receiver")
        raise WireFault(what.trouble, what.message, what.cure) from error
    except OSError as error:
        what = unreached(error, "the receiver")
        raise WireFault(what.trouble, what.message, what.cure) from error
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
