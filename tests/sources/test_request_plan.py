"""Points to block reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import profile
from devices.profile import Limits, ModbusProfile, RegisterPoint, RegisterType
from gateway.sources.request_plan import Block, Place, data_length, halves, plan, registers_of


def point(address: int, kind: RegisterType = RegisterType.U16, function: int = 3) -> RegisterPoint:
    return RegisterPoint.model_validate(
        {"quantity": "voltage", "address": address, "type": kind, "function": function}
    )


POINTS = st.dictionaries(
    st.integers(0, 40).map("p{}".format),
    st.builds(point, st.integers(0, 400), st.sampled_from(list(RegisterType)), st.sampled_from([1, 2, 3, 4])),
    min_size=1,
    max_size=30,
)
LIMITS = st.builds(
    lambda most, holes: Limits(registers_max=most, holes=tuple((first, first + 3) for first in holes)),
    st.integers(4, 125),
    st.lists(st.integers(0, 400), max_size=3),
)


def test_neighbours_are_read_together() -> None:
    blocks = plan({"a": point(10), "b": point(11, RegisterType.U32), "c": point(13)}, Limits())
    assert blocks == (Block(3, 10, 4, (Place("a", 0, 1), Place("b", 1, 2), Place("c", 3, 1))),)


def test_a_gap_within_the_fill_is_read_over_and_a_wider_one_is_not() -> None:
    assert len(plan({"a": point(0), "b": point(17)}, Limits(), fill_max=16)) == 1
    assert len(plan({"a": point(0), "b": point(18)}, Limits(), fill_max=16)) == 2


def test_functions_are_never_mixed() -> None:
    assert [block.function for block in plan({"a": point(0), "b": point(1, function=4)}, Limits())] == [3, 4]


def test_a_hole_splits_a_block() -> None:
    blocks = plan({"a": point(0), "b": point(6)}, Limits(holes=((3, 4),)))
    assert [(block.address, block.count) for block in blocks] == [(0, 1), (6, 1)]


def test_points_that_overlap_share_registers() -> None:
    (block,) = plan({"long": point(0, RegisterType.U64), "short": point(1)}, Limits())
    assert (block.address, block.count) == (0, 4)
    assert halves(block) == (block,)


def compound(address: int, companion: int) -> RegisterPoint:
    keys = {"quantity": "active_power", "address": address, "type": "i16", "step": 1}
    return RegisterPoint.model_validate(keys | {"exponent": {"address": companion}})


def test_a_scale_factor_is_read_with_its_value_however_wide_the_gap() -> None:
    (block,) = plan({"w": compound(10, 60)}, Limits(), fill_max=0)
    assert (block.address, block.count, block.places) == (10, 51, (Place("w", 0, 51),))
    (block,) = plan({"w": compound(60, 10), "u": point(30)}, Limits(), fill_max=0)
    assert (block.address, block.count) == (10, 51)
    assert halves(block) == (block,)


def test_a_scale_factor_of_two_values_costs_no_second_request() -> None:
    (block,) = plan({"a": compound(10, 14), "b": compound(11, 14), "u": point(20)}, Limits())
    assert (block.address, block.count) == (10, 11)


@given(POINTS, LIMITS, st.integers(0, 30))
def test_every_point_lies_wholly_in_exactly_one_block(
    points: dict[str, RegisterPoint], limits: Limits, fill_max: int
) -> None:
    blocks = plan(points, limits, fill_max=fill_max)
    placed = [(place.name, block, place) for block in blocks for place in block.places]
    assert sorted(name for name, *_ in placed) == sorted(points)
    for name, block, place in placed:
        wanted = points[name]
        assert block.function == wanted.function
        assert block.address + place.offset == wanted.address
        assert place.registers == wanted.type.registers
        assert place.end <= block.count


@given(POINTS, LIMITS, st.integers(0, 30))
def test_blocks_keep_to_the_limit_the_fill_and_the_holes(
    points: dict[str, RegisterPoint], limits: Limits, fill_max: int
) -> None:
    for block in plan(points, limits, fill_max=fill_max):
        assert block.count <= limits.registers_max
        used = {at for place in block.places for at in range(place.offset, place.end)}
        runs = "".join("x" if at in used else "." for at in range(block.count)).split("x")
        assert max(map(len, runs)) <= fill_max
        assert runs[0] == runs[-1] == ""
        if len(block.places) > 1:
            assert not any(first < block.end and last >= block.address for first, last in limits.holes)


@given(POINTS, LIMITS)
def test_halves_hold_the_same_points_at_the_same_addresses(
    points: dict[str, RegisterPoint], limits: Limits
) -> None:
    for block in plan(points, limits):
        parts = halves(block)
        where = {place.name: block.address + place.offset for place in block.places}
        assert {one.name: part.address + one.offset for part in parts for one in part.places} == where
        assert all(part.count == max(place.end for place in part.places) for part in parts)
        assert all(part.places[0].offset == 0 for part in parts)


def test_halving_again_and_again_ends_at_single_spans() -> None:
    (block,) = plan({f"p{index}": point(index * 2) for index in range(8)}, Limits())
    parts = [block]
    while any(len(halves(part)) > 1 for part in parts):
        parts = [half for part in parts for half in halves(part)]
    assert [len(part.places) for part in parts] == [1] * 8


def test_a_request_is_unit_function_address_and_count() -> None:
    assert Block(4, 0x1234, 10, ()).request(7) == bytes((7, 4, 0x12, 0x34, 0, 10))


def test_a_coil_counts_as_one_word() -> None:
    assert list(registers_of(1, 10, bytes((0b1000_0001, 0b10)))) == [1, 0, 0, 0, 0, 0, 0, 1, 0, 1]
    assert (data_length(1, 10), data_length(3, 10)) == (2, 20)


@pytest.mark.parametrize("name", profile.names())
def test_every_packaged_meter_is_read_in_a_few_requests(name: str) -> None:
    found = profile.load(name)
    if isinstance(found, ModbusProfile):
        assert 1 <= len(plan(found.points, found.limits)) <= 4
