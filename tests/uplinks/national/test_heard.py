"""A centre's XML, read as a stranger's (S20)."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from edge_config.dialect import load
from gateway.uplinks.national.heard import centre_time_ms, heard
from gateway.uplinks.national.trouble import NonsenseFromCentreError
from runtime.clock import parse_utc

MOHURD, SHANGHAI = load("mohurd"), load("shanghai")
SHANGHAI_ZONE = ZoneInfo("Asia/Shanghai")
BOMB = (
    '<!DOCTYPE lolz [<!ENTITY a "lol">'
    + "".join(
        f'<!ENTITY {name} "{f"&{before};" * 10}">'
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + "]><root><common/><data operation='report_ack'>&i;</data></root>"
)


def message(body: str, kind: str = "x") -> str:
    return f"<root><common><building_id>b</building_id><gateway_id>1</gateway_id><type>{kind}</type></common>{body}</root>"


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ('<id_validate operation="sequence"><sequence>1</sequence></id_validate>', "sequence"),
        ('<id_validate operation="result"><result>pass</result></id_validate>', "result"),
        ('<heart_beat operation="time"><time>20260901083000</time></heart_beat>', "time"),
        ('<report_config operation="report_ack"><report_ack>pass</report_ack></report_config>', "report_ack"),
        ('<supcon operation="record_arrive"/>', "report_ack"),
        ('<data operation="continuous_ack"/>', "continuous_ack"),
        ('<data operation="query"/>', "query"),
        ('<net_query operation="query"><query>query</query></net_query>', "query"),
        ('<config operation="period"><period>30</period></config>', "period"),
        ('<vendor operation="reboot"/>', None),
        ('<data operation="report"/>', None),
        ('<id_validate operation="md5"><md5>0</md5></id_validate>', None),
    ],
)
def test_the_element_and_its_operation_say_what_is_meant(body: str, word: str | None) -> None:
    assert heard(MOHURD, message(body)).word == word


def test_in_shanghai_the_type_says_nothing_and_an_ack_is_known_by_its_tag() -> None:
    body = '<id_validate operation="result"><result>pass</result></id_validate>'
    assert heard(SHANGHAI, message(body, "id_validate")).word == "result"
    assert heard(SHANGHAI, message('<data operation="report"><ack>pass</ack></data>')).word == "report_ack"


def test_an_operation_may_stand_in_the_type_alone() -> None:
    assert (
        heard(MOHURD, message("<id_validate><result>fail</result></id_validate>", "result")).word == "result"
    )


def test_an_element_twice_with_one_text_is_that_text_and_with_two_is_none() -> None:
    same = heard(MOHURD, message('<heart_beat operation="time"><time>1</time><time>1</time></heart_beat>'))
    assert same.text("time") == "1"
    torn = heard(
        MOHURD,
        message('<id_validate operation="result"><result>fail</result><result>pass</result></id_validate>'),
    )
    with pytest.raises(NonsenseFromCentreError, match="twice"):
        torn.text("result")


@pytest.mark.parametrize(
    "xml",
    [
        BOMB,
        '<!DOCTYPE r SYSTEM "file:///etc/passwd"><root><common/><data/></root>',
        '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><root><common/><a>&x;</a></root>',
        "<root><common/><data></root>",
        "<root><common/></root>",
        "<root/>",
        "",
        "<root>\x00</root>",
        "<root><common/>&nbsp;<data/></root>",
    ],
)
def test_hostile_or_broken_xml_is_refused(xml: str) -> None:
    with pytest.raises(NonsenseFromCentreError):
        heard(MOHURD, xml)


def test_ten_thousand_nested_elements_are_only_elements() -> None:
    deep = message("<a>" * 10_000 + "</a>" * 10_000)
    assert heard(MOHURD, deep).word is None


def test_a_long_name_is_cut_before_anybody_logs_it() -> None:
    assert len(heard(MOHURD, message(f'<a operation="{"x" * 5000}"/>')).name) <= 60


@pytest.mark.parametrize(
    "text", ["20260901083000", "2026-09-01 08:30:00", "2026-09-01T08:30:00", "2026/09/01 08:30:00"]
)
def test_a_centre_s_time_is_local_in_whatever_form(text: str) -> None:
    assert centre_time_ms(text, SHANGHAI_ZONE) == parse_utc("2026-09-01T08:30:00+08:00")


@pytest.mark.parametrize("text", ["", "now", "20261301000000", "2026090108300", "99999999999999"])
def test_what_is_no_time_tells_nothing(text: str) -> None:
    assert centre_time_ms(text, SHANGHAI_ZONE) is None
