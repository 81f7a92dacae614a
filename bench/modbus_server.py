"""Meters for the benchmark: a Modbus TCP server that answers every read with floats that grow, at next to no cost."""

from __future__ import annotations

import asyncio
import struct


class Meters(asyncio.Protocol):
    """One connection; a value is 200 and a little more with every request, so that no reading is a repeat."""

    def __init__(self) -> None:
        self._asked = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        transaction, _, _, unit, function, _, count = struct.unpack(">HHHBBHH", data[:12])
        self._asked += 1
        body = struct.pack(">BBB", unit, function, 2 * count) + self.registers(count // 2, self._asked)
        self._transport.write(struct.pack(">HHH", transaction, 0, len(body)) + body)

    def registers(self, numbers: int, asked: int) -> bytes:
        """So many numbers of 32 bits, as they stand at a connection's request of that number."""
        return struct.pack(">f", 200 + asked % 1000 / 100) * numbers


async def serve(meters: type[Meters] = Meters) -> None:
    """Prints the port."""
    server = await asyncio.get_running_loop().create_server(meters, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
