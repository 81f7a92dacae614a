"""One point's running state, as the book keeps it between batches. Pure.

Knows the point, its step and its open slots; does not know the buffer. Whoever asks for the slots may change them, so asking
ends the stride that the account's samples go by.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import mul, truediv
from typing import NamedTuple

from devices.quantities import Kind
from gateway.book.stride import Stride
from gateway.intervals import CounterSpec, GaugeSpec
from gateway.model import Interval, Point, Reading
from gateway.open_slots import OpenSlots
from gateway.rules.watches import Watch

UNKNOWN = 2**62


@dataclass(slots=True)
class Account:
    """One point's running state. ``num``/``den`` is its step; ``newest_at`` the time of its newest good reading, ``UNKNOWN``
    before the first: what is newer is surely a new row, everything else is looked up."""

    point: Point
    point_id: int
    num: int
    den: int
    spec: CounterSpec | GaugeSpec
    tolerance_ms: int
    newest_at: int
    watches: list[Watch] = field(default_factory=list)
    stride: Stride | None = None
    _slots: OpenSlots | None = None

    @property
    def slots(self) -> OpenSlots | None:
        """None before the first good reading."""
        if self.stride is not None:
            self.stride.end()
            self.stride = None
        return self._slots

    @slots.setter
    def slots(self, slots: OpenSlots) -> None:
        if self.stride is not None:
            self.stride.end()
            self.stride = None
        self._slots = slots

    def expire(self, now: int) -> list[Interval]:
        """Slots that are past their grace; see ``OpenSlots.expire``."""
        slots = self._slots
        if slots is None or not slots.is_due(now):
            return []
        self.slots = slots
        return slots.expire(now)

    def is_newest(self, at: int) -> bool:
        """Whether no good reading is known from then or later."""
        return self.newest_at == UNKNOWN or at > self.newest_at

    def value(self, steps: int) -> float:
        return steps * self.num / self.den


class Lot(NamedTuple):
    """The accounts of a group's points, and of each what every group needs."""

    accounts: tuple[Account, ...]
    point_ids: tuple[int, ...]
    nums: tuple[int, ...]
    dens: tuple[int, ...]
    watched: tuple[tuple[int, Account], ...]
    """The accounts that have watches, and their places."""
    stride: Stride
    has_twins: bool
    """Whether a point is in it twice."""

    def steps(self, values: Iterable[float | None]) -> list[int]:
        """Good values, one for each account, as steps of their points: ``round(value × den ÷ num)``."""
        return list(map(round, map(truediv, map(mul, values, self.dens), self.nums)))

    def begin_stride(self) -> None:
        """Let the next groups go by the stride if nothing but joining can become of them."""
        if not self.stride.may_begin():
            return
        slots = [
            (slots, account.tolerance_ms)
            for account in self.accounts
            if (slots := account.slots) is not None  # which ends the stride that it was in
        ]
        if len(slots) == len(self.accounts):
            self.stride.begin(slots, max(account.newest_at for account in self.accounts))
            for account in self.accounts:
                account.stride = self.stride


def lot_of(accounts: Sequence[Account]) -> Lot:
    """Accounts in the order of a group's points."""
    point_ids = tuple(one.point_id for one in accounts)
    nums, dens = tuple(one.num for one in accounts), tuple(one.den for one in accounts)
    watched = tuple((place, one) for place, one in enumerate(accounts) if one.watches)
    return Lot(
        tuple(accounts), point_ids, nums, dens, watched, Stride(), len(set(point_ids)) < len(point_ids)
    )


def account_of(
    point: Point, point_id: int, group: list[Watch], replaced: frozenset[int] = frozenset()
) -> Account:
    """A point of which nothing is known yet; ``replaced`` are the last moments of its former meters."""
    num, den = point.step.as_integer_ratio()
    spec: CounterSpec | GaugeSpec = GaugeSpec(point.name, num, den, point.kind is Kind.STATE)
    if point.kind is Kind.COUNTER:
        rate = None if point.rate_max_per_h is None else point.rate_max_per_h * den / num / 3_600_000
        spec = CounterSpec(point.name, point.modulus_steps, rate, replaced)
    return Account(
        point, point_id, num, den, spec, tolerance_ms_of(point.expected_interval_s), UNKNOWN, group
    )


def tolerance_ms_of(expected_interval_s: float) -> int:
    """2 × the expected interval, at least 60 s, in ms (ARCHITECTURE 4)."""
    return round(max(60.0, 2 * expected_interval_s) * 1000)


def newest_readings(accounts: Iterable[Account]) -> list[Reading]:
    """What each point that has spoken said last; a new reading is judged by it."""
    found = ((one, one.slots.newest) for one in accounts if one.slots is not None)
    return [Reading(one.point.name, last.at, last.at, one.value(last.steps)) for one, last in found]
