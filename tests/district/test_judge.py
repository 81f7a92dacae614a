from __future__ import annotations

from typing import Any

import pytest

from district.body import parse
from district.contract import Rejected
from district.judge import sort_out
from tests.district import campus

POINT = "m.energy"


def judged(*bodies: dict[str, Any], owners: dict[str, str] | None = None) -> list[Rejected]:
    changes = [campus.change(seq, body) for seq, body in enumerate(bodies, 1)]
    return sort_out(
        parse(campus.envelope(changes, 0, len(changes))), owners if owners is not None else {}
    ).rejected


def reason(body: dict[str, Any]) -> str:
    (rejected,) = judged(campus.point(POINT), body)
    assert rejected.seq == 2
    return rejected.reason


def test_a_point_is_known_from_its_description_on() -> None:
    assert judged(campus.point(POINT), campus.slot(POINT, 0)) == []
    assert [r.seq for r in judged(campus.slot(POINT, 0), campus.point(POINT))] == [1]


def test_a_point_belongs_to_the_gateway_that_described_it_first() -> None:
    first, second = judged(campus.point(POINT), campus.slot(POINT, 0), owners={POINT: "gw-2"})
    assert "belongs to gateway gw-2" in first.reason
    assert "belongs to gateway gw-2" in second.reason


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"end": campus.MIDNIGHT}, "does not end after"),
        (
            {"start": campus.MIDNIGHT + 1, "end": campus.MIDNIGHT + 1 + campus.QUARTER},
            "one quarter-hour of UTC",
        ),
        ({"end": campus.MIDNIGHT + 2 * campus.QUARTER}, "one quarter-hour of UTC"),
        ({"content": "missing"}, "missing interval has a value"),
        ({"value": None}, "has no value"),
        ({"value": -0.01}, "counts less than nothing"),
    ],
)
def test_an_interval_that_cannot_be_true_is_refused(change: dict[str, Any], expected: str) -> None:
    assert expected in reason(campus.slot(POINT, 0) | change)


@pytest.mark.parametrize("step", ["x", "0", "-1", "NaN", "Infinity", "1e-999999", "1e999999", "1e-13"])
def test_a_step_must_be_a_number_that_sums_can_be_rounded_to(step: str) -> None:
    (rejected,) = judged(campus.point(POINT, step=step))
    assert "step" in rejected.reason


def test_a_reason_is_short_however_long_what_it_names() -> None:
    """A receipt that refuses 5,000 records must stay below what a gateway reads."""
    (rejected,) = judged(campus.point(POINT, step="z" * 100_000))
    assert len(rejected.reason) <= 200


@pytest.mark.parametrize("figure", ["value", "register_start", "register_end", "mean", "low", "high"])
@pytest.mark.parametrize("huge", [1.1e18, -1e308])
def test_a_figure_no_meter_can_show_is_refused(figure: str, huge: float) -> None:
    """Two of 1e308 add up to no number at all, and no page could be made any more."""
    assert "not a number up to" in reason(campus.slot(POINT, 0) | {figure: huge})
    most = 1e18 if huge > 0 or figure == "value" else -1e18
    assert judged(campus.point(POINT), campus.slot(POINT, 0) | {figure: most}) == []


@pytest.mark.parametrize(
    "more", [{"area_m2": -5.0}, {"area_m2": 1e-320}, {"quota": {"2026": {"water_m3": 1e-320}}}]
)
def test_an_area_or_a_quota_that_nothing_can_be_divided_by_is_refused(more: dict[str, Any]) -> None:
    (rejected,) = judged(campus.site(**more))
    assert "is not a number from" in rejected.reason


@pytest.mark.parametrize("timezone", ["Mars/Olympus", "../../etc/passwd", "Asia", "x" * 100])
def test_a_time_zone_must_be_known(timezone: str) -> None:
    (rejected,) = judged(campus.site(timezone=timezone))
    assert "time zone" in rejected.reason


def test_an_episode_cannot_end_before_it_starts() -> None:
    assert "ends before" in reason(campus.event(end=1))
    gap = {"kind": "gap", "point": POINT, "start": 9, "end": 8, "count": 1, "reason": "shed"}
    assert "ends before" in reason(gap)


def test_an_episode_lies_before_2100() -> None:
    """The first page shows when it began: the end of the year 9999 is no date in Shanghai."""
    last = 253_402_300_799_999
    assert "before 2100" in reason(campus.event(start=last))
    assert "before 2100" in reason(campus.event(end=last))
    assert "before 2100" in reason(
        {"kind": "gap", "point": "*", "start": 0, "end": last, "count": 0, "reason": "x"}
    )


def test_the_rest_of_a_batch_is_placed_by_kind() -> None:
    changes = [
        campus.change(seq, body)
        for seq, body in enumerate([campus.site(), campus.point(POINT), campus.event()], 1)
    ]
    effects = sort_out(parse(campus.envelope(changes, 0, 3)), {})
    assert (len(effects.sites), len(effects.points), len(effects.events), effects.rejected) == (1, 1, 1, [])


def test_registers_below_nothing_and_a_gauge_below_nothing_are_taken() -> None:
    """A register that a meter's maker signs, and a frost."""
    signed = campus.slot(POINT, 0) | {"register_start": -5.0, "register_end": -4.0}
    frost = campus.slot("t.temperature", 0, None) | {
        "content": "measured",
        "mean": -18.0,
        "low": -19.0,
        "high": -17.0,
    }
    gauge = campus.point("t.temperature", "temperature", "°C", value_kind="gauge")
    assert judged(campus.point(POINT), signed, gauge, frost) == []


def test_evidence_may_be_nested_but_not_without_end() -> None:
    def nested(depth: int) -> dict[str, Any]:
        inner: Any = "x"
        for _ in range(depth):
            inner = [inner]
        return campus.event(evidence={"a": inner, "b": [{}, []]})

    assert judged(nested(60)) == []
    for depth in (70, 900):  # the reader of the schema still takes 900, what writes it down does not always
        (rejected,) = judged(nested(depth))
        assert "nested" in rejected.reason
