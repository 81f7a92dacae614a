"""A district that keeps nothing: every batch gets the receipt it asks for. Its own CPU is not counted.

``python -m bench.upload_sink`` prints its port and serves until it is ended."""

from __future__ import annotations

import asyncio

import msgspec

from district.body import inflate


class _Head(msgspec.Struct):
    site: str
    gateway: str
    epoch: str
    from_seq: int
    to_seq: int
    sha256: str
    changes: list[msgspec.Raw]


received: dict[str, list[tuple[int, int]]] = {}


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = [line.partition(":") for line in head.decode().lower().split("\r\n")]
            fields = {name: value.strip() for name, _, value in lines}
            body = await reader.readexactly(int(fields["content-length"]))
            writer.write(_reply(inflate(body, fields["content-encoding"])))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def _reply(plain: bytes) -> bytes:
    batch = msgspec.json.decode(plain, type=_Head)
    held = _with(received.get(batch.epoch, []), (batch.from_seq, batch.to_seq))
    received[batch.epoch] = held
    receipt = msgspec.json.encode(
        {
            "site": batch.site, "gateway": batch.gateway, "epoch": batch.epoch, "from_seq": batch.from_seq,
            "to_seq": batch.to_seq, "count": len(batch.changes), "sha256": batch.sha256,
            "received": held,
        }
    )  # fmt: skip
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(receipt)}\r\n\r\n"
    return head.encode() + receipt


def _with(held: list[tuple[int, int]], new: tuple[int, int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for low, high in sorted([*held, new]):
        if found and found[-1][1] >= low:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return found


async def main() -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
