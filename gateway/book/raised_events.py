"""Events on their way into the buffer: what watches see, registers that fell, devices that are silent or tell a wrong time.

Runs inside the writer's transaction. Knows rules and the event's rows; does not know readings' rows or when a slot closes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from gateway.book.account import Account
from gateway.book.outcome import Outcome
from gateway.intervals import CounterSpec, Sample
from gateway.model import Event, EventState, Level
from gateway.open_slots import OpenSlots
from gateway.rules import devices as device_rules
from gateway.rules.devices import RESET
from gateway.store import events, notes
from gateway.store.changes import ChangeLog
from gateway.store.corrections import Span
from gateway.validate import DEVICE_CLOCK


class RaisedEvents:
    """Writes the events of all points and devices; ``log`` takes their changes."""

    def __init__(self, log: ChangeLog, site: str) -> None:
        self._log, self._site = log, site
        self._offline = device_rules.offline(site)
        self._clocks = device_rules.wrong_clock(site)

    def resume(self, event: Event) -> None:
        """An event that was open when the buffer was last written."""
        self._offline.resume(event)
        self._clocks.resume(event)

    def put(self, connection: sqlite3.Connection, event: Event | None, outcome: Outcome, now: int) -> None:
        """Keep an event, if there is one; one of the two highest levels is urgent."""
        if event is None:
            return
        events.put(connection, self._log, event, now)
        outcome.urgent = outcome.urgent or event.level <= Level.MAJOR

    def watch(
        self, connection: sqlite3.Connection, account: Account, sample: Sample, outcome: Outcome, now: int
    ) -> None:
        """What the point's watches make of its newest sample."""
        for watch in account.watches:
            event = watch.step(sample.at, account.value(sample.steps))
            if event is not None:
                self.put(connection, event, outcome, now)

    def device_state(
        self, connection: sqlite3.Connection, device: str, state: str, detail: str, now: int
    ) -> None:
        """A device's state is another: offline opens an event and online closes it."""
        if state == "offline":
            self.put(connection, self._offline.bad(device, now, detail), Outcome(), now)
        elif state == "online":
            self.put(connection, self._offline.well(device, now), Outcome(), now)

    def wrong_clock(self, connection: sqlite3.Connection, device: str, outcome: Outcome, now: int) -> None:
        """A device whose own time cannot be right."""
        self.put(connection, self._clocks.bad(device, now, DEVICE_CLOCK), outcome, now)

    def falls(
        self, connection: sqlite3.Connection, account: Account, slots: OpenSlots, outcome: Outcome, now: int
    ) -> None:
        """Tell the resets and dips that the point's open slot met, and clear them there."""
        point = account.point
        for before, after in slots.resets:
            self.put(connection, self._reset(account, before, after), outcome, now)
        dips = [(point.name, "dip", 1, f"{account.value(dip.steps):g}") for dip in slots.dips]
        notes.reject(connection, dips, now)
        slots.resets.clear()
        slots.dips.clear()

    def falls_again(
        self,
        connection: sqlite3.Connection,
        account: Account,
        resets: Sequence[tuple[Sample, Sample]],
        settled: Span,
        now: int,
    ) -> None:
        """Tell the resets that late readings made of dips in the ``settled`` span, and withdraw those that were none."""
        found = {one.event_id: one for one in (self._reset(account, *fall) for fall in resets)}
        first, last = settled
        if isinstance(account.spec, CounterSpec) and first <= last:
            for known in events.of_kind(connection, RESET, account.point.name, first):
                if known.start <= last and known.event_id not in found:
                    events.put(connection, self._log, replace(known, state=EventState.WITHDRAWN), now)
        for event in found.values():
            self.put(connection, event, Outcome(), now)

    def _reset(self, account: Account, before: Sample, after: Sample) -> Event:
        point, value = account.point, account.value
        return device_rules.register_fell(
            self._site, point.name, after.at, value(before.steps), value(after.steps), point.unit
        )
