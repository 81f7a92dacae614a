"""What is summed from the cursors of a relay: waiting, ages, whose trouble it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from district.relay.standing import TROUBLE_AFTER_MS, upstreams_of
from district.relay.upkeep import Standing
from tests.district.campus import NOW

IDLE = Standing(
    site="demo", gateway="gw-1", epoch="e-1", upstream="city", waiting=0, bytes=0, oldest_at=None, delivered_at=NOW - 5_000,
    lacking=0, rejected=0, stopped_for=None, detail=None, trouble=None, trouble_since=None,
)  # fmt: skip


def held_up(trouble: str, since: int = NOW - 60_000, **more: Any) -> Standing:
    waits = replace(
        IDLE, waiting=2, bytes=300, oldest_at=since, trouble=trouble, trouble_since=since, detail="x"
    )
    return replace(waits, **more)


def test_an_upstream_that_nothing_was_kept_for_yet_is_there_with_nothing_known_of_it() -> None:
    (city,) = upstreams_of([], ["city"])
    assert (city.waiting, city.oldest_at, city.delivered_at, city.trouble) == (0, None, None, None)
    assert not city.is_wrong(NOW)


def test_a_gateways_epochs_are_one_line_and_the_oldest_in_trouble_is_named() -> None:
    later = held_up("busy", NOW - 10_000, epoch="e-2", waiting=5, bytes=50)
    (city,) = upstreams_of([held_up("fenced", stopped_for="fenced"), later])
    (gateway,) = city.concerned
    assert (gateway.waiting, gateway.bytes, gateway.oldest_at) == (7, 350, NOW - 60_000)
    assert (gateway.epoch, gateway.trouble, gateway.is_stopped) == ("e-1", "fenced", True)
    assert (city.waiting, city.stopped, city.gateways) == (7, 1, 1)


def test_a_trouble_of_all_comes_before_an_older_one_of_a_single_gateway() -> None:
    (city,) = upstreams_of(
        [held_up("refused", NOW - 900_000), held_up("no_answer", NOW - 60_000, gateway="gw-2")]
    )
    assert (city.trouble, city.is_general) == ("no_answer", True)
    (alone,) = upstreams_of([held_up("refused", NOW - 900_000)])
    assert (alone.trouble, alone.is_general) == ("refused", False)


def test_a_trouble_of_what_a_person_gave_up_says_nothing_any_more() -> None:
    (city,) = upstreams_of([replace(held_up("fenced", stopped_for="fenced"), waiting=0, oldest_at=None)])
    assert (city.trouble, city.stopped, city.concerned) == (None, 0, ())
    assert not city.is_wrong(NOW)


def test_a_stop_is_wrong_at_once_and_a_retry_only_after_a_while() -> None:
    (stopped,) = upstreams_of([held_up("cloned", NOW, stopped_for="cloned")])
    assert stopped.is_wrong(NOW)
    (retrying,) = upstreams_of([held_up("no_answer", NOW)])
    assert not retrying.is_wrong(NOW + TROUBLE_AFTER_MS)
    assert retrying.is_wrong(NOW + TROUBLE_AFTER_MS + 1)


def test_what_is_missing_or_refused_above_is_listed_without_anything_waiting() -> None:
    (city,) = upstreams_of(
        [replace(IDLE, lacking=4), replace(IDLE, gateway="gw-2"), replace(IDLE, gateway="gw-3", rejected=1)]
    )
    assert [one.gateway for one in city.concerned] == ["gw-1", "gw-3"]
    assert (city.lacking, city.rejected, city.gateways) == (4, 1, 3)
