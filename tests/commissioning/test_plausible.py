"""A swapped word order is noticed, a right one is not doubted."""

from __future__ import annotations

import struct

import pytest

from devices import profile as packaged
from devices.profile import ByteOrder, ModbusProfile, RegisterPoint
from gateway.commissioning.plausible import Look, ranked, score, suspicion


def point(order: ByteOrder, kind: str = "f32", quantity: str = "active_energy_import") -> RegisterPoint:
    scale = "1" if kind == "f32" else "0.01"
    return RegisterPoint.model_validate(
        {"quantity": quantity, "address": 0, "type": kind, "order": order, "scale": scale, "step": "0.01"}
    )


def looks(order: ByteOrder, kind: str, *values: float) -> list[Look]:
    """What a device of this order shows, a second apart."""
    found = []
    for at_s, value in enumerate(values):
        a, b, c, d = struct.pack(">f" if kind == "f32" else ">I", value)
        swap = {"ABCD": (a, b, c, d), "CDAB": (c, d, a, b), "BADC": (b, a, d, c), "DCBA": (d, c, b, a)}
        found.append(Look(struct.unpack(">HH", bytes(swap[order.value])), float(at_s)))
    return found


@pytest.mark.parametrize("true", ByteOrder)
@pytest.mark.parametrize("declared", ByteOrder)
@pytest.mark.parametrize(
    ("kind", "values"), [("f32", (1234.5, 1234.52, 1234.53)), ("u32", (7012300, 7012301, 7012301))]
)
def test_the_true_order_wins_whatever_the_profile_says(
    true: ByteOrder, declared: ByteOrder, kind: str, values: tuple[float, ...]
) -> None:
    found = suspicion("energy", point(declared, kind), looks(true, kind, *values))
    if true is declared:
        assert found is None
    else:
        assert found is not None
        assert found.better.order is true


def test_registers_that_hold_zero_prove_nothing() -> None:
    assert suspicion("energy", point(ByteOrder.CDAB), [Look((0, 0), 0.0)]) is None
    assert ranked(point(ByteOrder.ABCD), []) == []


def test_a_counter_that_leaps_is_doubted_and_one_that_stands_is_not() -> None:
    steady = ranked(point(ByteOrder.ABCD, "u32"), looks(ByteOrder.ABCD, "u32", 70000, 70000))[0]
    leaping = next(
        rank
        for rank in ranked(point(ByteOrder.ABCD, "u32"), looks(ByteOrder.ABCD, "u32", 70000, 90000))
        if rank.order is ByteOrder.ABCD
    )
    assert steady.score == 1.0
    assert leaping.score <= 0.1


def test_what_lies_outside_the_declared_range_is_absurd() -> None:
    profile = packaged.load("chint-dtsu666")
    assert isinstance(profile, ModbusProfile)
    power = profile.points["power"]
    assert score(power, 1.25) == 1.0
    assert score(power, 90_000.0) == 0.0
    assert score(profile.points["energy_import"], -1.0) == 0.0
    assert score(profile.points["energy_import"], 1e-39) == 0.0
