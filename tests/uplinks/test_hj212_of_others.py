"""Frames that others wrote: of HJ 212-2017 itself and of published stations, centres and parsers of both editions."""

from __future__ import annotations

import pytest

from gateway.uplinks.hj212_frame import FrameReader, crc, frame
from simulators.hj212_center import checksum

APPENDIX = (
    "##0101QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;Flag=5;"
    "CP=&&RtdInterval=30&&1C80"
)
FOREIGN = [
    ("HJ 212-2017, the example of the CRC", APPENDIX, "1062"),
    (
        "a reader for air quality, DataTime and SampleTime",
        (
            "##0162QN=20231008123340461;ST=22;CN=2011;PW=123456;MN=010000A8900016F000169DC0;Flag=5;"
            "CP=&&DataTime=20231008123340;w01008-SampleTime=20231008123340,w01008-Rtd=123.456&&F441"
        ),
        "2011",
    ),
    (
        "a station of six gases and the weather",
        (
            "##0411QN=20220513162608370;ST=22;CN=2051;PW=123456;MN=JLYP01_AIR01_0001;Flag=4;CP=&&DataTime=20220513162600;"
            "a21004-Avg=4,a21004-Flag=N;a05024-Avg=63,a05024-Flag=N;a21026-Avg=6,a21026-Flag=N;a21005-Avg=0.427,"
            "a21005-Flag=N;a34004-Avg=14,a34004-Flag=N;a34002-Avg=31,a34002-Flag=N;a01007-Avg=1,a01007-Flag=N;"
            "a01008-Avg=11,a01008-Flag=N;a01001-Avg=17,a01001-Flag=N;a01002-Avg=85,a01002-Flag=N;a01006-Avg=95,"
            "a01006-Flag=N&&D641"
        ),
        "2051",
    ),
    (
        "HJ/T 212-2005, no QN and no Flag",
        (
            "##0139ST=32;CN=2011;PW=123456;MN=LD130133000015;CP=&&DataTime=20160824003817000;B01-Rtd=36.91;"
            "011-Rtd=231.0,011-Flag=N;060-Rtd=1.803,060-Flag=N&&4980"
        ),
        "2011",
    ),
    (
        "HJ/T 212-2005, ten minutes of three factors",
        (
            "##0245ST=32;CN=2051;PW=123456;MN=12091200160055;CP=&&DataTime=20150430135700;B01-Min=895.13,B01-Avg=909.87,"
            "B01-Max=932.28,B01-Cou=54.59;011-Min=999.99,011-Avg=999.99,011-Max=999.99,011-Cou=54.59;060-Min=30.18,"
            "060-Avg=30.18,060-Max=30.18,060-Cou=1.65&&7640"
        ),
        "2051",
    ),
    (
        "a start of a station",
        (
            "##0127QN=20200623122504356;ST=31;CN=2081;PW=123456;MN=88888880000001;Flag=5;"
            "CP=&&DataTime=20200623122504;RestartTime=20200623122342&&1100"
        ),
        "2081",
    ),
    (
        "a PW that is empty",
        (
            "##0131QN=20200428011552615;ST=31;CN=2081;PW=;MN=MYHJ00000000000080011128;Flag=4;"
            "CP=&&DataTime=20200428011552;RestartTime=20200425120954&&47C0"
        ),
        "2081",
    ),
    (
        "an MN that is empty",
        (
            "##0116QN=20220814021304000;ST=22;CN=2011;PW=123456;MN=;Flag=5;"
            "CP=&&DataTime=20220814021304;a50001-Rtd=0.00,a50001-Flag=B&&06C0"
        ),
        "2011",
    ),
    (
        "a receipt of a centre",
        "##0087QN=20160801085000001;ST=91;CN=9014;PW=123456;MN=010000A8900016F000169DC0;Flag=4;CP=&&&&C241",
        "9014",
    ),
    (
        "a receipt with the version bits of surface water",
        "##0075QN=20260706103512345;ST=91;CN=9014;PW=123456;MN=A110000_0001;Flag=8;CP=&&&&0140",
        "9014",
    ),
    (
        "a receipt with QnRtn, its CRC in small letters",
        "##0078QN=20201008154743635;ST=91;CN=9014;PW=123456;MN=SD000001;Flag=9;CP=&&QnRtn=1&&71c0",
        "9014",
    ),
    (
        "a receipt with a vendor's topics",
        (
            "##0180QN=20220418123908000;ST=91;CN=9014;PW=123456;MN=YSRDWQGQ1000001001;Flag=4;CP=&&QnRtn=1;"
            "UTP=MICRO_DEV_DOWNLOAD_DATA_YSRDWQGQ1000001001;DTP=MICRO_DEV_UPLOAD_DATA_YSRDWQGQ1000001001&&7200"
        ),
        "9014",
    ),
    (
        "a request with a vendor's command",
        (
            "##0113QN=20210118201054000;ST=32;CN=3032;PW=123456;MN=20210107123456;Flag=5;"
            "CP=&&PolId=a34004,MB_BgnAddr=192,MB_Wrt=5&&0F00"
        ),
        "3032",
    ),
]
EVERY = pytest.mark.parametrize(
    ("text", "cn"), [(text, cn) for _, text, cn in FOREIGN], ids=[name for name, _, _ in FOREIGN]
)


