"""The frames of the dialects' examples, recomputed here from the layout of the page by nobody's code but the test's."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from edge_config import dialect
from edge_config.dialect import Dialect, Example
from gateway.uplinks.national import text
from gateway.uplinks.national.frames import Deframer, Frame, written

EXAMPLES = [(name, example) for name in dialect.names() for example in dialect.load(name).examples]
NAMES = [f"{name}: {example.name}" for name, example in EXAMPLES]


def crc16(data: bytes) -> int:
    register = 0
    for byte in data:
        register ^= byte << 8
        for _ in range(8):
            register = (register << 1) ^ 0x1021 if register & 0x8000 else register << 1
            register &= 0xFFFF
    return register


def aes(data: bytes, secret: str) -> bytes:
    key = secret.encode()
    worker = Cipher(algorithms.AES128(key), modes.CBC(key)).encryptor()
    return worker.update(data) + worker.finalize()


def by_hand(name: str, example: Example) -> bytes:
    """STANDARDS 1.1 and 1.4, read once more."""
    plain = example.xml.encode()
    if name.startswith("shanghai"):
        byte = {"request": 1, "sequence": 1, "report": 3}[example.word]
        fill = 16 - len(plain) % 16
        data = aes(plain + bytes([fill]) * fill, example.secret) if byte == 3 else plain
        return b"\x1f\x1f" + bytes([byte]) + len(data).to_bytes(4, "big") + data
    sealed = aes(plain + bytes(-len(plain) % 16), example.secret)
    if name == "mohurd-bare":
        return len(sealed).to_bytes(4, "big") + sealed
    head, tail = bytes.fromhex("68681616"), bytes.fromhex("55AA55AA")
    inner = example.sequence.to_bytes(4, "little") + sealed
    length = len(inner).to_bytes(4, "little")
    if name == "mohurd-swapped":
        return tail + length + inner + crc16(inner).to_bytes(2, "little") + head
    return head + length + inner + crc16(head + length + inner).to_bytes(2, "big") + tail


def test_the_checksum_of_the_test_has_the_page_s_check_value() -> None:
    assert crc16(b"123456789") == 0x31C3


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=NAMES)
def test_an_example_s_frame_is_what_the_page_s_layout_gives(name: str, example: Example) -> None:
    assert by_hand(name, example).hex().upper() == example.frame


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=NAMES)
def test_an_example_s_frame_is_read_as_its_xml(name: str, example: Example) -> None:
    found = dialect.load(name)
    (frame,) = Deframer(found.frame).feed(bytes.fromhex(example.frame))
    declaration, _, body = example.xml.partition("?>")
    assert declaration
    assert text.unpacked(found, frame.data, example.secret.encode()).strip() == body.strip()
    if found.frame.sequence_order is not None:
        assert frame.sequence == example.sequence


OURS = [(name, example) for name, example in EXAMPLES if not example.from_centre]


@pytest.mark.parametrize(("name", "example"), OURS)
def test_what_we_write_is_an_example_s_frame_to_the_byte(name: str, example: Example) -> None:
    found = dialect.load(name)
    data = text.packed(found, example.word, example.xml, example.secret.encode())
    assert (
        written(found.frame, Frame(data, example.sequence, _byte(found, example))).hex().upper()
        == example.frame
    )


def _byte(found: Dialect, example: Example) -> int:
    return int(found.messages[example.word].byte or "0", 16)
