"""The reference centre itself: strict about bytes, honest about its books."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from simulators.centre import Centre, temper_of
from simulators.centre_frames import DIALECTS, BadFrameError, Letter, Line, crc16
from simulators.centre_ledger import BadReportError, Item, Ledger, Report
from simulators.centre_words import BadXmlError, Voice, read
from tests.house.source import ROOMS, imports, sources

SECRET = "1234567890abcdef"
T0 = datetime(2026, 9, 1, 8, 30)  # noqa: DTZ001 - as the protocol has it


def report(
    minutes: int, value: str, *, sequence: str = "", error: str = "192", meter: str = "1001"
) -> Report:
    at = T0 + timedelta(minutes=minutes)
    item = Item(meter, "1", "01000", error, value)
    return Report("b", "01", sequence or f"{minutes}", f"{at:%Y%m%d%H%M%S}", (item,))


async def read_back(dialect: str, raw: bytes) -> Letter:
    reader = asyncio.StreamReader()
    reader.feed_data(raw)
    reader.feed_eof()
    return await Line(dialect, SECRET.encode()).read(reader)


def test_the_centre_shares_no_line_with_the_gateway_nor_with_its_dialects() -> None:
    centre = [source for source in sources() if source.module.startswith("simulators.centre")]
    assert len(centre) == 4
    ours = {name for source in centre for name in imports(source) if name.split(".")[0] in ROOMS}
    assert {name for name in ours if not name.startswith(("simulators.centre", "runtime"))} == set()


def test_the_checksum_has_the_page_s_check_value() -> None:
    assert crc16(b"123456789") == 0x31C3


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_frame_is_read_as_it_was_written(dialect: str) -> None:
    letter = Letter(
        b"<root>x</root>", kind=1 if dialect == "shanghai" else 0, number=7 if dialect in DIALECTS[:2] else 0
    )
    assert await read_back(dialect, Line(dialect, SECRET.encode()).frame(letter)) == letter


def damaged() -> Iterator[tuple[str, int]]:
    for dialect in ("mohurd", "mohurd-swapped"):
        yield from ((dialect, place) for place in (0, 9, 20, -6, -1))


@pytest.mark.parametrize(("dialect", "place"), list(damaged()))
async def test_a_wrong_byte_is_refused(dialect: str, place: int) -> None:
    raw = bytearray(Line(dialect, SECRET.encode()).frame(Letter(b"<root>x</root>")))
    raw[place] ^= 1
    with pytest.raises(BadFrameError):
        await read_back(dialect, bytes(raw))


async def test_padding_other_than_the_dialect_s_is_refused() -> None:
    line = Line("shanghai", SECRET.encode())
    data = line.sealed(b"<root>x</root>")  # zero bytes, as dialect A has them
    raw = b"\x1f\x1f\x03" + len(data).to_bytes(4, "big") + data
    with pytest.raises(BadFrameError, match="PKCS"):
        await read_back("shanghai", raw)


@pytest.mark.parametrize(
    "xml",
    [
        b"<root/>",
        b"<root><common/></root>",
        b"hello",
        b'<root><common><type>report</type></common><data operation="continuous"/></root>',
        b'<!DOCTYPE r [<!ENTITY a "b">]><root><common/><data/></root>',
    ],
)
def test_a_message_that_is_not_whole_is_refused(xml: bytes) -> None:
    with pytest.raises((BadXmlError, ValueError)):
        read(xml, is_shanghai=False)


def test_consumption_is_the_difference_of_the_registers_and_holes_are_named() -> None:
    ledger = Ledger("192")
    for minutes, value in ((0, "100.5"), (15, "101.75"), (45, "104")):
        ledger.book(report(minutes, value))
    end = T0 + timedelta(minutes=45)
    assert ledger.difference("1001", "1", T0, end) == Decimal("3.5")
    assert ledger.missing("1001", "1", T0, end) == [T0 + timedelta(minutes=30)]
    assert "缺 missing 1" in ledger.audit()[0]
    assert "差 difference 3.5" in ledger.audit()[0]


def test_a_packet_that_comes_twice_has_one_effect_and_one_that_contradicts_itself_shows() -> None:
    ledger = Ledger("192")
    ledger.book(report(0, "100"))
    ledger.book(report(0, "100"))
    assert (ledger.repeated, ledger.contradicted) == (1, 0)
    ledger.book(report(0, "101"))
    assert (ledger.repeated, ledger.contradicted) == (2, 1)
    assert ledger.registers["1001", "1"][T0].value == 100


def test_a_correction_under_a_number_of_its_own_replaces() -> None:
    ledger = Ledger("192")
    ledger.book(report(0, "100", sequence="1"))
    ledger.book(report(0, "101", sequence="2"))
    assert ledger.registers["1001", "1"][T0].value == 101
    assert (ledger.changed, ledger.repeated) == (1, 0)


def test_an_error_with_value_0_is_never_booked_and_an_estimate_is() -> None:
    ledger = Ledger("192")
    ledger.book(report(0, "0", error="0"))
    assert ledger.registers == {}
    assert ledger.flagged == 1
    ledger.book(report(15, "100", error="64"))
    assert not ledger.registers["1001", "1"][T0 + timedelta(minutes=15)].is_good


@pytest.mark.parametrize("wrong", [{"value": "x"}, {"value": "nan"}, {"time": "2026-09-01"}])
def test_what_is_no_number_or_no_time_books_nothing(wrong: dict[str, str]) -> None:
    ledger = Ledger("192")
    time = wrong.get("time", "20260901083000")
    with pytest.raises(BadReportError):
        ledger.book(Report("b", "01", "1", time, (Item("1", "1", "01000", "192", wrong.get("value", "1")),)))
    assert (ledger.registers, ledger.packets) == ({}, {})


async def test_nobody_gets_in_without_the_key_or_speaks_before() -> None:
    async with Centre(temper_of("mohurd", SECRET), lambda: datetime.now(UTC)) as centre:
        line = Line("mohurd", SECRET.encode())
        for operation, inside in (("notify", ""), ("md5", "<md5>0</md5>")):
            reader, writer = await asyncio.open_connection("127.0.0.1", centre.port)
            element = "heart_beat" if operation == "notify" else "id_validate"
            xml = f'<root><common><type>{operation}</type></common><{element} operation="{operation}">{inside}</{element}></root>'
            writer.write(line.frame(Letter(xml.encode())))
            await reader.read()  # until the centre hangs up
            writer.close()
            await writer.wait_closed()
        assert centre.faults == ["notify before the login"]
        assert not any(visit.is_in for visit in centre.visits)


def test_the_voice_of_shanghai_names_classes_and_the_others_operations() -> None:
    assert b"<type>id_validate</type>" in Voice("b", "g", is_shanghai=True).sequence("1").xml
    assert b"<type>sequence</type>" in Voice("b", "g", is_shanghai=False).sequence("1").xml