@EVERY
@pytest.mark.parametrize("end", ["\r\n", ""])
def test_a_frame_of_another_is_read_with_its_end_and_without(text: str, cn: str, end: str) -> None:
    reader = FrameReader()
    (found,) = reader.feed((text + end).encode())
    assert (found["CN"], found.is_intact, reader.dropped) == (cn, True, 0)


@EVERY
def test_its_length_and_crc_are_what_we_write(text: str, cn: str) -> None:
    segment = text[6:-4].encode()
    assert cn.encode() in segment
    assert frame(segment)[:-2].decode().lower() == text.lower()
    assert f"{crc(segment):04X}" == checksum(segment)


def test_frames_without_an_end_between_others_are_all_found() -> None:
    stream = "".join(text + ("\r\n" if index % 2 else "") for index, (_, text, _) in enumerate(FOREIGN))
    reader = FrameReader()
    found = [
        one for place in range(0, len(stream), 7) for one in reader.feed(stream[place : place + 7].encode())
    ]
    assert [one["CN"] for one in found] == [cn for _, _, cn in FOREIGN]
    assert reader.dropped == 0


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "the length was counted before a time in it grew",
            (
                "##0131QN=20200428102058322;ST=31;CN=2081;PW=123456;MN=MYHJ00000000000080011128;Flag=4;"
                "CP=&&DataTime=20200428102058;RestartTime=20200428100633&&47c0"
            ),
        ),
        (
            "a receipt without a CRC, its CR LF counted as data",
            "##0079QN=20200428102058322;ST=91;CN=9014;PW=123456;MN=010000A8900016F000169DC0;Flag=4;CP=&&&&",
        ),
    ],
    ids=lambda value: value if "##" not in value else "",
)
def test_a_frame_that_belies_itself_is_none(name: str, text: str) -> None:
    assert not any(one.is_intact for one in FrameReader().feed((text + "\r\n").encode())), name


def test_what_the_2005_edition_answers_is_known_by_the_qn_in_its_data() -> None:
    (found,) = FrameReader().feed(frame(b"ST=91;CN=9014;CP=&&QN=20040516010101001;CN=2051&&"))
    assert found.answers("20040516010101001", "010000A8900016F000169DC0")
    assert not found.answers("20040516010101002", "010000A8900016F000169DC0")
    (named,) = FrameReader().feed(
        frame(b"ST=91;CN=9012;PW=123456;MN=88888880000001;CP=&&QN=20040516010101001;ExeRtn=1&&")
    )
    assert named.answers("20040516010101001", "88888880000001")
    assert not named.answers("20040516010101001", "010000A8900016F000169DC0")
