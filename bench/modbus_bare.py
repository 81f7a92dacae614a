"""The bare side of ``modbus_poll``, and the size of the job: pymodbus alone, so that its memory is its own."""

from __future__ import annotations

import asyncio
import sys

from pymodbus.client import AsyncModbusTcpClient

from bench.child import Meter

BUSES, UNITS, POINTS = 10, 5, 20
INTERVAL_S = 0.2
WARM_UP_TICKS, TICKS = 5, 25
PER_TICK = BUSES * UNITS * POINTS


async def bare(port: int, ticks: int) -> None:
    clients = [AsyncModbusTcpClient("127.0.0.1", port=port) for _ in range(BUSES)]
    for client in clients:
        await client.connect()
    loop = asyncio.get_running_loop()

    async def read(client: AsyncModbusTcpClient) -> None:
        for unit in range(1, UNITS + 1):
            reply = await client.read_holding_registers(0, count=2 * POINTS, device_id=unit)
            assert len(reply.registers) == 2 * POINTS

    started, meter = loop.time(), Meter()
    for tick in range(1, WARM_UP_TICKS + ticks + 1):
        if tick == WARM_UP_TICKS + 1:
            meter = Meter()
        await asyncio.gather(*(read(client) for client in clients))
        await asyncio.sleep(max(0.0, started + tick * INTERVAL_S - loop.time()))
    meter.report(ticks * PER_TICK)
    for client in clients:
        client.close()


if __name__ == "__main__":
    asyncio.run(bare(int(sys.argv[1]), int(sys.argv[2])))
