"""A socket that reads ahead: what has come is taken once, and many small reads are served from it. No asyncio, no MQTT.

paho asks for a packet's first byte, its length byte by byte, and the rest: four system calls a message, an eighth of what
receiving it costs. Bytes that lie here make no socket readable: ``has_more`` says whether there are any.
"""

from __future__ import annotations

import socket
import ssl
from typing import Final

AHEAD_BYTES_MAX: Final = 64 * 1024


class ReadAhead:
    """As much of a socket as a client of small reads needs. Not for a second thread."""

    __slots__ = ("_ahead", "_at", "_sock")

    def __init__(self, sock: socket.socket) -> None:
        self._sock, self._ahead, self._at = sock, b"", 0

    @property
    def has_more(self) -> bool:
        """Whether bytes are here, or decrypted by TLS, of which the socket itself says nothing."""
        sock = self._sock
        return self._at < len(self._ahead) or (isinstance(sock, ssl.SSLSocket) and sock.pending() > 0)

    def recv(self, size: int) -> bytes:
        """At most ``size`` bytes, none when the other side has closed. Raises what the socket raises, when nothing is here."""
        start = self._at
        if start >= len(self._ahead):
            self._ahead, start = self._sock.recv(AHEAD_BYTES_MAX), 0
        piece = self._ahead[start : start + size]
        self._at = start + len(piece)
        return piece

    def send(self, data: bytes | bytearray) -> int:
        """How many bytes were taken."""
        return self._sock.send(data)

    def setblocking(self, is_blocking: bool) -> None:
        self._sock.setblocking(is_blocking)

    def fileno(self) -> int:
        return self._sock.fileno()

    def close(self) -> None:
        self._sock.close()
