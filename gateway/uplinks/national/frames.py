"""Frames of 分项能耗数据传输: bytes of a stream to frames and back, by the layout of a dialect. Pure.

STANDARDS 1.1 and 1.4. The stream may be cut anywhere and hold anything between frames; with a head the next frame is found
again, without one nothing can be and the stream is given up. What has no valid CRC or tail is no frame.
"""

from __future__ import annotations

import binascii
from dataclasses import dataclass

from edge_config.dialect import FrameLayout
from gateway.uplinks.national.trouble import NonsenseFromCentreError

DATA_BYTES_MAX = 64 * 1024
"""Of one message of a centre: its longest are a few hundred bytes."""
GARBAGE_BYTES_MAX = 64 * 1024
"""More than this between two frames is another protocol."""
LENGTH_BYTES = SEQUENCE_BYTES = 4
CRC_BYTES = 2


@dataclass(frozen=True, slots=True)
class Frame:
    """``sequence`` and ``type`` are 0 where the layout has none."""

    data: bytes
    sequence: int = 0
    type: int = 0


def written(layout: FrameLayout, frame: Frame) -> bytes:
    """The bytes of a frame. Sequence numbers above 32 bits wrap."""
    parts = {
        "head": bytes.fromhex(layout.head),
        "type": bytes([frame.type]) if layout.has_type else b"",
        "length": _length(layout, frame).to_bytes(LENGTH_BYTES, layout.length_order),
        "sequence": _sequence(layout, frame),
        "data": frame.data,
    }
    body = b"".join(parts.values())
    crc = b""
    if layout.crc is not None:
        crc = _crc(b"".join(parts[name] for name in layout.crc.over)).to_bytes(CRC_BYTES, layout.crc.order)
    return body + crc + bytes.fromhex(layout.tail)


def _length(layout: FrameLayout, frame: Frame) -> int:
    return len(frame.data) + (SEQUENCE_BYTES if "sequence" in layout.length_counts else 0)


def _sequence(layout: FrameLayout, frame: Frame) -> bytes:
    if layout.sequence_order is None:
        return b""
    return (frame.sequence % 2**32).to_bytes(SEQUENCE_BYTES, layout.sequence_order)


def _crc(data: bytes) -> int:
    """CRC-16/XMODEM: polynomial 1021H, from 0, nothing reflected. ``123456789`` gives 31C3H."""
    return binascii.crc_hqx(data, 0)


class Deframer:
    """Frames out of a stream. ``garbage`` counts bytes outside frames, ``damaged`` frames that did not add up."""

    def __init__(self, layout: FrameLayout, data_bytes_max: int = DATA_BYTES_MAX) -> None:
        self._layout, self._data_bytes_max = layout, data_bytes_max
        self._head = bytes.fromhex(layout.head)
        self._before = len(self._head) + layout.has_type
        self._sequence_bytes = 0 if layout.sequence_order is None else SEQUENCE_BYTES
        self._after = (CRC_BYTES if layout.crc else 0) + len(layout.tail) // 2
        self._held = bytearray()
        self._since_frame = 0
        self.garbage = self.damaged = 0

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete now. Raises NonsenseFromCentreError when the stream is not of this dialect."""
        self._held += data
        frames: list[Frame] = []
        while (frame := self._next()) is not None:
            frames.append(frame)
        return frames

    def _next(self) -> Frame | None:
        while self._is_at_head():
            start = self._before + LENGTH_BYTES
            if len(self._held) < start:
                return None
            size = int.from_bytes(self._held[self._before : start], self._layout.length_order)
            if "sequence" in self._layout.length_counts:
                size -= SEQUENCE_BYTES
            if not 0 <= size <= self._data_bytes_max:
                self._give_up_head(f"a frame that says it holds {size} bytes")
                continue
            total = start + self._sequence_bytes + size + self._after
            if len(self._held) < total:
                return None
            frame = self._proven(bytes(self._held[:total]), start)
            if frame is None:
                self._give_up_head("a frame whose CRC or tail is wrong")
                continue
            del self._held[:total]
            self._since_frame = 0
            return frame
        return None

    def _is_at_head(self) -> bool:
        """Drop what stands before the next head; False while there is none."""
        if not self._head:
            return bool(self._held)
        place = self._held.find(self._head)
        if place < 0:
            self._drop(max(0, len(self._held) - len(self._head) + 1))
            return False
        self._drop(place)
        return True

    def _drop(self, count: int) -> None:
        del self._held[:count]
        self.garbage += count
        self._since_frame += count
        if self._since_frame > GARBAGE_BYTES_MAX:
            raise NonsenseFromCentreError(f"more than {GARBAGE_BYTES_MAX} bytes without a frame")

    def _give_up_head(self, what: str) -> None:
        """What looked like a head is none; the real one may stand within what it claimed."""
        self.damaged += 1
        if not self._head:
            raise NonsenseFromCentreError(what)
        self._drop(1)

    def _proven(self, raw: bytes, start: int) -> Frame | None:
        """The frame, when writing it anew gives the very bytes that came."""
        layout = self._layout
        kind = raw[len(self._head)] if layout.has_type else 0
        end = start + self._sequence_bytes
        number = int.from_bytes(raw[start:end], layout.sequence_order or "big")
        frame = Frame(raw[end : len(raw) - self._after], number, kind)
        return frame if written(layout, frame) == raw else None
