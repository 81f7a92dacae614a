"""F40, P16: meters that roll over, are reset, are changed, fall to 0 or say that they have no value, against what really flowed.

The flow is made first, and a register of each width shows it with its trouble; what the shipped judging and booking make of
the readings must add up to the flow, slot by slot.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from random import Random

import pytest

from gateway.book.accounts import Accounts
from gateway.commands.replacement import replace_meter
from gateway.control.protocol import Command
from gateway.model import Reading, groups_of
from gateway.points import build_points
from gateway.store.database import open_writer
from gateway.validate import Validator
from tests.gateway.conftest import QUARTER_MS, T0, small_site
from tests.gateway.test_replacement import COUNTERS

MINUTE = 60_000
POINT = "main-e.energy_import"
MINUTES, SLOTS = 12 * 60, 12 * 4
WIDTHS = [2**16, 2**32, 10**6, 10**8]
AT = 367
"""The minute of a trouble, between two boundaries of slots."""


@dataclass
class Meter:
    """``flow`` by minute in steps since the first one; ``shows`` is the register without trouble."""

    modulus: int
    start: int
    flow: list[int]

    def shows(self, minute: int) -> int:
        return (self.start + self.flow[minute]) % self.modulus


def meter(modulus: int, share: float, seed: int = 7) -> Meter:
    """A meter whose register stands at ``share`` of its width when it begins, and flows some steps a minute."""
    random = Random(seed)
    rises = [0, *(random.randrange(0, 9) for _ in range(MINUTES))]
    return Meter(modulus, int(modulus * share), list(accumulate(rises)))


class Gateway:
    """Judging and booking as shipped, for one point of a register that is ``modulus`` wide; ``steps_per_h`` is the most that
    its load can be, None where the installer did not say."""

    def __init__(self, folder: Path, modulus: int, steps_per_h: int | None = None) -> None:
        site = small_site(folder)
        (meter,) = (one for one in build_points(site) if one.name == POINT)
        rate = None if steps_per_h is None else steps_per_h * float(meter.step)
        self.point = replace(meter, modulus_steps=modulus, rate_max_per_h=rate)
        points = [self.point if one.name == POINT else one for one in build_points(site)]
        self.connection = open_writer(site.buffer_path)
        self.accounts = Accounts(site, points)
        self.accounts.restore(self.connection, T0)
        self.validator = Validator({one.name: one for one in points})
        self.connection.execute("BEGIN")  # one commit for all: this is about arithmetic

    def hear(self, minute: int, steps: float) -> None:
        at = T0 + minute * MINUTE
        judged = self.validator.judge_all(groups_of([Reading(POINT, at, at, steps * float(self.point.step))]))
        self.accounts.book(self.connection, judged.groups, at)

    def is_told(self, final: int, initial: int, at: int) -> None:
        """换表, as staff tell it."""
        step = float(self.point.step)
        figures = {"final": f"{final * step:.4f}", "initial": f"{initial * step:.4f}"}
        registers = {
            name: figures if name == "energy_import" else {"final": "0", "initial": "0"} for name in COUNTERS
        }
        command = Command("k1", "王工", "replace_meter", "main-e", {"at": at, "registers": registers})
        replace_meter(self.connection, self.accounts, command, at)

    def slots(self) -> dict[int, int | None]:
        found = self.connection.execute(
            "SELECT start, steps FROM interval JOIN point USING (point_id) WHERE name = ? AND period = '15min'",
            (POINT,),
        )
        return {(start - T0) // QUARTER_MS: steps for start, steps in found}

    def events(self) -> list[str]:
        return [kind for (kind,) in self.connection.execute("SELECT kind FROM event ORDER BY kind")]


@pytest.fixture(params=WIDTHS, ids=["16 bit", "32 bit", "6 digits", "8 digits"])
def gateway(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Gateway]:
    made = Gateway(tmp_path, request.param)
    with closing(made.connection):
        yield made


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Gateway]:
    made = Gateway(tmp_path, WIDTHS[1], steps_per_h=1000)
    with closing(made.connection):
        yield made


def adds_up(gateway: Gateway, truth: Meter, unknown: Mapping[int, int] | None = None) -> None:
    """Each slot is what flowed in it, to the step: readings stand at all boundaries. ``unknown`` is what nobody saw."""
    expected = {slot: truth.flow[15 * (slot + 1)] - truth.flow[15 * slot] for slot in range(SLOTS)}
    for slot, steps in (unknown or {}).items():
        expected[slot] -= steps
    found = gateway.slots()
    assert {slot: steps for slot, steps in found.items() if 0 <= slot < SLOTS} == expected
    assert sum(found[slot] or 0 for slot in range(SLOTS)) == sum(expected.values())
    assert min(steps for steps in found.values() if steps is not None) >= 0


def width(gateway: Gateway) -> int:
    assert gateway.point.modulus_steps is not None
    return gateway.point.modulus_steps


def test_f40_a_rollover_costs_nothing_and_is_no_event(gateway: Gateway) -> None:
    truth = meter(width(gateway), 1 - 1000 / width(gateway))
    assert any(truth.shows(minute) < truth.shows(minute - 1) for minute in range(1, MINUTES))
    for minute in range(MINUTES + 1):
        gateway.hear(minute, truth.shows(minute))
    adds_up(gateway, truth)
    assert gateway.events() == []


@pytest.mark.parametrize("dips", [(AT,), (AT, AT + 40)])
def test_f40_a_dip_to_nothing_is_neither_consumption_nor_a_reset(
    gateway: Gateway, dips: tuple[int, ...]
) -> None:
    truth = meter(width(gateway), 0.4)
    for minute in range(MINUTES + 1):
        gateway.hear(minute, 0 if minute in dips else truth.shows(minute))
    adds_up(gateway, truth)


@pytest.mark.parametrize("no_value", [-1.0, float("nan"), float("inf")])
def test_f40_what_a_meter_says_when_it_has_no_value_is_no_consumption(
    gateway: Gateway, no_value: float
) -> None:
    truth = meter(width(gateway), 0.4)
    for minute in range(MINUTES + 1):
        gateway.hear(minute, no_value if minute % 50 == 17 else truth.shows(minute))
    adds_up(gateway, truth)


@pytest.mark.parametrize("lies", [0xFFFF_FFFF, 0xFFFF_FFFE, 3_000_000_000])
@pytest.mark.parametrize("minutes", [(AT,), (AT, AT + 1), range(AT, AT + 6)])
def test_f40_where_the_greatest_load_is_known_garbage_above_the_register_is_no_consumption_however_long_it_stays(
    limited: Gateway, lies: int, minutes: Sequence[int]
) -> None:
    truth = meter(width(limited), 0.4)
    for minute in range(MINUTES + 1):
        limited.hear(minute, lies if minute in minutes else truth.shows(minute))
    adds_up(limited, truth)


def test_f40_a_reset_goes_on_from_nothing_and_is_told(gateway: Gateway) -> None:
    """What flowed between the last reading before it and the first after it cannot be known, and is not made up."""
    truth = meter(width(gateway), 0.4)
    unknown = truth.flow[AT + 1] - truth.flow[AT]
    assert unknown
    for minute in range(MINUTES + 1):
        gateway.hear(minute, truth.shows(minute) if minute <= AT else truth.flow[minute] - truth.flow[AT])
    adds_up(gateway, truth, {AT // 15: unknown})
    assert gateway.events() == ["reset"]


@pytest.mark.parametrize("initial", [0, 1234])
def test_f40_another_meter_counts_from_its_own_register_on(gateway: Gateway, initial: int) -> None:
    """Changed right behind a reading; told at once, hence before the new one speaks."""
    truth = meter(width(gateway), 0.4)
    for minute in range(MINUTES + 1):
        gateway.hear(
            minute, truth.shows(minute) if minute <= AT else initial + truth.flow[minute] - truth.flow[AT]
        )
        if minute == AT:
            gateway.is_told(truth.shows(AT), initial, T0 + AT * MINUTE + 1)
    for later in (1, 2, 4):
        gateway.accounts.tick(gateway.connection, T0 + (MINUTES + later) * MINUTE)
    adds_up(gateway, truth)
