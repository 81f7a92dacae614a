"""What waited goes to a centre in the order it was made: it keeps the last word on an instant, and knows no revisions."""

from __future__ import annotations

from pathlib import Path

from edge_config.uplinks import Hj212Uplink, NationalUplink
from gateway.uplinks.drain import Drain
from tests.uplinks.memory import SelfMovingClock
from tests.uplinks.national.rig import change, changes_of, interval, rig, uplink_of

METER = "hvac.energy_import"


def test_only_a_receiver_that_is_told_no_older_revision_may_be_told_out_of_order() -> None:
    """HJ 212 is left out what a newer revision replaces (`Feed.replaced`), so its last word is the newest in any order."""
    assert not NationalUplink.lanes
    assert Hj212Uplink.lanes


async def test_a_revision_comes_after_what_it_replaces_also_behind_an_outage(tmp_path: Path) -> None:
    """With a live lane the revision, the newest change, would come before the slot it is of."""
    old = changes_of(range(-6, 3))
    late = change(len(old) + 1, interval(METER, -5, register_end=9999.9), revision=2)
    async with rig(tmp_path, changes=old) as found:
        uplink = uplink_of(found.site).model_copy(update={"batch_max": 4})
        drain = Drain(uplink, found.feed, found.sender, SelfMovingClock())
        await drain.step()
        found.feed.changes = [*old, late]
        while await drain.step() is not None:
            assert found.feed.place.ranges == ()
        assert (found.feed.cursor, found.feed.dead) == (late.seq, {})
        sequences = [int(report.sequence) for report in found.centre.ledger.packets.values()]
        assert sequences == sorted(sequences)
        assert sequences[-1] == late.seq
