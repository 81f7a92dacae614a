"""The registers as they are now, for a centre that asks: straight from the buffer, by the one door for readers."""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import Sequence

from edge_config.site import LoadedSite
from gateway.errors import QueryError, StoreError
from gateway.query.views import Latest
from gateway.uplinks.national.packets import Function, Mapped, Meter, Packet, plain
from runtime import logs
from runtime.clock import Clock

log = logs.get("national")


async def newest(site: LoadedSite, clock: Clock, mapped: Mapped, sequence: int) -> Packet | None:
    """Every mapped register that was ever read; None when the buffer cannot be read in time."""
    from gateway.query.reader import Reader  # many modules, for a question few centres ask

    try:
        found = await asyncio.to_thread(Reader(site, clock).latest, list(mapped.points))
    except (QueryError, StoreError) as error:
        log.warning("a query of the centre stays without reply", why=str(error))
        return None
    return packet_of(found, mapped, sequence, clock.now_ms())


def packet_of(found: Sequence[Latest], mapped: Mapped, sequence: int, now_ms: int) -> Packet:
    """What is old, or not good, is told as an estimate, with its own time; what was never read is not told."""
    meters: dict[str, list[tuple[str, Function]]] = defaultdict(list)
    for one in found:
        point = mapped.points[one.point]
        if one.value is None or one.measured_at is None or not math.isfinite(one.value):
            continue
        is_doubtful = one.quality != "good" or one.is_delayed
        if is_doubtful and one.value == 0:
            continue  # as in ``packets``
        function = Function(point.function, point.code, plain(one.value), is_doubtful, one.measured_at)
        meters[point.meter].append((point.name, function))
    told = tuple(
        Meter(meter, functions[0][0], tuple(function for _, function in functions))
        for meter, functions in sorted(meters.items())
    )
    return Packet(sequence, now_ms, told, (), ())
