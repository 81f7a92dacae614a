"""A place against a model that is a plain set of numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import place as places
from gateway.place import RANGES_MAX, VOIDS_MAX, Lane, Leg, Place, Range

START = Place()


def span(low: int, high: int) -> set[int]:
    return set(range(low + 1, high + 1))


@dataclass
class Model:
    """Delivered seqs, those the receiver has, and those that were passed without it."""

    place: Place = START
    head: int = 0
    behind: set[int] = field(default_factory=set)
    held: list[Range] = field(default_factory=list)

    def leg(self, lane: Lane, size: int) -> Leg | None:
        if lane not in self.place.lanes:
            return None
        after, end = self.place.stands_at(lane), self.place.ends_at(lane)
        to_seq = min(after + size, self.head if end is None else end)
        return Leg(lane, after, to_seq) if to_seq > after else None

    def deliver(self, lane: Lane, size: int, *, is_held: bool) -> None:
        leg = self.leg(lane, size)
        if leg is None:
            return
        assert self.place.fits(leg)
        self.place = places.begun(self.place, leg)
        assert self.place.sent_to(lane) == leg.to_seq
        if is_held:
            begin = self.place.begins_at(lane)
            assert not any(a < leg.to_seq and begin < b for a, b in self.held), "would be covered in part"
            self.held.append((begin, leg.to_seq))
        self.place = (places.delivered if is_held else places.passed)(self.place, leg)
        assert not span(leg.after, leg.to_seq) & self.behind, "given out twice"
        self.behind |= span(leg.after, leg.to_seq)

    def split(self) -> None:
        before, self.place = self.place, places.split(self.place, self.head)
        if before.ranges and self.place != before:  # what was passed at its end is looked at again
            self.behind -= span(before.begins_at(Lane.LIVE), before.stands_at(Lane.LIVE))

    def check(self) -> None:
        place = self.place
        ends = [place.cursor, *(end for one in place.ranges for end in one)]
        assert ends == sorted(ends)
        assert all(low < high for low, high in place.ranges[:-1])
        assert place.cursor < (place.ranges[0][0] if place.ranges else 2**62)
        assert {seq for seq in range(1, self.head + 1) if place.has(seq)} == self.behind
        assert place.waiting(self.head) == self.head - len(self.behind)
        assert sum(place.waiting_in(lane, self.head) for lane in place.lanes) == place.waiting(self.head)
        assert places.missing(place, self.held) == [], "nothing was lost"


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("grow"), st.integers(1, 9)),
        st.tuples(st.sampled_from(["backfill", "live", "pass backfill", "pass live"]), st.integers(1, 9)),
        st.tuples(st.just("split"), st.just(0)),
    ),
    max_size=60,
)


@settings(max_examples=400)
@given(acts=ACTS)
def test_for_any_history_every_change_is_given_out_once_and_nothing_held_is_missed(
    acts: list[tuple[str, int]],
) -> None:
    model = Model()
    for act, size in acts:
        if act == "grow":
            model.head += size
        elif act == "split":
            model.split()
        else:
            model.deliver(Lane(act.split()[-1]), size, is_held=not act.startswith("pass"))
        model.check()
    while model.place.waiting(model.head):
        model.deliver(Lane.BACKFILL, 5, is_held=True)
        model.check()
    assert (model.place.cursor, model.place.ranges) == (model.head, ())


RANGES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=4)


@settings(max_examples=400)
@given(acts=ACTS, wanted=RANGES)
def test_stretches_that_wait_again_are_exactly_those_that_were_delivered(
    acts: list[tuple[str, int]], wanted: list[Range]
) -> None:
    model = Model()
    for act, size in acts:
        if act == "grow":
            model.head += size
        elif act == "split":
            model.place = places.split(model.place, model.head)
        else:
            model.deliver(Lane(act.split()[-1]), size, is_held=True)
    before = model.place
    front = before.ranges[-1][1] if before.ranges else before.cursor
    after = places.again(before, wanted)
    again = set().union(*(span(low, high) for low, high in wanted)) & model.behind
    assert {seq for seq in range(1, model.head + 1) if after.has(seq)} == model.behind - again
    assert (after.ranges[-1][1] if after.ranges else after.cursor) == front, "live goes on where it was"
    flat = places.again(before, wanted, lanes=False)
    if again:
        assert (flat.cursor, flat.ranges) == (min(min(again) - 1, before.cursor), ())


def test_where_the_lanes_join_the_batch_on_its_way_stays_the_same() -> None:
    place = places.split(Place(3), 10)
    place = places.begun(place, Leg(Lane.LIVE, 10, 14))
    place = places.delivered(places.begun(place, Leg(Lane.BACKFILL, 3, 10)), Leg(Lane.BACKFILL, 3, 10))
    assert place == Place(10, batch_to=14)


def test_a_second_outage_leaves_a_range_of_its_own() -> None:
    place = places.split(Place(3), 10)
    place = places.delivered(place, Leg(Lane.LIVE, 10, 20))
    place = places.split(place, 50)
    assert (place.cursor, place.ranges) == (3, ((10, 20), (50, 50)))
    place = places.delivered(place, Leg(Lane.BACKFILL, 3, 10))
    assert (place.cursor, place.ranges) == (20, ((50, 50),))


def test_a_receiver_that_lost_its_end_is_found_out_and_one_that_tells_only_a_part_is_not_accused() -> None:
    place = Place(100)
    assert places.missing(place, [(0, 60), (90, 100)]) == [(60, 90)]
    assert places.missing(place, [(0, 60)], is_cut_off=True) == []
    assert places.again(place, [(60, 90)]) == Place(60, ranges=((90, 100),))
    assert places.missing(places.renewed(place), []) == []


def test_lists_of_ranges_and_voids_have_a_size() -> None:
    place = Place(1)
    for number in range(2, 3 * RANGES_MAX):
        place = places.split(place, number * 10)
        place = places.delivered(place, Leg(Lane.LIVE, place.ranges[-1][1], place.ranges[-1][1] + 1))
    assert len(place.ranges) <= RANGES_MAX
    for number in range(3 * VOIDS_MAX):
        place = places.cut(
            Place(10 * number + 5, passed_from=10 * number, voids=place.voids), Lane.BACKFILL, 10 * number + 2
        )
    assert len(place.voids) <= VOIDS_MAX
