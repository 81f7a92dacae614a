from __future__ import annotations

import json

import pytest

from edge_config.uplinks import UplinkFilter
from gateway.model import Change
from gateway.uplinks.filter import chosen

QUANTITIES = {"m.energy": "active_energy_import", "a.co2": "co2"}


def interval(seq: int, point: str, period: str = "15min") -> Change:
    return Change(
        seq,
        "interval",
        str(seq),
        1,
        json.dumps({"kind": "interval", "point": point, "period": period}).encode(),
    )


FEED = [
    Change(1, "site", "site", 1, b'{"kind":"site"}'),
    Change(2, "point", "a.co2", 1, b'{"kind":"point","point":"a.co2"}'),
    interval(3, "m.energy"),
    interval(4, "a.co2"),
    interval(5, "a.co2", "hour"),
    interval(6, "never.seen"),
    Change(7, "event", "e", 1, b'{"kind":"event"}'),
    Change(8, "gap", "g", 1, b'{"kind":"gap","point":"a.co2"}'),
    Change(9, "statement", "s", 1, b'{"kind":"statement"}'),
    Change(10, "interval", "broken", 1, b"\x00"),
]


def test_a_space_holds_back_the_intervals_of_points_that_lie_elsewhere() -> None:
    only = UplinkFilter(spaces=("b", "b-2"))
    spaces = {"m.energy": "b-2", "a.co2": "a-101", "w.water": ""}
    feed = [
        interval(1, "m.energy"),
        interval(2, "a.co2"),
        interval(3, "w.water"),
        interval(4, "never.seen"),
        *FEED[6:9],
    ]
    assert [change.seq for change in chosen(feed, only, {}, spaces)] == [1, 4, 7, 8, 9]


def test_a_kind_that_is_not_wanted_stays_but_who_and_what_always_goes() -> None:
    only = UplinkFilter(kinds=("event",))
    assert [change.seq for change in chosen(FEED, only, QUANTITIES)] == [1, 2, 7]
    only = UplinkFilter(kinds=("interval", "gap"), periods=("hour",))
    assert [change.seq for change in chosen(FEED, only, QUANTITIES)] == [1, 2, 5, 8, 10]


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        (UplinkFilter(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (UplinkFilter(quantities=("energy", "water")), [1, 2, 3, 6, 7, 8, 9, 10]),
        (UplinkFilter(periods=("hour",)), [1, 2, 5, 7, 8, 9, 10]),
        (UplinkFilter(quantities=("air",), periods=("15min",)), [1, 2, 4, 6, 7, 8, 9, 10]),
        (UplinkFilter(quantities=()), [1, 2, 6, 7, 8, 9, 10]),
    ],
)
def test_only_intervals_are_held_back_and_only_by_what_is_known(
    only: UplinkFilter, expected: list[int]
) -> None:
    assert [change.seq for change in chosen(FEED, only, QUANTITIES)] == expected
