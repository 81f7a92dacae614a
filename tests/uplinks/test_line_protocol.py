from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_config.uplinks import LineProtocolUplink
from gateway.uplinks.line_protocol import Facts, UnsayableError, encode, explain, figure, name, string, tag
from tests.district.campus import METER, MIDNIGHT, NOW, event, point, site, slot
from tests.uplinks.lines import read_line
from tests.uplinks.memory import row

UPLINK = LineProtocolUplink(id="db", kind="line-protocol", url="http://127.0.0.1:8086", db="campus")
FACTS = Facts(
    "demo", {METER: "active_energy_import", "air-101.co2": "co2"}, {METER: "a", "air-101.co2": "a-101"}
)
SAYABLE = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1).filter(
    lambda text: not text.endswith("\\")
)


def gauge(mean: float | None, **more: Any) -> dict[str, Any]:
    known = mean is not None
    return {
        "kind": "interval", "point": "air-101.co2", "period": "hour", "start": MIDNIGHT, "end": MIDNIGHT + 3_600_000,
        "content": "estimated" if known else "missing", "share": 0.5 if known else 0.0, "mean": mean,
        "low": 401.0 if known else None, "high": 1250.5 if known else None, **more,
    }  # fmt: skip


def test_an_interval_of_a_counter_is_this_line() -> None:
    assert explain(UPLINK, FACTS, row(7, slot(METER, 0, 1.25), revision=2)) == (
        b"campus_15min,device=main-e,point=main-e.energy_import,quantity=active_energy_import,site=demo "
        b'content="measured",share=1.0,value=1.25,register_start=100.0,register_end=101.0,unit="kWh",revision=2i,'
        b'space="a" %d\n' % MIDNIGHT
    )


def test_an_interval_of_a_gauge_is_this_line() -> None:
    assert explain(UPLINK, FACTS, row(7, gauge(812.3333, changes=3))) == (
        b"campus_hour,device=air-101,point=air-101.co2,quantity=co2,site=demo "
        b'content="estimated",share=0.5,mean=812.3333,low=401.0,high=1250.5,changes=3i,unit="ppm",revision=1i,'
        b'space="a-101" %d\n' % MIDNIGHT
    )


def test_what_is_missing_has_no_figure() -> None:
    for body in (slot(METER, 3, None), gauge(None, changes=0)):
        line = read_line(explain(UPLINK, FACTS, row(1, body)).decode())
        assert line.fields.keys() & {"value", "register_start", "mean", "low", "high", "changes"} == set()
        assert (line.fields["content"], line.fields["share"]) == ("missing", 0.0)


def test_an_event_is_this_line() -> None:
    body = event("e1", 2, "closed", end=NOW, evidence={"text": 'a "b" \\ c, d=e', "n": 1})
    assert explain(UPLINK, FACTS, row(9, body, revision=4)) == (
        b"campus_event,event_id=e1,event_kind=cold_excursion,site=demo,subject=fridge-1 "
        b'level=2i,state="closed",end=%di,'
        b'evidence="{\\"n\\":1,\\"text\\":\\"a \\\\\\"b\\\\\\" \\\\\\\\ c, d=e\\"}",revision=4i %d\n'
        % (NOW, NOW - 3_600_000)
    )


def test_a_revision_is_the_same_series_and_time_also_from_another_room() -> None:
    moved = Facts("demo", FACTS.quantities, {METER: "b"})
    first = explain(UPLINK, FACTS, row(1, slot(METER, 0, 1.0))).split(b" ")
    second = explain(UPLINK, moved, row(2, slot(METER, 0, 2.0), revision=2)).split(b" ")
    assert (first[0], first[-1]) == (second[0], second[-1])


def test_a_room_is_a_tag_where_the_site_file_says_so() -> None:
    uplink = UPLINK.model_copy(update={"space": "tag", "prefix": "school"})
    line = read_line(explain(uplink, FACTS, row(1, slot(METER, 0))).decode())
    assert line.measurement == "school_15min"
    assert line.tags["space"] == "a"
    assert "space" not in line.fields


def test_a_point_that_left_the_site_has_no_room_and_an_unknown_one_no_quantity() -> None:
    line = read_line(explain(UPLINK, Facts("demo", {}, {}), row(1, slot(METER, 0))).decode())
    assert line.tags == {"site": "demo", "point": METER, "device": "main-e"}
    assert line.fields.keys() & {"space", "unit"} == set()


def test_descriptions_have_no_line_and_the_others_keep_their_order() -> None:
    changes = [row(1, site()), row(2, slot(METER, 0)), row(3, point(METER)), row(4, event())]
    lines = encode(UPLINK, FACTS, changes)
    assert (lines.seqs, lines.refused) == ((2, 4), ())
    assert [read_line(text).measurement for text in lines.body.decode().splitlines()] == [
        "campus_15min",
        "campus_event",
    ]


def test_the_same_stretch_is_the_same_bytes() -> None:
    changes = [row(seq, slot(METER, seq)) for seq in range(1, 50)]
    assert encode(UPLINK, FACTS, changes).body == encode(UPLINK, FACTS, changes).body


@pytest.mark.parametrize("subject", ["ends with \\", "two\nlines", "\t", ""])
def test_what_cannot_be_written_is_refused_by_name_and_the_rest_goes(subject: str) -> None:
    changes = [row(1, slot(METER, 0)), row(2, event(subject=subject)), row(3, slot(METER, 1))]
    lines = encode(UPLINK, FACTS, changes)
    assert lines.seqs == (1, 3)
    assert [seq for seq, _ in lines.refused] == [2]
    with pytest.raises(ValueError, match="cannot be a tag"):
        explain(UPLINK, FACTS, changes[1])


def test_a_body_that_cannot_be_read_is_refused_and_the_rest_goes() -> None:
    broken = row(2, {"kind": "interval", "point": METER})
    lines = encode(UPLINK, FACTS, [row(1, slot(METER, 0)), broken])
    assert (lines.seqs, [seq for seq, _ in lines.refused]) == ((1,), [2])


@settings(max_examples=40)
@given(subject=SAYABLE, kind=SAYABLE, text=st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_whatever_is_in_a_tag_or_a_text_comes_out_again(subject: str, kind: str, text: str) -> None:
    body = event(subject=subject, event_kind=kind, state="open", evidence={"text": text})
    line = read_line(explain(UPLINK, FACTS, row(1, body)).decode())
    assert (line.tags["subject"], line.tags["event_kind"]) == (subject, kind)
    assert json.loads(str(line.fields["evidence"])) == {"text": text}
    assert "\n" not in explain(UPLINK, FACTS, row(1, body)).decode()[:-1]


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_a_figure_is_exact(value: float) -> None:
    assert float(figure(value)) == value
    assert not figure(value).endswith("i")


@settings(max_examples=40)
@given(text=st.text(st.characters(codec="utf-8")))
def test_a_text_is_escaped_or_refused_and_never_broken(text: str) -> None:
    for write in (tag, name):
        try:
            written = write(text)
        except UnsayableError:
            continue
        assert "\n" not in written
        assert not written.endswith("\\")
    if "\0" not in text:
        line = read_line(f"m f={string(text)} 1")
        assert line.fields == {"f": text}
