"""What goes by a stride comes to the same as each sample by itself."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest

from devices.quantities import Kind
from gateway.book.account import Account, Lot, account_of, lot_of
from gateway.book.stride import FEW, REST
from gateway.intervals import Sample
from gateway.model import QUARTER_MS, Interval, Point
from gateway.open_slots import OpenSlots

T0 = 1_764_000_000_000 - 1_764_000_000_000 % QUARTER_MS
STEP_MS = 10_000
KINDS = (Kind.COUNTER, Kind.GAUGE, Kind.COUNTER, Kind.STATE)


def accounts() -> list[Account]:
    points = [Point(f"m.p{i}", "m", None, "q", "u", kind, Decimal(1), 10.0) for i, kind in enumerate(KINDS)]
    return [account_of(point, number, []) for number, point in enumerate(points)]


def begin(account: Account, sample: Sample) -> OpenSlots:
    return OpenSlots(account.spec, round(account.point.expected_interval_s * 1000), sample)


def take(lot: Lot, at: int, steps: list[int], *, by_stride: bool) -> list[Interval]:
    """A group as ``Accounts`` books it; the slots it closes."""
    closed: list[Interval] = []
    for account in lot.accounts:
        account.newest_at = at
    if by_stride and lot.stride.take(at, steps):
        return closed
    for account, count in zip(lot.accounts, steps, strict=True):
        sample, slots = Sample(at, count, account.tolerance_ms), account.slots
        if slots is None:
            account.slots = begin(account, sample)
        elif not slots.take(sample):
            closed += slots.add(sample)
    if by_stride:
        lot.begin_stride()
    return closed


def marks(lot: Lot) -> list[object]:
    return [account.slots and (account.slots.mark(), account.slots.newest) for account in lot.accounts]


@pytest.mark.parametrize("seed", range(40))
def test_any_history_gives_the_same_slots_with_a_stride_and_without(seed: int) -> None:
    chance = random.Random(seed)
    one, other = lot_of(accounts()), lot_of(accounts())
    part = lot_of(one.accounts[1:3]), lot_of(other.accounts[1:3])
    at, steps = T0, [1000, 200, 3000, 1]
    for _ in range(400):
        at += chance.choice([STEP_MS, STEP_MS, STEP_MS, 1, QUARTER_MS // 7])
        steps = [count + chance.choice([0, 1, 7]) for count in steps]
        event = chance.random()
        if event < 0.03:
            steps[0] -= chance.choice([1, 500])  # rounding, or a fall
        pair, now = (one, other), steps
        if event > 0.93:
            pair, now = part, steps[1:3]
        assert take(pair[0], at, now, by_stride=True) == take(pair[1], at, now, by_stride=False)
        if 0.5 < event < 0.55:
            later = at + chance.choice([0, QUARTER_MS, 5 * QUARTER_MS])
            assert [one.accounts[0].expire(later), one.accounts[1].expire(later)] == [
                account.slots.expire(later) if account.slots else [] for account in other.accounts[:2]
            ]
        if 0.6 < event < 0.62:
            late = Sample(at - 1, 50, 60_000)
            assert [lot.accounts[1].slots.insert(late) for lot in (one, other) if lot.accounts[1].slots] in (
                [True, True],
                [False, False],
                [],
            )
        if event < 0.1:
            assert marks(one) == marks(other)
    assert marks(one) == marks(other)


def running(groups: int) -> tuple[Lot, int]:
    """A lot whose stride carries, and the time of its newest group."""
    lot = lot_of(accounts())
    for number in range(groups):
        take(lot, T0 + number * STEP_MS, [100 + number] * len(KINDS), by_stride=True)
    return lot, T0 + (groups - 1) * STEP_MS


def test_a_look_at_one_slot_shows_every_sample_and_ends_the_stride() -> None:
    lot, at = running(10)
    assert lot.stride.newest_at == at
    slots = lot.accounts[2].slots
    assert slots is not None
    assert slots.newest == Sample(at, 109, lot.accounts[2].tolerance_ms)
    assert not lot.stride.take(at + 1, [200] * len(KINDS))


def test_a_stride_takes_no_fall_no_repeat_and_nothing_of_another_slot() -> None:
    lot, at = running(10)
    assert not lot.stride.take(at + STEP_MS, [109, 109, 108, 109])
    assert not lot.stride.take(at, [200] * len(KINDS))
    assert not lot.stride.take(T0 + QUARTER_MS, [200] * len(KINDS))
    assert lot.stride.take(at + STEP_MS, [109, 0, 109, 0])  # what is no counter may fall


def test_a_tick_that_closes_nothing_leaves_the_stride_alone() -> None:
    lot, at = running(10)
    assert [account.expire(at + STEP_MS) for account in lot.accounts] == [[]] * len(KINDS)
    assert lot.stride.newest_at == at


def test_a_point_in_ever_other_company_begins_no_stride_for_each() -> None:
    lot, at = running(2)
    _ = lot.accounts[0].slots
    for number in range(1, REST):
        take(lot, at + number, [200 + number] * len(KINDS), by_stride=True)
        assert not lot.stride.take(at + number + 1, [300] * len(KINDS))
    take(lot, at + REST, [300] * len(KINDS), by_stride=True)
    assert lot.stride.take(at + REST + 1, [300] * len(KINDS))


def test_a_stride_that_carried_some_begins_again_at_once() -> None:
    lot, at = running(FEW + 2)
    _ = lot.accounts[0].slots
    take(lot, at + 1, [200] * len(KINDS), by_stride=True)
    assert lot.stride.take(at + 2, [200] * len(KINDS))
