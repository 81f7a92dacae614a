"""A centre of HJ 212-2017 that acknowledges, drops, refuses and asks on request. Written from the standard's page alone.

It writes and reads frames with its own few lines, so that a CRC or a length the gateway gets wrong cannot pass here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

ACK, DROP, CLOSE, LOWER, BARE, OLD = "ack", "drop", "close", "lower", "bare", "old"
"""What is done with a message that asks to be acknowledged. LOWER writes the CRC so, BARE ends without CR LF, OLD answers as
HJ/T 212-2005 does; ``ack:…`` puts that into the CP, ``refuse:3`` answers 9011 with QnRtn 3, ``raw:…`` sends that text."""


def checksum(data: bytes) -> str:
    """A bit at a time, as the standard describes it: the register shifted right by eight, the byte added, eight steps."""
    register = 0xFFFF
    for byte in data:
        register >>= 8
        register ^= byte
        for _ in range(8):
            is_odd = register % 2 == 1
            register //= 2
            if is_odd:
                register ^= 0xA001
    return f"{register:04X}"


def framed(segment: str) -> bytes:
    data = segment.encode("ascii")
    return b"##" + str(len(data)).zfill(4).encode() + data + checksum(data).encode() + b"\r\n"


WAIT_S = 60.0


@dataclass(frozen=True)
class Packet:
    """A frame as it came: its fields before CP, and the text between the ``&&``."""

    fields: dict[str, str]
    content: str
    raw: bytes

    @property
    def data(self) -> dict[str, str]:
        pairs = self.content.replace(";", ",").split(",")
        return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def unframed(raw: bytes) -> Packet:
    """A whole frame. Raises ValueError for one that is not as the standard says."""
    if raw[:2] != b"##" or raw[-2:] != b"\r\n":
        raise ValueError(f"no frame: {raw!r}")
    data = raw[6:-6]
    if int(raw[2:6]) != len(data) or len(data) > 1024:
        raise ValueError(f"the length does not fit: {raw!r}")
    if raw[-6:-2].decode() != checksum(data):
        raise ValueError(f"the CRC does not fit: {raw!r}")
    head, _, rest = data.decode("ascii").partition("CP=&&")
    if not rest.endswith("&&"):
        raise ValueError(f"CP has no end: {raw!r}")
    return Packet(dict(pair.split("=", 1) for pair in head.rstrip(";").split(";")), rest[:-2], raw)


@dataclass
class Centre:
    """``script`` holds what is done with each coming message that asks for an acknowledgement; then all are acknowledged."""

    script: deque[str] = field(default_factory=deque)
    packets: list[Packet] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """What came and was no frame of the standard."""
    connections: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)
    _server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        listening: int = self._server.sockets[0].getsockname()[1]
        return listening

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            for writer in self._writers:
                writer.close()
            await self._server.wait_closed()

    async def ask(self, segment: str, *, is_lower: bool = False) -> None:
        """Send a request to whoever is connected last."""
        raw = framed(segment)
        if is_lower:
            raw = raw[:-6] + raw[-6:].lower()
        await self.send(raw)

    async def send(self, raw: bytes) -> None:
        async with asyncio.timeout(WAIT_S), self.changed:
            await self.changed.wait_for(lambda: self._writers)
        self._writers[-1].write(raw)
        await self._writers[-1].drain()

    def of(self, cn: str) -> list[Packet]:
        return [packet for packet in self.packets if packet.fields["CN"] == cn]

    async def until(self, cn: str, count: int = 1) -> list[Packet]:
        """Wait for so many messages of a command; a minute at most."""
        async with asyncio.timeout(WAIT_S), self.changed:
            await self.changed.wait_for(lambda: len(self.of(cn)) >= count)
        return self.of(cn)

    def records(self) -> dict[tuple[str, str, str], dict[str, str]]:
        """(MN, CN, DataTime) → what is held of it. A message that comes again has the same effect once."""
        held: dict[tuple[str, str, str], dict[str, str]] = {}
        for packet in self.packets:
            data = packet.data
            if "DataTime" in data:
                key = (packet.fields["MN"], packet.fields["CN"], data.pop("DataTime"))
                held.setdefault(key, {}).update(data)
        return held

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        await self._note(writer=writer)
        try:
            while True:
                raw = await reader.readuntil(b"\r\n")
                try:
                    packet = unframed(raw)
                except ValueError as error:
                    self.wrong.append(str(error))
                    continue
                if not await self._take(packet, writer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self._writers.remove(writer)
            writer.close()

    async def _take(self, packet: Packet, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection stays."""
        await self._note(packet=packet)
        if not int(packet.fields["Flag"]) & 1:
            return True
        act = self.script.popleft() if self.script else ACK
        if act == CLOSE:
            return False
        if act.startswith("raw:"):
            writer.write(act.removeprefix("raw:").encode("latin-1"))
        elif act.startswith("refuse:"):
            writer.write(framed(self._answer(packet, "9011", f"QnRtn={act.removeprefix('refuse:')}")))
        elif act != DROP:
            writer.write(self._receipt(packet, act))
        await writer.drain()
        return True

    def _receipt(self, packet: Packet, act: str) -> bytes:
        if act == OLD:
            return framed(f"ST=91;CN=9014;CP=&&QN={packet.fields['QN']};CN={packet.fields['CN']}&&")
        raw = framed(self._answer(packet, "9014", act.partition(":")[2]))
        if act == BARE:
            return raw[:-2]
        return raw[:-6] + raw[-6:].lower() if act == LOWER else raw

    @staticmethod
    def _answer(packet: Packet, cn: str, content: str) -> str:
        of = packet.fields
        return f"QN={of['QN']};ST=91;CN={cn};PW={of['PW']};MN={of['MN']};Flag=4;CP=&&{content}&&"

    async def _note(
        self, *, packet: Packet | None = None, writer: asyncio.StreamWriter | None = None
    ) -> None:
        async with self.changed:
            if packet is not None:
                self.packets.append(packet)
            if writer is not None:
                self._writers.append(writer)
            self.changed.notify_all()
