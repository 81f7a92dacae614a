"""Meters for ``backlog``: each answers with floats first and then as many counters that grow with every request."""

from __future__ import annotations

import asyncio
import struct

from bench.modbus_server import Meters, serve


class CountingMeters(Meters):
    """Half of a reply's numbers are gauges, half are counters."""

    def registers(self, numbers: int, asked: int) -> bytes:
        gauges = numbers // 2
        return super().registers(gauges, asked) + struct.pack(">I", asked) * (numbers - gauges)


if __name__ == "__main__":
    asyncio.run(serve(CountingMeters))
