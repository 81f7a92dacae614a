"""Lanes over the shipped buffer and a real district, for any history of outages, crashes and restored backups."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_config.uplinks import HttpUplink, UplinkFilter
from gateway.place import Lane, Place
from gateway.store import uplinks
from gateway.uplinks.drain import Drain
from gateway.uplinks.feed import Identity
from gateway.uplinks.lanes import GROW_AFTER, LIVE_IN_A_ROW_MAX, Sizes, Turns
from tests.uplinks.memory import SelfMovingClock
from tests.uplinks.store_feed import Crash, CrashingDoor, OrderedFeed, RealDistrict

IDENTITY = Identity("demo", "gw-1", "e-1")


def test_live_goes_first_and_back_fill_gets_every_fifth_batch() -> None:
    turns, place, went = Turns(), Place(0, ranges=((9, 9),)), []
    for _ in range(20):
        went.append(turns.order(place)[0])
        turns.went(went[-1])
    assert went.count(Lane.BACKFILL) == 20 // (LIVE_IN_A_ROW_MAX + 1)
    assert went[0] is Lane.LIVE


def test_a_lane_in_trouble_lets_the_other_try() -> None:
    turns, place = Turns(), Place(0, ranges=((9, 9),))
    turns.failed(Lane.LIVE)
    assert turns.order(place)[0] is Lane.BACKFILL
    turns.failed(Lane.BACKFILL)
    assert turns.order(place)[0] is Lane.LIVE
    assert Turns().order(Place(0)) == (Lane.BACKFILL,)


def test_what_was_too_large_stays_small_and_what_was_suspect_only_there() -> None:
    sizes = Sizes(100)
    sizes.poisoned(10, 60, 50)
    assert [sizes.after(seq) for seq in (9, 10, 59, 60)] == [100, 25, 25, 100]
    sizes.too_large(40)
    assert sizes.after(9) == 20


def test_batches_grow_from_a_thousand_while_they_get_through() -> None:
    sizes = Sizes(5000)
    grown = []
    for _ in range(3 * GROW_AFTER):
        grown.append(sizes.after(0))
        sizes.fits()
    assert [grown.count(size) for size in (1000, 2000, 4000)] == [GROW_AFTER] * 3
    assert sizes.after(0) == 5000


class Life:
    """A gateway and its district from an empty buffer on."""

    def __init__(self, folder: Path, *, size: int = 6, only: UplinkFilter | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path, self.clock = folder / "buffer.db", SelfMovingClock()
        self.door = CrashingDoor(self.path)
        self.district = RealDistrict(folder, IDENTITY, self.clock)
        self.uplink = HttpUplink(
            id="d",
            kind="district-http",
            url="http://district/v1",
            batch_max=size,
            only=only or UplinkFilter(),
        )
        self.feed = OrderedFeed(self.path, self.door, self.clock)
        self.place = Place()
        self.seen_lanes: set[Lane] = set()

    def grow(self, count: int, period: str = "15min") -> None:
        self.door.append(count, self.clock.now_ms(), period)

    async def steps(self, count: int) -> None:
        """So many steps of the loop; a crash ends one, and a new process goes on."""
        done = 0
        while done < count:
            async with self.feed:
                drain = Drain(self.uplink, self.feed, self.district, self.clock, random.Random(1))
                with suppress(Crash):
                    while done < count:
                        done += 1
                        await drain.step()
                        self.place = await self.feed.state("d")
                        self.seen_lanes |= set(self.place.lanes)
            self.feed = self._reopened()

    async def calm(self) -> None:
        """Until nothing is left, with a limit."""
        self.district.script.clear()
        self.door.crashes.clear()
        async with self.feed:
            drain = Drain(self.uplink, self.feed, self.district, self.clock, random.Random(1))
            for _ in range(2000):
                if await drain.step() is None:
                    break
            self.place = await self.feed.state("d")
        self.feed = self._reopened()

    def _reopened(self) -> OrderedFeed:
        feed = OrderedFeed(self.path, self.door, self.clock)
        feed.begun = self.feed.begun
        return feed

    def set_back(self, *, wiped: bool) -> None:
        self.district.put_back(wiped=wiped)
        self.district.last = None
        self.feed.begun.clear()

    def close(self) -> None:
        self.door.connection.close()
        self.district.store.close()

    def head(self) -> int:
        return int(self.door.connection.execute("SELECT max(seq) FROM change").fetchone()[0])


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("grow"), st.integers(1, 25)),
        st.tuples(st.just("step"), st.integers(1, 6)),
        st.tuples(st.sampled_from(["lost", "reply lost", "crash", "portal"]), st.integers(1, 3)),
        st.tuples(st.sampled_from(["before", "after"]), st.integers(0, 4)),
        st.tuples(st.sampled_from(["back up", "put back", "poison"]), st.integers(3, 60)),
        st.tuples(st.just("names"), st.integers(0, 1)),
    ),
    max_size=40,
)


@pytest.mark.campus
@settings(max_examples=150, deadline=None)
@given(acts=ACTS, size=st.integers(1, 12))
def test_p4_p6_any_history_leaves_each_change_with_one_effect_in_order(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, int]], size: int
) -> None:
    async def run(life: Life) -> None:
        has_backup = was_set_back = False
        life.grow(3)
        for act, count in acts:
            match act:
                case "grow":
                    life.grow(count)
                case "step":
                    await life.steps(count)
                case "before" | "after":
                    life.door.crashes.extend(["" for _ in range(count)] + [act])
                case "poison":
                    life.district.poison.add(count)
                case "names":
                    life.district.names = bool(count)
                case "back up":
                    life.district.back_up()
                    has_backup = True
                case "put back":
                    if has_backup:
                        life.set_back(wiped=False)
                        was_set_back = True
                case _:
                    life.district.script.extend([act] * count)
        life.grow(2)  # a receipt tells what the district holds
        await life.calm()
        await life.calm()
        head = life.head()
        assert (life.place.cursor, life.place.ranges) == (head, ())
        rows = life.door.connection.execute("SELECT seq, key FROM change WHERE kind = 'interval'").fetchall()
        wanted = {int(key.partition(":")[2]) - 1 for seq, key in rows if seq not in life.district.poison}
        told = {int(key.partition(":")[2]) - 1 for _, key in rows}
        assert wanted <= life.district.holds() <= told
        dead = {seq for (seq,) in life.door.connection.execute("SELECT seq FROM dead_letter")}
        assert dead <= life.district.poison
        if not was_set_back:
            assert set(life.district.effects.values()) == {1}

        life.close()

    asyncio.run(run(Life(tmp_path_factory.mktemp("any"), size=size)))


async def test_p4_after_an_outage_what_is_new_goes_first_and_what_waited_follows_in_order(
    tmp_path: Path,
) -> None:
    life = Life(tmp_path)
    life.grow(10)
    await life.calm()
    life.district.script.extend(["lost"] * 2)
    life.grow(60)
    await life.steps(3)
    assert life.place.ranges == ((70, 70),)
    life.grow(4)
    await life.steps(1)
    assert life.place.ranges == ((70, 74),)
    assert 71 in life.district.effects
    assert 60 not in life.district.effects
    life.district.script.extend(["lost"])
    await life.steps(2)
    life.grow(30)
    await life.steps(4)
    await life.calm()
    assert life.place == Place(104)
    assert set(life.district.effects.values()) == {1}
    life.close()


async def test_a_point_that_came_during_an_outage_is_described_before_its_intervals(tmp_path: Path) -> None:
    """The live lane goes before what has waited, and an interval of a point nobody described is refused for ever."""
    life = Life(tmp_path, size=1)
    life.grow(20)
    await life.steps(1)  # the school, and not yet its meter
    assert life.place.ranges == ((20, 20),)
    kind = "SELECT kind FROM change WHERE seq = 21"
    assert life.door.connection.execute(kind).fetchone() == ("point",)
    life.grow(3)
    await life.calm()
    assert life.door.connection.execute("SELECT count(*) FROM dead_letter").fetchone() == (0,)
    assert life.place == Place(24)
    assert life.district.holds() == {*range(2, 20), 21, 22, 23}
    life.close()


async def test_a_filter_leaves_no_hole_at_the_district(tmp_path: Path) -> None:
    life = Life(tmp_path, only=UplinkFilter(periods=("hour",)))
    for count, period in ((30, "15min"), (4, "hour"), (20, "15min"), (3, "hour")):
        life.grow(count, period)
        await life.calm()
    assert life.place == Place(57)
    assert life.district.rows("SELECT from_seq, to_seq FROM received") == [(0, 57)]
    assert life.district.holds() == {30, 31, 32, 33, 54, 55, 56}
    life.close()


async def test_f27_a_district_that_was_put_back_gets_what_it_lost(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.grow(20)
    await life.calm()
    life.district.back_up()
    life.grow(40)
    await life.calm()
    life.set_back(wiped=False)
    assert life.district.holds() == set(range(2, 20))
    life.grow(1)
    await life.calm()
    assert life.district.holds() == set(range(2, 61))
    assert life.door.connection.execute("SELECT count(*) FROM gap").fetchone() == (0,)
    life.close()


async def test_f27_what_a_wiped_district_lost_and_the_feed_no_longer_has_is_told(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.grow(50)
    await life.calm()
    life.door.connection.execute("DELETE FROM change WHERE seq BETWEEN 3 AND 30")
    life.set_back(wiped=True)
    life.grow(1)
    await life.calm()
    assert life.district.holds() == set(range(30, 51))
    gaps = life.door.connection.execute("SELECT point, count, reason FROM gap").fetchall()
    assert gaps == [("*", 0, "district_lost 1-30")]
    assert life.place == Place(55)  # who it is and what was refused, told again; and the gap record itself
    life.close()


async def test_f27_a_wiped_district_is_told_the_points_that_only_an_earlier_epoch_had_told(
    tmp_path: Path,
) -> None:
    """What describes the points lies in what another epoch delivered: under its own name nobody lacks it."""
    life = Life(tmp_path)
    life.grow(20)
    await life.calm()
    uplinks.begin_epoch(life.door.connection)
    life.district.identity, life.district.last = replace(IDENTITY, epoch="e-2"), None
    life.feed.begun.clear()
    life.grow(10)
    await life.calm()
    assert life.district.holds() == set(range(2, 30))
    life.set_back(wiped=True)
    life.grow(1)
    await life.calm()
    await life.calm()
    assert life.district.holds() == set(range(20, 31))
    assert life.door.connection.execute("SELECT count(*) FROM dead_letter").fetchone() == (0,)
    life.close()


async def test_a_receiver_that_never_says_what_it_has_causes_no_storm(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.grow(30)
    await life.calm()
    life.district.tells_nothing = True
    life.grow(2)
    await life.calm()
    assert life.place.cursor == life.head()
    assert len(life.district.sizes) < 30
    life.close()


async def test_a_pause_sends_nothing_until_it_ends(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.grow(10)
    uplinks.pause(life.door.connection, "d", paused=True)
    await life.calm()
    assert life.district.sizes == []
    uplinks.pause(life.door.connection, "d", paused=False)
    await life.calm()
    assert life.place.cursor == 10
    life.close()


async def test_a_command_that_moves_a_lane_while_a_batch_is_out_is_not_undone_by_its_receipt(
    tmp_path: Path,
) -> None:
    life = Life(tmp_path)
    life.grow(6)
    await life.calm()
    life.grow(6)
    life.district.meanwhile = lambda: uplinks.again(life.door.connection, "d", [(0, 3)])
    await life.steps(1)
    life.district.meanwhile = None
    life.feed.begun.clear()
    assert (life.place.cursor, life.place.ranges) == (0, ((3, 6),)), "the receipt is of a lane that has moved"
    await life.calm()
    assert life.place == Place(12)
    assert set(life.district.effects.values()) == {1}
    life.close()
