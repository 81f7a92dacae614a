"""What a frame carries: written to the byte as the dialect says, read however it comes, and never more than it may be (S20)."""

from __future__ import annotations

import hashlib
import tracemalloc
import zlib

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_config.dialect import load, with_changes
from gateway.uplinks.national import text
from gateway.uplinks.national.trouble import NonsenseFromCentreError

SECRET = b"0123456789abcdef"
XML = '<?xml version="1.0" encoding="utf-8"?>\n<root><common/><data operation="x">教学楼</data></root>'
BODY = '\n<root><common/><data operation="x">教学楼</data></root>'
MOHURD = load("mohurd")


def aes(data: bytes) -> bytes:
    worker = Cipher(algorithms.AES128(SECRET), modes.CBC(SECRET)).encryptor()
    return worker.update(data) + worker.finalize()


@pytest.mark.parametrize("fill", [b"\x00", b"0", b" ", b"\x10", b"\xff"])
def test_any_padding_is_read(fill: bytes) -> None:
    data = XML.encode()
    assert text.unpacked(MOHURD, aes(data + fill * (16 + -len(data) % 16)), SECRET) == BODY


@pytest.mark.parametrize("pad", ["zeros", "digits", "spaces", "pkcs7"])
@pytest.mark.parametrize("encoding", ["utf-8", "gb2312", "utf-16-le"])
@pytest.mark.parametrize("zipped", [[], ["report"]])
def test_what_is_written_is_read(pad: str, encoding: str, zipped: list[str]) -> None:
    found = with_changes("mohurd", {"cipher": {"pad": pad}, "encoding": encoding, "zipped": zipped})
    declared = {"utf-16-le": "utf-16"}.get(encoding, encoding)
    packed = text.packed(found, "report", XML.replace("utf-8", declared), SECRET)
    assert len(packed) % 16 == 0
    assert text.unpacked(found, packed, SECRET) == BODY


@settings(max_examples=30)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60))
def test_every_text_comes_back(content: str) -> None:
    xml = f"<root><a>{content.replace('<', '').replace('>', '').replace('&', '')}</a></root>"
    assert text.unpacked(MOHURD, text.packed(MOHURD, "report", xml, SECRET), SECRET) == xml


def test_a_centre_may_answer_in_the_clear_or_zipped() -> None:
    for data in (XML.encode(), b"\xef\xbb\xbf" + XML.encode(), zlib.compress(XML.encode())):
        assert text.unpacked(MOHURD, data, SECRET) == BODY


def test_a_name_the_encoding_has_not_becomes_a_reference() -> None:
    found = with_changes("mohurd", {"encoding": "gb2312", "cipher": {"words": []}})
    assert text.packed(found, "report", "<root>镕</root>", SECRET) == b"<root>&#38229;</root>"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"<html><body>login</body></html>",
        aes(XML.encode() + bytes(-len(XML.encode()) % 16))[:-1],
        b'<?xml version="1.0" encoding="utf-7"?><root/>',
        b'<?xml version="1.0" encoding="utf-8"?><root>\xb5\xe7</root>',
        b'<?xml version="1.0" encoding="gb2312"?><root>\xff\xff</root>',
        b"<root>" + b"x" * 70_000 + b"</root>",
        zlib.compress(b"<root>" + b"x" * 10_000_000 + b"</root>"),
        zlib.compress(XML.encode())[:-6],
    ],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(NonsenseFromCentreError):
        text.unpacked(MOHURD, data, SECRET)


@pytest.mark.parametrize("is_ciphered", [False, True])
def test_s20_a_bomb_is_not_unpacked_beyond_a_message(is_ciphered: bool) -> None:
    bomb = zlib.compress(b"<root>" + bytes(50_000_000) + b"</root>")
    data = aes(bomb + bytes(-len(bomb) % 16)) if is_ciphered else bomb
    tracemalloc.start()
    try:
        with pytest.raises(NonsenseFromCentreError):
            text.unpacked(MOHURD, data, SECRET)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000


def test_another_secret_gives_nothing() -> None:
    packed = text.packed(MOHURD, "report", XML, SECRET)
    with pytest.raises(NonsenseFromCentreError, match="not with this secret"):
        text.unpacked(MOHURD, packed, b"fedcba9876543210")


@pytest.mark.parametrize(
    ("order", "what"), [(["sequence", "key"], "77key"), (["key", "sequence"], "key77"), (["sequence"], "77")]
)
def test_the_login_is_the_md5_in_the_platform_s_order(order: list[str], what: str) -> None:
    found = with_changes("mohurd", {"auth": {"md5": order}})
    assert text.login(found, "77", "key") == hashlib.md5(what.encode()).hexdigest()


def test_of_a_login_with_the_page_s_sequence_the_md5_is_known() -> None:
    """MD5 of ``00787278`` and ``1234567890abcdef``, by md5sum."""
    assert text.login(MOHURD, "00787278", "1234567890abcdef") == "aa2679ec46e7e819bdfb83bbebccae4c"
