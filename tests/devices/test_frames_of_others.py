"""DL/T 645 frames that meters sent and others published, and the figures they are published with: read, and written again."""

from __future__ import annotations

from decimal import Decimal

import pytest

from devices import cjt188, dlt645
from devices.dlt645 import Frame, answers, di_of, frames, payload, read, read_address
from devices.frame_profile import Dlt645Point
from devices.registers import DecodeError

QUANTITIES = {"kWh": "active_energy_import", "V": "voltage", "A": "current", "kW": "active_power"}
FORMS = {
    "kWh": (4, "0.01", False),
    "V": (2, "0.1", False),
    "A": (3, "0.001", True),
    "kW": (3, "0.0001", True),
}
ONE_VALUE = [
    # frame, plate, identifier, place in the block, figure, unit
    ("FE FE 68 72 00 32 09 17 20 68 91 08 33 33 34 33 B9 34 33 33 6D 16", "201709320072", "00010000", 0, 1.86, "kWh"),
    ("FE FE FE FE 68 60 07 92 04 00 91 68 91 08 33 33 33 33 97 35 A8 33 6A 16", "910004920760", "00000000", 0,
     7502.64, "kWh"),
    ("FE FE FE FE 68 66 00 00 02 30 22 68 91 08 33 33 33 33 B4 54 33 33 5D 16", "223002000066", "00000000", 0, 21.81,
     "kWh"),
    ("68 12 90 78 56 34 12 68 91 08 33 33 34 33 AB 89 67 45 CC 16", "123456789012", "00010000", 0, 123456.78, "kWh"),
    ("FE FE FE FE 68 00 00 00 00 00 00 68 91 06 33 34 34 35 4C 56 D9 16", "000000000000", "02010100", 0, 231.9, "V"),
    ("FE FE 68 12 90 78 56 34 12 68 91 06 33 34 34 35 38 56 7B 16", "123456789012", "02010100", 0, 230.5, "V"),
    ("68 61 01 00 00 00 00 68 91 06 33 34 34 35 34 43 10 16", "000000000161", "02010100", 0, 100.1, "V"),
    ("68 61 01 00 00 00 00 68 91 07 33 34 35 35 CC 7C 33 16 16", "000000000161", "02020100", 0, 4.999, "A"),
    ("68 01 00 44 23 52 00 68 91 06 33 36 34 35 95 55 DD 16", "005223440001", "02010300", 0, 226.2, "V"),
    ("D8 B0 4C BD D1 47 FE FE FE FE 68 84 53 66 16 05 17 68 91 06 33 34 34 35 49 55 44 16", "170516665384", "02010100",
     0, 221.6, "V"),
    ("68 02 00 00 00 10 20 68 91 18 33 32 34 33 67 5C 33 33 99 3A 33 33 48 39 33 33 B3 37 33 33 A4 43 33 33 5D 16",
     "201000000002", "0001FF00", 0, 29.34, "kWh"),
    ("68 02 00 00 00 10 20 68 91 18 33 32 34 33 67 5C 33 33 99 3A 33 33 48 39 33 33 B3 37 33 33 A4 43 33 33 5D 16",
     "201000000002", "0001FF00", 4, 10.71, "kWh"),
    (("FE FE FE FE 68 24 02 00 00 00 00 68 91 18 33 32 34 33 C7 47 35 33 37 86 33 33 A7 86 33 33 36 87 33 33 44 87 33 33 "
     "EB 16"), "000000000224", "0001FF00", 0, 214.94, "kWh"),
    ("68 12 00 00 00 10 20 68 91 0A 33 32 34 35 89 55 32 32 32 32 21 16", "201000000012", "0201FF00", 0, 225.6, "V"),
    ("FE FE FE FE 68 94 41 03 26 12 18 68 91 0D 33 32 35 35 BB 34 33 33 33 33 33 33 33 B9 16", "181226034194",
     "0202FF00", 0, 0.188, "A"),
    ("FE FE FE FE 68 27 59 63 03 00 01 68 81 06 43 C3 AC 59 47 33 C3 16", "010003635927", "9010", 0, 1426.79, "kWh"),
    ("68 43 97 35 14 00 00 68 81 06 43 C3 7B 96 57 33 1B 16", "000014359743", "9010", 0, 2463.48, "kWh"),
    ("FE FE FE FE 68 85 14 16 00 18 15 68 81 06 43 C3 7B 95 43 33 BF 16", "151800161485", "9010", 0, 1062.48, "kWh"),
    ("68 07 05 06 00 00 00 68 81 06 43 C3 97 C6 33 33 32 16", "000000060507", "9010", 0, 93.64, "kWh"),
]  # fmt: skip
EVERY = pytest.mark.parametrize(("text", "plate", "di", "place", "figure", "unit"), ONE_VALUE)


def only(text: str) -> Frame:
    (frame,) = frames(bytes.fromhex(text))
    return frame


def point(di: str, unit: str) -> Dlt645Point:
    length, scale, signed = FORMS[unit]
    return Dlt645Point(
        quantity=QUANTITIES[unit],
        di=di,
        length=length,
        scale=Decimal(scale),
        signed=signed,
        range=(-1e9, 1e9),
    )


@EVERY
def test_a_published_reply_has_its_published_figure(
    text: str, plate: str, di: str, place: int, figure: float, unit: str
) -> None:
    reply, one = only(text), point(di, unit)
    assert (reply.plate, di_of(reply)[::-1].hex().upper()) == (plate, di)
    assert answers(reply, read(plate, di))
    assert answers(reply, read("A" * 12, di))
    assert dlt645.decode(one, payload([reply]), place * one.length) == figure
    assert bytes.fromhex(text).endswith(reply.encode())


