"""DL/T 645 and CJ/T 188 frames and Modbus RTU check sums, by this room's own few lines.

Kept apart from the gateway's codecs on purpose; a byte out of place in either shows in the other.
"""

from __future__ import annotations

import struct

STUFFING = 0x33
WAKE_UP = b"\xfe\xfe"
RTU_READ = 8
REQUEST_BYTES_MAX = 300


def bcd(number: int, length: int) -> bytes:
    """``length`` bytes of decimal digits, low byte first; a minus sign is the top bit."""
    image = bytearray.fromhex(f"{abs(number):0{2 * length}d}"[-2 * length :])
    if number < 0:
        image[0] |= 0x80
    image.reverse()
    return bytes(image)


def _closed(body: bytes) -> bytes:
    return body + bytes((sum(body) % 256, 0x16))


def electric_frame(address: str, control: int, data: bytes) -> bytes:
    """A DL/T 645 frame; ``address`` has twelve digits."""
    stuffed = bytes((byte + STUFFING) % 256 for byte in data)
    plate = bytes.fromhex(address)[::-1]
    return _closed(b"\x68" + plate + b"\x68" + bytes((control, len(data))) + stuffed)


def flow_frame(meter_type: int, address: str, control: int, data: bytes) -> bytes:
    """A CJ/T 188 frame; ``address`` has fourteen digits."""
    plate = bytes.fromhex(address)[::-1]
    return _closed(bytes((0x68, meter_type)) + plate + bytes((control, len(data))) + data)


def is_closed(frame: bytes) -> bool:
    """Whether a frame's check sum and end byte are right."""
    return frame == _closed(frame[:-2])


def crc(data: bytes) -> bytes:
    """CRC-16/MODBUS, low byte first."""
    register = 0xFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = (register >> 1) ^ 0xA001 if register & 1 else register >> 1
    return struct.pack("<H", register)


def next_request(buffer: bytearray) -> bytes | None:
    """Take the first sound request out of what came in, whatever it speaks, and drop the noise before it; None until
    there is one."""
    for at in range(len(buffer)):
        for size in _sizes(buffer, at):
            request = bytes(buffer[at : at + size])
            if len(request) == size and _is_sound(request):
                del buffer[: at + size]
                return request
    del buffer[:-REQUEST_BYTES_MAX]
    return None


def _sizes(buffer: bytearray, at: int) -> list[int]:
    """How long a request that begins at ``at`` can be: Modbus RTU, DL/T 645, CJ/T 188."""
    sizes = [RTU_READ]
    if buffer[at] == 0x68 and len(buffer) > at + 10:
        sizes.append(12 + buffer[at + 9] if buffer[at + 7] == 0x68 else 13 + buffer[at + 10])
    return sizes


def _is_sound(request: bytes) -> bool:
    return crc(request[:-2]) == request[-2:] if len(request) == RTU_READ else is_closed(request)
