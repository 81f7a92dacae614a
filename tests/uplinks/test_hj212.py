from __future__ import annotations

from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_config.hj212_factors import Factor
from edge_config.uplinks import Hj212Uplink
from gateway.model import Quality
from gateway.uplinks.feed import Latest
from gateway.uplinks.hj212 import encode, explain, places, realtime
from gateway.uplinks.hj212_frame import frames
from simulators.hj212_center import Packet, framed, unframed
from tests.district.campus import METER, MIDNIGHT, NOW, QUARTER, event, slot
from tests.uplinks.memory import row
from tests.uplinks.speakers import QUANTITY

MN = "310104SCHOOL000000000001"
OTHER = "310104SCHOOL000000000002"
ZONE = ZoneInfo("Asia/Shanghai")
UPLINK = Hj212Uplink.model_validate(
    {
        "id": "epb", "kind": "hj212", "host": "127.0.0.1", "port": 1,
        "stations": [{"mn": MN, "points": ["air-101.pm25", "air-101.temperature"]}, {"mn": OTHER, "points": ["yard.pm25"]}],
    }
)  # fmt: skip
QUANTITIES = {**QUANTITY, "yard.pm25": "pm25"}
WHERE = places(UPLINK, QUANTITIES)


def air(
    point: str, mean: float | None, start: int = MIDNIGHT, period: str = "15min", **more: Any
) -> dict[str, Any]:
    lengths = {"15min": QUARTER, "hour": 4 * QUARTER, "day": 96 * QUARTER, "month": 30 * 96 * QUARTER}
    known = mean is not None
    return {
        "kind": "interval", "point": point, "period": period, "start": start, "end": start + lengths[period],
        "content": "measured" if known else "missing", "share": 1.0 if known else 0.0, "mean": mean,
        "low": None if mean is None else mean - 1, "high": None if mean is None else mean + 1.5, **more,
    }  # fmt: skip


def packets(*bodies: dict[str, Any]) -> list[Packet]:
    told, refused = encode(UPLINK, WHERE, ZONE, [row(seq, body) for seq, body in enumerate(bodies, 1)])
    assert refused == ()
    return [unframed(raw) for one in told for raw in frames(one.message, "123456")]


def test_a_quarter_hour_is_these_bytes() -> None:
    segment = (
        "QN=20261122001500007;ST=22;CN=2051;PW=secret;MN=310104SCHOOL000000000001;Flag=5;CP=&&DataTime=20261122000000;"
        "a34004-Min=34.2,a34004-Avg=35.2,a34004-Max=36.7,a34004-Flag=N&&"
    )
    assert explain(UPLINK, WHERE, ZONE, row(7, air("air-101.pm25", 35.2)), "secret") == framed(segment)


@pytest.mark.parametrize(("period", "cn"), [("15min", "2051"), ("hour", "2061"), ("day", "2031")])
def test_each_period_has_its_command_and_begins_with_its_slot(period: str, cn: str) -> None:
    (packet,) = packets(air("air-101.pm25", 1.0, MIDNIGHT, period))
    assert (packet.fields["CN"], packet.data["DataTime"]) == (cn, "20261122000000")


def test_factors_of_one_station_and_slot_go_together_and_others_apart() -> None:
    found = packets(
        air("air-101.pm25", 10.0),
        air("yard.pm25", 20.0),
        air("air-101.temperature", 21.5),
        air("air-101.pm25", 11.0, MIDNIGHT + QUARTER),
    )
    assert [
        (one.fields["MN"], one.data["DataTime"], sorted({key[:6] for key in one.data if key[0] == "a"}))
        for one in found
    ] == [
        (MN, "20261122000000", ["a01001", "a34004"]),
        (OTHER, "20261122000000", ["a34004"]),
        (MN, "20261122001500", ["a34004"]),
    ]


def test_what_is_missing_is_left_out_and_never_a_number() -> None:
    assert packets(air("air-101.pm25", None)) == []
    (packet,) = packets(air("air-101.pm25", None), air("air-101.temperature", 20.0))
    assert not any(key.startswith("a34004") for key in packet.data)


def test_what_was_measured_in_part_is_flagged() -> None:
    (packet,) = packets(air("air-101.pm25", 10.0, content="estimated", share=0.4))
    assert (packet.data["a34004-Avg"], packet.data["a34004-Flag"]) == ("10.0", "B")


def test_a_later_word_of_the_same_slot_holds() -> None:
    (packet,) = packets(air("air-101.pm25", 10.0), air("air-101.pm25", 12.0))
    assert packet.data["a34004-Avg"] == "12.0"
    assert packets(air("air-101.pm25", 10.0), air("air-101.pm25", None)) == []