def test_a_phase_that_is_not_fitted_has_no_voltage() -> None:
    """A single-phase meter that was asked for the block of three voltages: 225.6 V, and twice FFFF."""
    reply = only("68 12 00 00 00 10 20 68 91 0A 33 32 34 35 89 55 32 32 32 32 21 16")
    for phase in (1, 2):
        with pytest.raises(DecodeError, match="no_value"):
            dlt645.decode(point("0201FF00", "V"), payload([reply]), phase * 2)


@pytest.mark.parametrize(
    ("text", "plate"),
    [
        ("FE FE FE FE 68 94 41 03 26 12 18 68 93 06 C7 74 36 59 45 4B EB 16", "181226034194"),
        ("FE FE FE FE 68 20 64 31 32 03 00 68 93 06 53 97 64 65 36 33 6F 16", "000332316420"),
        ("FE FE AA AA 68 22 22 22 22 22 22 68 93 06 55 55 55 55 55 55 33 16", "222222222222"),
        ("FE FE FE FE FE FE FE 68 12 90 78 56 34 12 68 93 06 45 C3 AB 89 67 45 07 16", "123456789012"),
    ],
)
def test_a_meter_alone_tells_its_address(text: str, plate: str) -> None:
    reply = only(text)
    assert answers(reply, read_address())
    assert (reply.plate, reply.data[::-1].hex()) == (plate, plate)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("68 12 90 78 56 34 12 68 D1 01 35 8D 16", "no such data"),
        ("FE FE FE FE 68 60 07 92 04 00 91 68 D1 01 37 67 16", "wrong password"),
    ],
)
def test_a_published_refusal_says_why(text: str, said: str) -> None:
    reply = only(text)
    assert reply.is_refusal
    assert answers(reply, read(reply.plate, "00010000"))
    assert dlt645.refusal(reply.data[0])[1] == said


@pytest.mark.parametrize(
    ("text", "control"),
    [
        ("68 AA AA AA AA AA AA 68 01 02 43 C3 D5 16", 0x01),
        ("68 47 54 00 12 00 00 68 01 02 65 F3 D8 16", 0x01),
        ("68 00 36 19 00 00 00 68 11 04 33 32 34 33 00 16", 0x11),
        ("68 AA AA AA AA AA AA 68 11 04 33 33 34 33 AE 16", 0x11),
    ],
)
def test_our_requests_are_those_others_send(text: str, control: int) -> None:
    published = only(text)
    di = published.data[::-1].hex().upper()
    assert (published.control, read(published.plate.upper(), di)) == (control, published)


def test_a_meter_of_1997_may_answer_under_the_wildcard_it_was_asked_by() -> None:
    reply = only("68 AA AA AA AA AA AA 68 81 06 43 C3 94 A5 35 33 FA 16")
    assert answers(reply, read("A" * 12, "9010"))
    assert not answers(reply, read("000000000001", "9010"))


def test_stacked_replies_of_a_socket_are_told_apart() -> None:
    """A published socket repeats old replies in front of the new one; only the right one answers."""
    heard = bytes.fromhex(
        "56 7B 16 68 20 11 06 02 41 56 68 81 06 43 C3 33 33 33 33 F9 16 68 20 11 12 21 06 36 68 C5 03 E9 04 56 7B 16"
        "68 20 11 06 00 41 56 68 81 06 43 C3 33 3B 33 33 FF 16"
    )
    found = list(frames(heard))
    assert [frame.control for frame in found] == [0x81, 0xC5, 0x81]
    asked = read("564100061120", "9010")
    assert [dlt645.decode(point("9010", "kWh"), payload([one])) for one in found if answers(one, asked)] == [
        8.0
    ]


@pytest.mark.parametrize(
    "text",
    [
        "68 10 AA AA AA AA AA AA AA 01 03 90 1F 01 D2 16",
        "68 10 88 05 27 10 15 20 00 01 03 90 1F 01 25 16",
        "68 10 01 00 00 05 08 00 00 01 03 1F 90 00 39 16",
        "68 10 77 66 55 44 33 22 11 01 03 90 1F 01 08 16",
        "68 20 12 19 24 18 27 31 00 01 03 1F 90 12 0C 16",
    ],
)
def test_our_requests_to_water_and_heat_meters_are_those_others_send(text: str) -> None:
    (published,) = cjt188.frames(bytes.fromhex(text))
    order, serial = published.data[:2], published.data[2]
    assert cjt188.read(published.meter_type, published.plate.upper(), order, serial) == published
    assert published.encode() == bytes.fromhex(text)


@pytest.mark.parametrize(
    ("text", "plate"),
    [
        ("FE FE 68 10 89 67 45 23 01 33 78 83 03 0A 81 A7 34 16", "78330123456789"),
        ("FF 68 10 00 29 15 24 03 26 20 83 03 0A 81 02 36 16", "20260324152900"),
        ("68 10 01 00 00 05 08 00 00 83 03 81 0A 00 97 16", "00000805000001"),
        ("68 AA 01 00 00 05 08 00 00 83 03 0A 81 00 31 16", "00000805000001"),
    ],
)
def test_a_water_meter_alone_tells_its_address_in_either_order_of_the_identifier(
    text: str, plate: str
) -> None:
    (reply,) = cjt188.frames(bytes.fromhex(text))
    asked = cjt188.Frame(
        0x10 if reply.meter_type != 0xAA else 0xAA, b"\xaa" * 7, 0x03, b"\x0a\x81" + reply.data[2:]
    )
    assert cjt188.answers(reply, asked)
    assert reply.plate == plate
