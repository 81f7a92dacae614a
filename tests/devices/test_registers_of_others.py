"""Modbus replies that others print beside their readers, with the figure each is said to be."""

from __future__ import annotations

import struct
from decimal import Decimal

import pytest
from pymodbus.framer.rtu import FramerRTU

from devices import registers
from devices.profile import ByteOrder, RegisterPoint, RegisterType
from gateway.errors import RefusedError
from gateway.sources.line_request import RtuRequest

F32, U32, U16 = RegisterType.F32, RegisterType.U32, RegisterType.U16
ABCD, CDAB, BADC, DCBA = ByteOrder.ABCD, ByteOrder.CDAB, ByteOrder.BADC, ByteOrder.DCBA
REPLIES = [
    # request, reply, first register of the point in it, type, order, scale, figure
    ("01 04 00 00 00 02", "01 04 04 43 66 33 34 1B 38", 0, F32, ABCD, "1", 230.2),  # Eastron's manual
    ("01 03 20 00 00 02", "01 03 04 3F 80 00 00", 0, F32, ABCD, "1", 1.0),
    ("01 03 00 00 00 02", "01 03 04 00 0A 00 14 DA 3E", 1, U16, ABCD, "1", 20.0),
    ("01 03 00 00 00 02", "01 03 04 00 64 00 C8 BA 7A", 0, U16, ABCD, "1", 100.0),
    # PZEM-004T: 225.7 V, 0.108 A, 24.4 W, 38 Wh, 50.0 Hz; low word first
    *(
        (
            "01 04 00 00 00 0A",
            "01 04 14 08 D1 00 6C 00 00 00 F4 00 00 00 26 00 00 01 F4 00 64 00 00 51 34",
            at, kind, CDAB, scale, figure,
        )
        for at, kind, scale, figure in [
            (0, U16, "0.1", 225.7), (1, U32, "0.001", 0.108), (3, U32, "0.1", 24.4), (5, U32, "1", 38.0),
            (7, U16, "0.1", 50.0),
        ]
    ),
]  # fmt: skip


def sealed(text: str) -> bytes:
    """With its CRC, where it was printed without."""
    raw = bytes.fromhex(text)
    return raw if FramerRTU.compute_CRC(raw) == 0 else raw + FramerRTU.compute_CRC(raw).to_bytes(2, "big")


@pytest.mark.parametrize(("request_text", "reply", "at", "kind", "order", "scale", "figure"), REPLIES)
def test_a_published_reply_has_its_published_figure(
    request_text: str, reply: str, at: int, kind: RegisterType, order: ByteOrder, scale: str, figure: float
) -> None:
    asked = RtuRequest(bytes.fromhex(request_text))
    heard = asked.reply_in(b"\x00\xff" + sealed(reply) + b"\x00")
    assert heard is not None
    words = struct.unpack_from(f">{kind.registers}H", heard, 3 + 2 * at)
    one = RegisterPoint(quantity="active_power", address=0, type=kind, order=order, scale=Decimal(scale))
    assert registers.decode(one, words) == pytest.approx(figure, rel=1e-7)


@pytest.mark.parametrize(
    ("request_text", "sent"),
    [
        ("01 03 00 0A 00 02", "01 03 00 0A 00 02 E4 09"),
        ("01 03 20 00 00 02", "01 03 20 00 00 02 CF CB"),
        ("01 03 00 00 00 0A", "01 03 00 00 00 0A C5 CD"),
        ("02 03 00 00 00 0A", "02 03 00 00 00 0A C5 FE"),
        ("01 03 00 26 00 02", "01 03 00 26 00 02 25 C0"),
        ("01 03 00 30 00 02", "01 03 00 30 00 02 C4 04"),
        ("01 04 00 48 00 02", "01 04 00 48 00 02 F1 DD"),
    ],
)
def test_our_requests_are_those_others_send(request_text: str, sent: str) -> None:
    assert RtuRequest(bytes.fromhex(request_text)).sent == bytes.fromhex(sent)


def test_a_published_refusal_is_one() -> None:
    asked = RtuRequest(bytes.fromhex("01 03 00 17 00 01"))
    assert asked.sent == bytes.fromhex("01 03 00 17 00 01 34 0E")
    with pytest.raises(RefusedError) as caught:
        asked.reply_in(bytes.fromhex("01 83 02 C0 F1"))
    assert caught.value.code == 2
    assert asked.reply_in(bytes.fromhex("01 83 02 C0 F0")) is None


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (ABCD, (0x47F1, 0x2000)),
        (CDAB, (0x2000, 0x47F1)),
        (BADC, (0xF147, 0x0020)),
        (DCBA, (0x0020, 0xF147)),
    ],
)
def test_123456_lies_in_the_four_orders_as_makers_name_them(order: ByteOrder, words: tuple[int, int]) -> None:
    """123456.0 is 47F12000H, the example of libmodbus's pages, which call 0020 F147 its ABCD and 47F1 2000 its DCBA. Makers'
    sheets, and this map, mean by ABCD that the highest byte comes first."""
    one = RegisterPoint(quantity="active_power", address=0, type=F32, order=order)
    assert registers.decode(one, words) == 123456.0
