"""From changes to packets: registers at their instants, nothing invented, and the same every time."""

from __future__ import annotations

import random
from zoneinfo import ZoneInfo

import pytest

from gateway.model import Change
from gateway.uplinks.national.packets import Function, Mapped, MappedPoint, needed, packets, plain, slots_of
from runtime.clock import parse_utc
from tests.uplinks.national.rig import NOW, QUARTER_MS, change, interval, missing

A, B = "main-e.energy_import", "hvac.energy_import"
POINTS = {A: MappedPoint("1001", "总表", "1", "01000"), B: MappedPoint("1002", "空调", "1", "01B00")}


def mapped(period_min: int = 15, tops: dict[str, list[str]] | None = None) -> Mapped:
    return Mapped(POINTS, tops or {}, period_min, ZoneInfo("Asia/Shanghai"))


def told(changes: list[Change], by: Mapped) -> list[tuple[int, int, list[tuple[str, str]]]]:
    """(sequence, instant, (meter, value) …) of every packet."""
    return [
        (packet.sequence, (packet.at_ms - NOW) // QUARTER_MS, [(m.meter, f.value) for m in packet.meters for f in m.functions])
        for packet in packets(slots_of(changes, by.points), {}, by)
    ]  # fmt: skip


def test_a_quarter_hour_is_one_packet_with_its_meters_named_by_its_highest_seq() -> None:
    changes = [change(5, interval(A, 1)), change(7, interval(B, 1)), change(9, interval(A, 2))]
    a1, b1, a2 = (plain(interval(point, index)["register_end"]) for point, index in ((A, 1), (B, 1), (A, 2)))
    assert told(changes, mapped()) == [(7, 1, [("1001", a1), ("1002", b1)]), (9, 2, [("1001", a2)])]


def test_the_register_is_told_as_it_stood_at_the_end_of_the_slot() -> None:
    (packet,) = packets(slots_of([change(3, interval(A, 1))], POINTS), {}, mapped())
    body = interval(A, 1)
    assert packet.at_ms == body["end"]
    assert packet.meters[0].functions == (
        Function("1", "01000", plain(body["register_end"]), is_estimated=False, at_ms=body["end"]),
    )


@pytest.mark.parametrize("more", [{"content": "missing", "register_end": None}, {"register_end": None}])
def test_what_is_not_known_is_left_out_and_never_0(more: dict[str, object]) -> None:
    assert told([change(1, interval(A, 1) | more)], mapped()) == []


def test_an_estimate_says_so() -> None:
    (packet,) = packets(slots_of([change(1, interval(A, 1, content="estimated"))], POINTS), {}, mapped())
    assert packet.meters[0].functions[0].is_estimated


def test_an_estimated_0_is_not_said_since_an_error_with_0_must_not_be_booked() -> None:
    assert told([change(1, interval(A, 1, content="estimated", register_end=0.0))], mapped()) == []
    assert told([change(1, interval(A, 1, register_end=0.0))], mapped()) == [(1, 1, [("1001", "0")])]


def test_of_two_revisions_in_a_stretch_the_later_is_told_once() -> None:
    changes = [change(1, interval(A, 1)), change(2, interval(A, 1, register_end=7777.7), 2)]
    assert told(changes, mapped()) == [(2, 1, [("1001", "7777.7")])]


def test_a_register_that_is_taken_back_is_not_told_again() -> None:
    assert told([change(1, interval(A, 1)), change(2, missing(A, 1), 2)], mapped()) == []


@pytest.mark.parametrize(("period_min", "wanted"), [(15, [1, 2, 3, 4, 5]), (30, [2, 4]), (60, [4])])
def test_a_period_chooses_the_instants_of_the_local_day(period_min: int, wanted: list[int]) -> None:
    changes = [change(index, interval(A, index)) for index in range(1, 6)]
    assert [instant for _, instant, _ in told(changes, mapped(period_min))] == wanted


def test_the_period_counts_from_local_midnight_also_where_the_zone_is_odd() -> None:
    by = Mapped(POINTS, {}, 60, ZoneInfo("Asia/Kathmandu"))  # UTC+5:45
    end = parse_utc("2026-11-22T00:00:00+05:45")
    assert by.instant_of(end) == end
    assert by.instant_of(end + QUARTER_MS) == end + 4 * QUARTER_MS


def test_a_sum_is_told_when_its_last_part_is_known_and_not_before() -> None:
    by = mapped(tops={"01B00": [A, B]})
    first = slots_of([change(1, interval(A, 1, value=1.1))], POINTS)
    assert needed(first, by) == {(B, NOW)}
    assert packets(first, {}, by)[0].energy == ()
    second = slots_of([change(2, interval(B, 1, value=2.2))], POINTS)
    before = {key: slot for key, (_, slot) in first.items()}
    (packet,) = packets(second, before, by)
    assert packet.energy == (("01B00", "3.3"),)


def test_a_sum_with_a_missing_part_is_not_told() -> None:
    by = mapped(tops={"01B00": [A, B]})
    (packet,) = packets(slots_of([change(1, interval(A, 1)), change(2, missing(B, 1))], POINTS), {}, by)
    assert packet.energy == ()


def test_a_sum_over_an_hour_has_all_four_quarter_hours_or_is_not_told() -> None:
    by = mapped(60, {"01000": [A]})
    changes = [change(index, interval(A, index, value=0.1)) for index in range(1, 5)]
    assert [packet.energy for packet in packets(slots_of(changes, POINTS), {}, by)] == [(("01000", "0.4"),)]
    assert [packet.energy for packet in packets(slots_of(changes[1:], POINTS), {}, by)] == [()]


@pytest.mark.parametrize("seed", range(20))
def test_the_same_changes_are_the_same_packets_and_no_two_packets_have_one_number(seed: int) -> None:
    rng = random.Random(seed)
    changes = [
        change(
            seq,
            interval(rng.choice([A, B]), rng.randint(1, 6), content=rng.choice(["measured", "estimated"])),
        )
        for seq in range(1, 40)
    ]
    by = mapped(rng.choice([15, 30, 60]), {"01000": [A], "01B00": [A, B]})
    once, again = (packets(slots_of(changes, POINTS), {}, by) for _ in range(2))
    assert once == again
    assert len({packet.sequence for packet in once}) == len(once)
    seqs = [seq for packet in once for seq in packet.seqs]
    assert len(seqs) == len(set(seqs))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (13362.2, "13362.2"), (1e-5, "0.00001"), (429496729.5, "429496729.5"), (1e16, "10000000000000000"),
        (100.0, "100"),
    ],
)  # fmt: skip
def test_a_number_is_written_in_plain_decimals(value: float, text: str) -> None:
    assert plain(value) == text
