from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.uplinks.hj212_frame import Heard, Message, frames
from gateway.uplinks.hj212_requests import Answer, Standing, answer
from simulators.hj212_center import unframed
from tests.district.campus import NOW

MN = "310104SCHOOL000000000001"
PRESENT = Message(
    "20261122140000000", "22", "2011", MN, False, "DataTime=20261122140000", ("a34004-Rtd=1.0",)
)
STANDING = Standing("123456", "22", frozenset({MN}), 60, ZoneInfo("Asia/Shanghai"), NOW, {MN: PRESENT})


def request(cn: str, cp: dict[str, str] | None = None, *, is_intact: bool = True, **fields: str) -> Heard:
    named = {"QN": "20261122135959999", "ST": "22", "CN": cn, "PW": "123456", "MN": MN, "Flag": "5"}
    return Heard({**named, **fields}, cp or {}, is_intact)


def said(given_answer: Answer) -> list[tuple[str, str]]:
    """(CN, content) of every message, read back from its bytes."""
    packets = [unframed(raw) for message in given_answer.messages for raw in frames(message, "123456")]
    return [(packet.fields["CN"], packet.content) for packet in packets]


def test_the_time_is_told() -> None:
    found = answer(request("1011"), STANDING)
    assert said(found) == [("9011", "QnRtn=1"), ("1011", "SystemTime=20261122140000"), ("9012", "ExeRtn=1")]
    assert {message.qn for message in found.messages} == {"20261122135959999"}


def test_the_interval_is_told_and_set_within_its_bounds() -> None:
    assert said(answer(request("1061"), STANDING)) == [
        ("9011", "QnRtn=1"),
        ("1061", "RtdInterval=60"),
        ("9012", "ExeRtn=1"),
    ]
    found = answer(request("1062", {"RtdInterval": "30"}), STANDING)
    assert (said(found), found.realtime_interval_s) == ([("9011", "QnRtn=1"), ("9012", "ExeRtn=1")], 30)


@pytest.mark.parametrize("text", ["", "0", "29", "3601", "-30", "3e2", "９０", "999999999999", "30.0", " 30"])
def test_an_interval_out_of_bounds_is_not_taken(text: str) -> None:
    found = answer(request("1062", {"RtdInterval": text}), STANDING)
    assert said(found)[-1] == ("9012", "ExeRtn=3")
    assert found.realtime_interval_s is None


def test_real_time_data_is_given_stopped_and_given_again() -> None:
    given_now = answer(request("2011"), STANDING)
    assert said(given_now) == [
        ("9011", "QnRtn=1"),
        ("2011", "DataTime=20261122140000;a34004-Rtd=1.0"),
        ("9012", "ExeRtn=1"),
    ]
    assert given_now.sends_realtime is True
    stopped = answer(request("2012"), STANDING)
    assert (said(stopped), stopped.sends_realtime) == ([("9013", "")], False)


def test_a_station_without_anything_present_says_so() -> None:
    none = Standing("123456", "22", frozenset({MN}), 60, ZoneInfo("Asia/Shanghai"), NOW, {})
    assert said(answer(request("2011"), none)) == [("9011", "QnRtn=1"), ("9012", "ExeRtn=100")]


@pytest.mark.parametrize("cn", ["1000", "1012", "2051", "2061", "2031", "3011"])
def test_what_we_do_not_serve_is_refused_and_not_half_done(cn: str) -> None:
    assert answer(request(cn), STANDING) == Answer(answer(request(cn), STANDING).messages)
    assert said(answer(request(cn), STANDING)) == [("9011", "QnRtn=2")]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"PW": "000000"}, 3), ({"PW": ""}, 3), ({"MN": "X"}, 4), ({"ST": "32"}, 5), ({"Flag": "x"}, 6), ({"Flag": ""}, 6),
        ({"Flag": "256"}, 6), ({"QN": "2026"}, 7), ({"QN": "2026112213595999x"}, 7), ({"CN": "7777"}, 8), ({"CN": ""}, 8),
        ({"is_intact": False}, 9),
    ],
)  # fmt: skip
def test_each_thing_that_is_wrong_has_its_code_and_no_effect(wrong: dict[str, Any], code: int) -> None:
    found = answer(request("1062", {"RtdInterval": "30"}, **wrong), STANDING)
    assert said(found) == [("9011", f"QnRtn={code}")]
    assert (found.realtime_interval_s, found.sends_realtime) == (None, None)


def test_who_wants_no_acknowledgement_gets_the_data_alone() -> None:
    assert said(answer(request("1061", Flag="4"), STANDING)) == [
        ("1061", "RtdInterval=60"),
        ("9012", "ExeRtn=1"),
    ]
    assert said(answer(request("2012", Flag="4"), STANDING)) == []


@settings(max_examples=40)
@given(
    fields=st.dictionaries(
        st.sampled_from(["QN", "ST", "CN", "PW", "MN", "Flag"]), st.text("0123456789AZ=.²", max_size=900)
    )
)
def test_no_request_breaks_the_answer_or_makes_it_too_long(fields: dict[str, str]) -> None:
    asked = request("1011")
    found = answer(Heard({**asked.fields, **fields}, {}, True), STANDING)
    for message in found.messages:
        assert all(len(raw) <= 1036 for raw in frames(message, "123456"))
