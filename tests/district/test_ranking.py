from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from district.pages.overview import intensity, order, overview
from district.pages.ranking import PLAIN, RANKED, Order, figure, rank
from tests.district.lines import line, use


def names(order: Order, *lines: object) -> list[str]:
    return [placed.line.who.name for placed in rank(lines, order).placed]  # type: ignore[arg-type]


def test_below_ninety_percent_a_school_is_not_ranked_and_the_reason_is_given() -> None:
    thrifty = line("gap", 10.0, week=0.899)
    found = rank([line("a", 50.0), thrifty, line("b", 60.0, week=0.9)], Order("pupil"))
    assert [(one.line.who.name, one.place, one.of) for one in found.placed] == [("a", 1, 2), ("b", 2, 2)]
    ((apart, reason),) = found.apart
    assert (apart.who.name, reason.word) == ("gap", "apart_week")
    assert reason.share == pytest.approx(0.899)


@pytest.mark.parametrize(
    ("more", "key", "word"),
    [
        ({"measured": 0.5}, "year", "apart_year"),
        ({"measured": 0.5}, "month", "apart_month"),
        ({"value": None}, "year", "apart_no_data"),
        ({"meters": 0, "value": None}, "year", "apart_no_meter"),
        ({"students": None}, "pupil", "apart_students"),
        ({"area_m2": None}, "m2", "apart_area"),
        ({"quota": None}, "quota", "apart_quota"),
        ({"week": 0.0}, "quota", "apart_week"),
    ],
)
def test_each_reason_to_stand_apart_has_its_word(more: dict[str, object], key: str, word: str) -> None:
    found = rank([line("x", **more)], Order(key))  # type: ignore[arg-type]
    assert found.placed == []
    assert found.apart[0][1].word == word


def test_places_are_among_schools_of_one_kind_and_equals_share_one() -> None:
    lines = [line("k", 1.0, kind="kindergarten"), line("a", 5.0), line("b", 5.0), line("c", 7.0)]
    places = {one.line.who.name: (one.place, one.of) for one in rank(lines, Order("year")).placed}
    assert places == {"k": (1, 1), "a": (1, 3), "b": (1, 3), "c": (3, 3)}
    falling = {one.line.who.name: one.place for one in rank(lines, Order("year", is_descending=True)).placed}
    assert falling == {"k": 1, "a": 2, "b": 2, "c": 1}


@pytest.mark.parametrize("key", PLAIN)
def test_an_order_that_says_nothing_of_use_keeps_every_school(key: str) -> None:
    found = rank([line("a", None, week=0.1), line("b")], Order(key))
    assert len(found.placed) == 2
    assert found.apart == []
    assert {one.place for one in found.placed} == {None}


def test_orders_go_both_ways() -> None:
    low, high = line("low", 1.0, alarms={1: 2}), line("high", 9.0, week=0.95)
    assert names(Order("year"), high, low) == ["low", "high"]
    assert names(Order("year", is_descending=True), low, high) == ["high", "low"]
    assert names(Order("alarms", is_descending=True), high, low) == ["low", "high"]
    assert names(Order("completeness"), low, high) == ["high", "low"]
    assert names(Order("name"), low, high) == ["high", "low"]


@given(
    st.lists(
        st.tuples(st.floats(0, 1e6), st.floats(0, 1), st.sampled_from(["primary", "junior", None])),
        max_size=12,
    ),
    st.sampled_from(RANKED),
    st.booleans(),
)
def test_every_school_stands_once_and_no_rank_rests_on_a_gap(
    schools: list[tuple[float, float, str | None]], key: str, is_descending: bool
) -> None:
    lines = [
        line(f"s{n}", value, measured=share, week=share, kind=kind)
        for n, (value, share, kind) in enumerate(schools)
    ]
    wanted = Order(key, "water", is_descending)
    found = rank(lines, wanted)
    everyone = [one.line.who.name for one in found.placed] + [apart.who.name for apart, _ in found.apart]
    assert sorted(everyone) == sorted(one.who.name for one in lines)
    assert all(one.line.week.rate is not None and one.line.week.rate >= 0.9 for one in found.placed)
    figures = [figure(one.line, wanted) or 0.0 for one in found.placed]
    assert figures == sorted(figures, reverse=is_descending)


def test_an_address_that_asks_for_nonsense_gets_the_plain_order() -> None:
    assert order("x'; DROP", "sideways", "gas") == Order("name", "electricity", False)
    assert order("quota", "down", "water") == Order("quota", "water", True)


def test_a_kind_narrows_the_list_and_not_the_sums() -> None:
    found = overview([line("a"), line("b", kind=None), line("c", kind="primary")], Order(), "unknown")
    assert [one.line.who.name for one in found.ranking.placed] == ["b"]
    assert found.kinds == ["primary", "junior", "unknown"]
    assert (found.sums["electricity"].year.value, found.sums["electricity"].year.schools) == (300.0, 3)


def test_per_pupil_of_a_kind_rests_only_on_schools_of_which_enough_is_known() -> None:
    found = intensity([(use(100.0), 10), (use(1.0, measured=0.2), 1000), (use(50.0), None), (use(None), 5)])
    assert (found.value, found.counted) == (10.0, 1)
    assert intensity([(use(5.0), 0)]).value is None
