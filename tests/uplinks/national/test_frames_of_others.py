"""分项能耗数据传输 as others put it on the wire: frames of published collectors and centres, with the keys they print."""

from __future__ import annotations

import pytest

from edge_config.dialect import load, with_changes
from gateway.uplinks.national import text
from gateway.uplinks.national.frames import Deframer, Frame, written
from gateway.uplinks.national.heard import heard

COUNTING_KEY = bytes(range(1, 17))
"""01H to 10H, the key and IV of a published Zhejiang centre."""
COMMON = (
    "BCFD4378A5DFB425C45E3F9069FA0AE3287522731 49D7B897A769BE1753DFD6CCAE9F221B9DA9B1595A80B31A0DCAADEB91396C41FA9"
    "4050BE0BAA6DBB17DD96AF8E398816A22DC168D41E594C3EB8A11DBE19FE4F607DE5632FB6264A6E120E"
).replace(" ", "")
SEQUENCE = (
    "38DEE2E1F24B62009A48F5B190B3C23C8F7EC1FC778B1AA55D8547F9073A74B7E7B1A36A2A70F48EC26B55B25796D4A2D0FAB52DDA147C4E"
    "D8192CFE5A97CD47F8FACF0CD4FD2667C2D6EF51A14AD85A"
)
ZHEJIANG = {
    "25247777": "55AA55AAF400000000010000"
    + COMMON
    + SEQUENCE
    + "21BD7483B0B3FD34A5440FFB3B0179B0BBF0E41E4DA15632"
    "9D713C35F02BE0E4E098DDEDD24A116FDA9BEDA80D20982EA06F2268362210B60E5BE667A124A4F64B7868681616",
    "61948429": "55AA55AAF400000000010000"
    + COMMON
    + SEQUENCE
    + "32235B90AA09E9CB0CC9B38CE601AEF03ACAAE968F8772F4"
    "98D45E81C7EEDBF0522BD6FFA8E0854D1D9284898C2C40D6EEC2268A3E8D59B2C13EF49BFBB125500ADF68681616",
}
ARCHIVES = (
    "55AA55AAB400000000010000"
    + COMMON
    + "A0A79F1BDFB5590DCA1EEDFE113C63E667D8227AD20509EE7F138E535040A60BF6EAAABF19"
    "1692C1E00E8E98742A1638D3A518B93CAEDDFD16FC1CA307E3D8250EE16ACAF410CE658DB8BDFB2E7EDD26ECA868681616"
)
BEIJING = (
    "68681616E40000001692EC42AD4E729DCD81551ABC7C2983C86D3C6A58A862EAB7762371A0F6A3C83FBDC8EC79D54004F3249D83EE1D8BBE3C"
    "906270C99C44D6CF4C7B049B643A7DA312DCC0C5600F18FBB91ADF460802532B9FD2C766EC60477242D78F9CAA0092DA2F1B0492D92951E9EF"
    "1E68096B7EA76C41ABF30EB177D316196693D66C3C8AB2C767ED461BABF65A472C57DE9C972B10EDE61E916F38D678C48ED447928E77EF7779"
    "8D71F71B29AA4A2542C866B4A623FDC6F8838B2D3AD851EC9091C029072A49BB9DDFCCF2831858E339FE73534A65432E5AC65F3E0DF735510B"
    "CD64F8B7C2B1F264644155AA55AA"
)
"""Of a published collector in C#, which prints its CRC, 6441, beside it; the key is ``0000000000123456``."""


@pytest.mark.parametrize("sequence", ZHEJIANG)
def test_a_published_centre_s_sequence_is_read_and_written_again(sequence: str) -> None:
    dialect, raw = load("mohurd-swapped"), bytes.fromhex(ZHEJIANG[sequence])
    (frame,) = Deframer(dialect.frame).feed(raw)
    found = heard(dialect, text.unpacked(dialect, frame.data, COUNTING_KEY))
    assert (found.word, found.text("sequence"), frame.sequence) == ("sequence", sequence, 0x100)
    assert written(dialect.frame, frame) == raw


