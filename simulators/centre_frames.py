"""Bytes of the energy centre's side, by its own few lines and strictly: what a collector writes otherwise is refused.

Two dialects and two of the variants seen in the field, as STANDARDS section 1 gives them. It shares no line with the
gateway, so that a head, a byte order or a checksum that is wrong on one side cannot pass.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BYTES_MAX = 4 * 1024 * 1024


class BadFrameError(Exception):
    """What came is no frame, or not one of this dialect."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A frame's contents. ``kind`` is dialect B's type byte, ``number`` dialect A's sequence number."""

    xml: bytes
    kind: int = 0
    number: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """How a centre of one dialect reads and writes its connection, with one secret."""

    dialect: str
    secret: bytes

    async def read(self, reader: asyncio.StreamReader) -> Letter:
        """The next letter. Raises BadFrameError, and asyncio.IncompleteReadError at the end."""
        return await READERS[self.dialect](self, reader)

    def frame(self, letter: Letter) -> bytes:
        return WRITERS[self.dialect](self, letter)

    def sealed(self, xml: bytes) -> bytes:
        """AES-128-CBC, key = IV, zero bytes to fill the last block (dialect A)."""
        worker = Cipher(algorithms.AES128(self.secret), modes.CBC(self.secret)).encryptor()
        return worker.update(xml + bytes(-len(xml) % 16)) + worker.finalize()

    def opened(self, sealed: bytes) -> bytes:
        if not sealed or len(sealed) % 16:
            raise BadFrameError(f"{len(sealed)} bytes are no whole number of cipher blocks")
        worker = Cipher(algorithms.AES128(self.secret), modes.CBC(self.secret)).decryptor()
        return worker.update(sealed) + worker.finalize()


def crc16(data: bytes) -> int:
    """CRC-16/XMODEM bit by bit."""
    register = 0
    for byte in data:
        for bit in range(7, -1, -1):
            carry = (register >> 15) ^ (byte >> bit & 1)
            register = (register << 1 & 0xFFFF) ^ (0x1021 if carry else 0)
    return register


async def _read_a(line: Line, reader: asyncio.StreamReader, *, is_swapped: bool) -> Letter:
    first, last = b"\x68\x68\x16\x16", b"\x55\xaa\x55\xaa"
    if is_swapped:
        first, last = last, first
    head = await reader.readexactly(8)
    if head[:4] != first:
        raise BadFrameError(f"begins with {head[:4].hex(' ')}")
    length = head[4] | head[5] << 8 | head[6] << 16 | head[7] << 24
    if not 4 <= length <= BYTES_MAX:
        raise BadFrameError(f"says it holds {length} bytes")
    rest = await reader.readexactly(length + 6)
    inner, crc, tail = rest[:length], rest[length : length + 2], rest[length + 2 :]
    if tail != last:
        raise BadFrameError(f"ends with {tail.hex(' ')}")
    wanted = crc16(inner) if is_swapped else crc16(head + inner)
    found = crc[0] | crc[1] << 8 if is_swapped else crc[0] << 8 | crc[1]
    if wanted != found:
        raise BadFrameError(f"CRC {found:04X}, should be {wanted:04X}")
    number = inner[0] | inner[1] << 8 | inner[2] << 16 | inner[3] << 24
    return Letter(_without_zeros(line.opened(inner[4:])), number=number)


def _write_a(line: Line, letter: Letter, *, is_swapped: bool) -> bytes:
    first, last = b"\x68\x68\x16\x16", b"\x55\xaa\x55\xaa"
    if is_swapped:
        first, last = last, first
    sealed = line.sealed(letter.xml)
    length, number = 4 + len(sealed), letter.number
    head = first + bytes([length & 255, length >> 8 & 255, length >> 16 & 255, length >> 24])
    inner = bytes([number & 255, number >> 8 & 255, number >> 16 & 255, number >> 24 & 255]) + sealed
    crc = crc16(inner) if is_swapped else crc16(head + inner)
    stored = bytes([crc & 255, crc >> 8]) if is_swapped else bytes([crc >> 8, crc & 255])
    return head + inner + stored + last


def _without_zeros(plain: bytes) -> bytes:
    text = plain.rstrip(b"\x00")
    if len(plain) - len(text) >= 16:
        raise BadFrameError("a whole block of padding")
    return text


async def _read_plain_a(line: Line, reader: asyncio.StreamReader) -> Letter:
    return await _read_a(line, reader, is_swapped=False)


async def _read_swapped(line: Line, reader: asyncio.StreamReader) -> Letter:
    return await _read_a(line, reader, is_swapped=True)


async def _read_bare(line: Line, reader: asyncio.StreamReader) -> Letter:
    b3, b2, b1, b0 = await reader.readexactly(4)
    length = b3 << 24 | b2 << 16 | b1 << 8 | b0
    if length > BYTES_MAX:
        raise BadFrameError(f"says it holds {length} bytes")
    return Letter(_without_zeros(line.opened(await reader.readexactly(length))))


def _write_bare(line: Line, letter: Letter) -> bytes:
    sealed = line.sealed(letter.xml)
    length = len(sealed)
    return bytes([length >> 24, length >> 16 & 255, length >> 8 & 255, length & 255]) + sealed


async def _read_b(line: Line, reader: asyncio.StreamReader) -> Letter:
    """1F 1F, type, big-endian length, data. Energy data (03) is AES with PKCS#5 padding, the rest is clear."""
    one, two, kind, b3, b2, b1, b0 = await reader.readexactly(7)
    if (one, two) != (0x1F, 0x1F):
        raise BadFrameError(f"begins with {one:02x} {two:02x}")
    length = b3 << 24 | b2 << 16 | b1 << 8 | b0
    if length > BYTES_MAX:
        raise BadFrameError(f"says it holds {length} bytes")
    data = await reader.readexactly(length)
    if kind == 0x03:
        plain = line.opened(data)
        count = plain[-1]
        if not 1 <= count <= 16 or plain[-count:] != bytes([count]) * count:
            raise BadFrameError("the padding is not that of PKCS#5")
        data = plain[:-count]
    return Letter(data, kind)


def _write_b(line: Line, letter: Letter) -> bytes:
    del line  # what a centre of this dialect says is clear
    length = len(letter.xml)
    return (
        bytes([0x1F, 0x1F, letter.kind, length >> 24, length >> 16 & 255, length >> 8 & 255, length & 255])
        + letter.xml
    )


READERS = {
    "mohurd": _read_plain_a, "mohurd-swapped": _read_swapped, "mohurd-bare": _read_bare, "shanghai": _read_b,
}  # fmt: skip
WRITERS = {
    "mohurd": lambda line, letter: _write_a(line, letter, is_swapped=False),
    "mohurd-swapped": lambda line, letter: _write_a(line, letter, is_swapped=True),
    "mohurd-bare": _write_bare,
    "shanghai": _write_b,
}
DIALECTS = tuple(READERS)
