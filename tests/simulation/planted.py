"""Bugs to put into the shipped code for the length of a run. A simulation that lets one of them live is no proof."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import gateway.intervals
import gateway.store.intervals
from gateway.door.ingest import Door
from gateway.intervals import CounterSpec, rise
from gateway.model import Content, Interval
from gateway.place import Leg, delivered
from gateway.store import uplinks
from gateway.store.events import add_act
from gateway.uplinks.verdict import Delivered, Reply, judge


def acknowledge_before_commit() -> AbstractContextManager[object]:
    offer = Door.offer

    async def wrong(self: Door, groups: Sequence[Any], accepted: Callable[[], None] | None = None) -> None:
        await offer(self, groups)
        if accepted is not None:
            accepted()

    return patch.object(Door, "offer", wrong)


def cursor_moved_on_fetch() -> AbstractContextManager[object]:
    def wrong(connection: sqlite3.Connection, uplink: str, leg: Leg, *_: object) -> bool:
        now = uplinks.state(connection, uplink)
        uplinks.keep(connection, uplink, delivered(now, leg), now)
        return True

    return patch("gateway.store.uplinks.begin", wrong)


def district_without_range_memory() -> AbstractContextManager[object]:
    return patch.multiple("district.store.received", add_range=lambda *_: None, keep_digest=lambda *_: None)


def refusal_discards() -> AbstractContextManager[object]:
    """401 taken for the end of the matter."""

    def wrong(reply: Reply, *more: Any) -> Any:
        return Delivered(()) if reply.status == 401 else judge(reply, *more)

    return patch("gateway.uplinks.district_http.judge", wrong)


def login_page_taken_for_a_receipt() -> AbstractContextManager[object]:
    def wrong(reply: Reply, *more: Any) -> Any:
        return Delivered(()) if reply.status == 200 else judge(reply, *more)

    return patch("gateway.uplinks.district_http.judge", wrong)


def gap_written_as_zero() -> AbstractContextManager[object]:
    right = gateway.intervals._missing

    def wrong(*arguments: Any) -> Interval:
        return replace(right(*arguments), content=Content.ESTIMATED, steps=0, mean=0.0, low=0.0, high=0.0)

    return patch("gateway.intervals._missing", wrong)


def dirty_mark_after_commit() -> AbstractContextManager[object]:
    """What late readings touched is kept in memory until the next transaction that looks for it."""
    right, dirty = gateway.store.intervals.mark_dirty, gateway.store.intervals.dirty

    def mark(connection: sqlite3.Connection, *what: Any) -> None:
        vars(connection).setdefault("waiting", []).append(what)

    def look(connection: sqlite3.Connection, *more: Any, **named: Any) -> Any:
        for what in vars(connection).pop("waiting", ()):
            right(connection, *what)
        return dirty(connection, *more, **named)

    return _both(
        patch("gateway.store.intervals.mark_dirty", mark), patch("gateway.store.intervals.dirty", look)
    )


def rollover_without_width() -> AbstractContextManager[object]:
    def wrong(spec: CounterSpec, *more: Any) -> int | None:
        return rise(replace(spec, modulus=None), *more)

    return _both(patch("gateway.intervals.rise", wrong), patch("gateway.open_slots.rise", wrong))


def command_has_an_effect_each_time() -> AbstractContextManager[object]:
    def keep(connection: sqlite3.Connection, **act: Any) -> None:
        connection.execute("DELETE FROM act WHERE idempotency_key = ?", (act["key"],))
        add_act(connection, **act)

    return _both(
        patch("gateway.store.events.act", lambda *_: None), patch("gateway.store.events.add_act", keep)
    )


def hour_of_utc() -> AbstractContextManager[object]:
    """Hours are cut as if every zone were whole hours from UTC."""

    def wrong(quarter: int, _: object) -> tuple[int, int]:
        start = quarter - quarter % 3_600_000
        return start, start + 3_600_000

    return patch("gateway.book.closed_slots.hour_slot", wrong)


@contextmanager
def _both(*patches: AbstractContextManager[object]) -> Iterator[None]:
    with ExitStack() as stack:
        for one in patches:
            stack.enter_context(one)
        yield


PLANTED: dict[Callable[[], AbstractContextManager[object]], dict[str, float]] = {
    acknowledge_before_commit: {"crash_ack": 0.2, "crash": 1},
    cursor_moved_on_fetch: {"request_lost": 0.5},
    district_without_range_memory: {"copied": 1},
    refusal_discards: {"refused": 0.7},
    login_page_taken_for_a_receipt: {"portal": 0.7, "outage": 1},
    gap_written_as_zero: {"dead": 1},
    dirty_mark_after_commit: {"held": 0.1, "crash_ack": 0.5},
    rollover_without_width: {"rollover": 1},
    command_has_an_effect_each_time: {"replaced": 1, "answer_lost": 0.5},
    hour_of_utc: {},
}
"""Each with the faults it hides behind, and their rates."""

STORM_S = 1800.0
LONGER_S: dict[Callable[[], AbstractContextManager[object]], float] = {dirty_mark_after_commit: 3600.0}
"""A message that is held back up to 40 minutes is late for a closed slot only where the storm outlasts it: 10 of 14 seeds."""
