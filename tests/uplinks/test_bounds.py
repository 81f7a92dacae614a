"""Bounds that were sent once never name other content: what a filter or a lost row makes of a stretch goes under other ones."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_config.uplinks import UplinkFilter
from gateway.model import Change
from gateway.place import Place
from gateway.store import changes, uplinks
from gateway.uplinks.bounds import other_end
from gateway.uplinks.filter import chosen
from tests.district import campus
from tests.uplinks.memory import rows
from tests.uplinks.test_lanes import Life

FILTERS = (
    UplinkFilter(),
    UplinkFilter(periods=("hour",)),
    UplinkFilter(periods=("15min",)),
    UplinkFilter(kinds=()),
)


def test_another_end_is_the_last_change_that_is_free() -> None:
    some = [change for change in rows(9) if change.seq in {4, 6, 9}]
    assert other_end(2, 9, some, {9}) == 6
    assert other_end(2, 10, some, {10}) == 9
    assert other_end(2, 9, some, {9, 6}) == 4
    assert other_end(2, 9, some, {9, 6, 4}) is None
    assert other_end(3, 9, some, {9, 6, 4}) == 4, "a single change has one content"


class Edited(Life):
    """A life whose filter is edited and whose rows may be taken out."""

    @cached_property
    def filters(self) -> list[UplinkFilter]:
        """Each there was."""
        return [self.uplink.only]

    def edit(self, which: int) -> None:
        self.filters.append(FILTERS[which])
        self.uplink = self.uplink.model_copy(update={"only": FILTERS[which]})
        self.district.last = None  # other content under other bounds, which may begin alike

    def take_out(self, back: int) -> None:
        """As the scrub does with a row that fails its proof. Descriptions stay, since without them nothing counts, and so does
        the newest change, which the gap record of what was taken out follows."""
        seq = max(3, self.head() - 1 - back)
        if seq == self.head():
            return
        self.door.connection.execute("DELETE FROM change WHERE seq = ? AND kind = 'interval'", (seq,))
        self.district.last = None

    def resend(self, low: int, high: int) -> None:
        uplinks.again(self.door.connection, "d", [(low, min(high, self.place.cursor))])
        self.district.last = None
        self.feed.begun.clear()

    def fences(self) -> list[str]:
        return [fault for (fault,) in self.district.rows("SELECT kind FROM incident")]


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("grow"), st.integers(1, 8)),
        st.tuples(st.just("grow hours"), st.integers(1, 4)),
        st.tuples(st.just("step"), st.integers(1, 4)),
        st.tuples(st.sampled_from(["reply lost", "crash", "lost"]), st.integers(1, 3)),
        st.tuples(st.sampled_from(["before", "after"]), st.integers(0, 3)),
        st.tuples(st.just("edit"), st.integers(0, 3)),
        st.tuples(st.just("take out"), st.integers(0, 8)),
        st.tuples(st.just("resend"), st.integers(0, 30)),
    ),
    max_size=40,
)


async def lived(life: Edited, acts: list[tuple[str, int]]) -> None:
    life.grow(3)
    for act, count in acts:
        match act:
            case "grow":
                life.grow(count)
            case "grow hours":
                life.grow(count, "hour")
            case "step":
                await life.steps(count)
            case "before" | "after":
                life.door.crashes.extend(["" for _ in range(count)] + [act])
            case "edit":
                life.edit(count)
            case "take out":
                life.take_out(count)
            case "resend":
                life.resend(count, count + 7)
            case _:
                life.district.script.extend([act] * count)
    await life.calm()
    await life.calm()


def asserted(life: Edited) -> None:
    """No clone was seen, all is delivered, nothing was refused; no change had two effects, and each that passes
    every filter there was had one."""
    assert life.fences() == []
    assert (life.place.cursor, life.place.ranges) == (life.head(), ())
    assert set(life.district.effects.values()) <= {1}
    assert life.door.connection.execute("SELECT seq FROM dead_letter").fetchall() == []
    passing: Sequence[Change] = changes.read(life.door.connection, 0, 10_000)
    for only in life.filters:
        passing = chosen(passing, only, {})
    assert {change.seq for change in passing} <= set(life.district.effects)


@pytest.mark.campus
@settings(max_examples=150, deadline=None)
@given(acts=ACTS, size=st.integers(1, 8))
def test_edited_filters_lost_rows_and_lost_replies_never_look_like_a_clone(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, int]], size: int
) -> None:
    life = Edited(tmp_path_factory.mktemp("edited"), size=size)
    asyncio.run(lived(life, acts))
    asserted(life)
    life.close()


LOST = [("grow", 5), ("reply lost", 1), ("step", 1)]
CASES = {
    "a filter edited before the retry": [*LOST, ("edit", 3)],
    "a row taken out before the retry": [*LOST, ("take out", 1)],
    "sent again by hand under another filter": [("grow", 5), ("step", 9), ("edit", 3), ("resend", 0)],
    "one filter after the other": [
        *LOST,
        ("edit", 1),
        *LOST,
        ("edit", 3),
        *LOST,
        ("edit", 0),
        *LOST,
        ("edit", 3),
    ],
}


@pytest.mark.parametrize("case", CASES)
async def test_other_content_goes_under_other_bounds(tmp_path: Path, case: str) -> None:
    life = Edited(tmp_path, size=8)
    await lived(life, CASES[case])
    asserted(life)
    life.close()


async def test_without_the_digests_of_what_was_sent_it_looks_like_a_clone(tmp_path: Path) -> None:
    """The planted bug: bounds are not known again."""
    life = Edited(tmp_path, size=8)
    with patch("gateway.store.uplinks._keep_sent", lambda *_: True):
        await lived(life, CASES["a filter edited before the retry"])
    assert life.fences() == ["cloned"]
    assert life.place.cursor == 0
    life.close()


async def test_another_machine_that_sends_as_this_gateway_is_still_noticed(tmp_path: Path) -> None:
    life = Edited(tmp_path / "one", size=8)
    life.grow(3)
    await life.calm()
    twin = Edited(tmp_path / "two", size=8)
    twin.grow(3, "hour")
    twin.district = life.district
    await twin.calm()
    assert life.fences() == ["cloned"]
    assert twin.place == Place(0, batch_to=3)
    twin.close()
    life.district.store.close()
    life.door.connection.close()


async def test_what_a_district_refused_of_a_batch_that_held_more_holds_up_nothing(tmp_path: Path) -> None:
    """A receipt of a covered range names what was refused of it then, also what the filter holds back now."""
    life = Edited(tmp_path, size=8)
    life.grow(4)
    life.grow(2, "hour")
    unknown = json.dumps({**campus.slot("nobody.energy", 1), "kind": "interval"}).encode()
    life.door.connection.execute("UPDATE change SET body = ?, crc = NULL WHERE seq = 4", (unknown,))
    life.district.script.append("reply lost")
    await life.steps(1)
    life.edit(1)
    await life.calm()
    assert life.place.cursor == 6
    assert life.fences() == []
    life.close()


async def test_digests_are_kept_as_long_as_a_district_keeps_its_own(tmp_path: Path) -> None:
    life = Edited(tmp_path, size=8)
    life.grow(5)
    await life.calm()
    kept = "SELECT from_seq, to_seq FROM uplink_sent"
    assert life.door.connection.execute(kept).fetchall() == [(0, 5)]
    await life.clock.sleep(99 * 86_400)
    life.grow(1)
    await life.calm()
    await life.clock.sleep(2 * 86_400)
    life.grow(1)
    await life.calm()
    assert life.door.connection.execute(kept).fetchall() == [(5, 6), (6, 7)]
    life.close()


async def test_another_epoch_begins_with_free_bounds(tmp_path: Path) -> None:
    life = Edited(tmp_path, size=8)
    life.grow(5)
    await life.calm()
    uplinks.begin_epoch(life.door.connection)
    assert life.door.connection.execute("SELECT count(*) FROM uplink_sent").fetchone() == (0,)
    life.close()