def test_an_operation_of_a_vendor_is_read_and_means_nothing() -> None:
    dialect = load("mohurd-swapped")
    (frame,) = Deframer(dialect.frame).feed(bytes.fromhex(ARCHIVES))
    found = heard(dialect, text.unpacked(dialect, frame.data, COUNTING_KEY))
    assert (found.word, found.name) == (None, "instruction/archives")


def test_a_published_collector_s_login_is_ours_to_the_byte() -> None:
    """It fills the last block with the digit 0."""
    dialect = with_changes("mohurd", {"cipher": {"pad": "digits"}, "names": {"building": "project_id"}})
    raw, key = bytes.fromhex(BEIJING), b"0000000000123456"
    (frame,) = Deframer(dialect.frame).feed(raw)
    xml = text.unpacked(dialect, frame.data, key)
    assert "<project_id>110000015</project_id><gateway_id>1100000140202</gateway_id><type>request" in xml
    whole = '<?xml version="1.0" encoding="utf-8" ?>' + xml
    data = text.packed(dialect, "request", whole, key)
    assert written(dialect.frame, Frame(data, frame.sequence)) == raw


def shanghai(kind: int, xml: str) -> bytes:
    data = xml.encode()
    return b"\x1f\x1f" + bytes([kind]) + len(data).to_bytes(4, "big") + data


HEAD = (
    '<?xml version="1.0" encoding="utf-8" ?><root><common><building_id>000001G004</building_id>'
    "<gateway_id>TC888</gateway_id><type>{}</type></common>"
)


@pytest.mark.parametrize(
    ("kind", "xml", "word", "tag", "said"),
    [
        (
            1,
            HEAD.format("id_validate") + '<id_validate operation="sequence" version="2">'
            "<sequence>1735689600000123456</sequence></id_validate></root>",
            "sequence", "sequence", "1735689600000123456",
        ),
        (
            1,
            HEAD.format("request") + '<id_validate operation="result"><result>pass</result></id_validate></root>',
            "result", "result", "pass",
        ),
        (
            2,
            ('<?xml version="1.0"?><root><common><building_id></building_id><gateway_id>gw-1</gateway_id>'
            '<type>heart_beat</type></common><heart_beat operation="time"><time>20260901083000</time></heart_beat></root>'),
            "time", "time", "20260901083000",
        ),
        (
            3,
            HEAD.format("energy_data")
            + '<data operation="report"><time>20171220122000</time><ack>OK</ack></data></root>',
            "report_ack", "ack", "OK",
        ),
        (
            3,
            HEAD.format("energy_data")
            + '<data operation="report"><time>20171220122000</time><ack>fail…</ack></data></root>',
            "report_ack", "ack", "fail…",
        ),
    ],
    ids=["a long sequence", "a type that echoes ours", "a time without a building", "OK", "fail and dots"],
)  # fmt: skip
def test_a_published_shanghai_centre_is_understood(
    kind: int, xml: str, word: str, tag: str, said: str
) -> None:
    dialect = load("shanghai")
    (frame,) = Deframer(dialect.frame).feed(shanghai(kind, xml))
    found = heard(dialect, text.unpacked(dialect, frame.data, b"1234567890abcdef"))
    assert (frame.type, found.word, found.text(tag)) == (kind, word, said)


def test_a_result_with_a_blank_line_before_it_and_two_types_is_understood() -> None:
    """A published centre in JavaScript begins with a line break and writes ``<type>`` twice."""
    dialect = load("mohurd")
    xml = (
        '\n<?xml version="1.0" encoding="utf-8" ?>\n<root>\n  <common>\n    <building_id>b</building_id>\n'
        "    <gateway_id >g</gateway_id >\n    <type>result</type>\n    <type>time</type>\n  </common>\n"
        '  <id_validate operation="result">\n    <result>pass</result>\n    <time>20260901083000</time>\n'
        "  </id_validate>\n</root>\n"
    )
    found = heard(dialect, text.unpacked(dialect, xml.encode(), b"1234567890abcdef"))
    assert (found.word, found.text("result"), found.text("time")) == ("result", "pass", "20260901083000")