def test_meters_months_events_and_points_of_no_station_do_not_go_up() -> None:
    assert (
        packets(
            slot(METER, 0), air("air-101.pm25", 1.0, period="month"), event(), air("air-101.humidity", 50.0)
        )
        == []
    )


def test_a_counter_has_an_amount() -> None:
    rain = Hj212Uplink.model_validate(
        {
            **UPLINK.model_dump(), "stations": [{"mn": MN, "points": ["yard.rain"]}],
            "factors": {"rainfall": {"code": "a01099", "unit": "mm", "decimals": 2}},
        }
    )  # fmt: skip
    body = {**slot("yard.rain", 0, 0.25)}
    told, _ = encode(rain, places(rain, {"yard.rain": "rainfall"}), ZONE, [row(1, body)])
    assert told[0].message.parts == ("a01099-Cou=0.25,a01099-Flag=N",)


def test_pressure_goes_up_in_kilopascals() -> None:
    uplink = UPLINK.model_copy(
        update={"stations": (UPLINK.stations[0].model_copy(update={"points": ("roof.pressure",)}),)}
    )
    told, _ = encode(
        uplink, places(uplink, {"roof.pressure": "pressure"}), ZONE, [row(1, air("roof.pressure", 1008.6))]
    )
    assert told[0].message.parts[0].startswith("a01006-Min=100.76,a01006-Avg=100.86,a01006-Max=101.01")


def test_a_body_that_cannot_be_read_is_refused_and_the_rest_goes() -> None:
    changes = [row(1, air("air-101.pm25", 1.0)), row(2, {"kind": "interval"})]
    told, refused = encode(UPLINK, WHERE, ZONE, changes)
    assert ([one.seqs for one in told], [seq for seq, _ in refused]) == ([(1,)], [2])
    with pytest.raises(ValueError, match="cannot be read"):
        explain(UPLINK, WHERE, ZONE, changes[1], "x")


def test_the_same_stretch_is_the_same_bytes() -> None:
    changes = [row(seq, air("air-101.pm25", float(seq), MIDNIGHT + seq * QUARTER)) for seq in range(1, 30)]
    first, second = (encode(UPLINK, WHERE, ZONE, changes) for _ in range(2))
    assert first == second


@settings(max_examples=40)
@given(value=st.floats(-1e6, 1e6), decimals=st.integers(0, 6))
def test_a_figure_is_rounded_once_and_never_in_powers_of_ten(value: float, decimals: int) -> None:
    uplink = UPLINK.model_copy(
        update={"factors": {"pm25": Factor(code="a34004", unit="µg/m³", decimals=decimals)}}
    )
    told, _ = encode(uplink, places(uplink, QUANTITIES), ZONE, [row(1, air("air-101.pm25", value))])
    text = dict(pair.split("=") for pair in told[0].message.parts[0].split(","))["a34004-Avg"]
    assert abs(Decimal(text) - Decimal(repr(value))) <= Decimal("0.5").scaleb(-decimals)
    assert text.lstrip("-").replace(".", "").isdigit()
    assert not (text.startswith("-") and Decimal(text) == 0)


def news(
    point: str,
    value: float | None,
    quality: Quality = Quality.GOOD,
    is_delayed: bool = False,
    ago_s: int = 10,
) -> Latest:
    return Latest(point, NOW - ago_s * 1000, value, quality, is_delayed)


def test_real_time_data_is_these_bytes_and_asks_nobody_to_answer() -> None:
    latest = [
        news("air-101.pm25", 35.25),
        news("air-101.temperature", -0.04, Quality.UNCERTAIN, ago_s=5),
        news(METER, 7.0),
    ]
    (message,) = realtime(UPLINK, WHERE, ZONE, latest, NOW + 42)
    assert frames(message, "123456") == [
        framed(
            "QN=20261122140000042;ST=22;CN=2011;PW=123456;MN=310104SCHOOL000000000001;Flag=4;CP=&&DataTime=20261122135955;"
            "a34004-Rtd=35.2,a34004-Flag=N;a01001-Rtd=0.0,a01001-Flag=D&&"
        )
    ]


def test_what_is_not_present_is_not_real_time_data() -> None:
    away = [
        news("air-101.pm25", None, Quality.BAD),
        news("air-101.temperature", 20.0, is_delayed=True),
        news("yard.pm25", 3.0, Quality.BAD),
    ]
    assert realtime(UPLINK, WHERE, ZONE, away, NOW) == []
