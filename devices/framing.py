"""What DL/T 645 and CJ/T 188 frames have in common: start, length, check sum, end, and an address low byte first. Pure.

A frame counts only with all four of them; wake-up bytes (FEH), noise, stacked and cut frames in what was heard are
passed over. Knows nothing of control codes or data.
"""

from __future__ import annotations

from collections.abc import Iterator

START, END = 0x68, 0x16
TRAILER = 2
"""Check sum and end byte."""
REPLY, REFUSAL = 0x80, 0x40
"""Bits of a control code: from the meter; the meter refuses."""
WILDCARD = 0xAA
"""In an address asked for, any two digits."""


class Addressed:
    """A frame to or from a meter. ``address`` is as on the wire, low byte first."""

    __slots__ = ()

    address: bytes
    control: int

    @property
    def is_refusal(self) -> bool:
        return bool(self.control & REFUSAL)

    @property
    def plate(self) -> str:
        """The address as the meter's plate shows it."""
        return self.address[::-1].hex()


def checksum(data: bytes) -> int:
    """Sum of the bytes modulo 256 (DL/T 645-2007 and CJ/T 188-2004 alike)."""
    return sum(data) & 0xFF


def closed(body: bytes) -> bytes:
    """A frame from its start byte and all that follows: with check sum and end byte."""
    return body + bytes((checksum(body), END))


def bodies(heard: bytes, header: int, second_start: int | None = None) -> Iterator[bytes]:
    """Every sound frame in what was heard, without check sum and end byte. The last byte of its ``header`` says how
    many bytes of data follow; ``second_start`` is where the start byte stands again."""
    at = 0
    while (at := heard.find(START, at)) >= 0:
        body = _body_at(heard, at, header)
        if body is not None and (second_start is None or body[second_start] == START):
            yield body
            at += len(body) + TRAILER
        else:
            at += 1


def _body_at(heard: bytes, at: int, header: int) -> bytes | None:
    if len(heard) < at + header:
        return None
    end = at + header + heard[at + header - 1]
    body = heard[at:end]
    return body if heard[end : end + TRAILER] == bytes((checksum(body), END)) else None


def is_meant(asked: bytes, got: bytes) -> bool:
    """Whether an address (or whatever stands beside it) is the one asked for."""
    return all(one in {WILDCARD, other} for one, other in zip(asked, got, strict=True))
