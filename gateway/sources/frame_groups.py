"""What of a DL/T 645 meter is read at every poll and what more rarely, as ``poll_groups`` says of Modbus. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from devices import dlt645
from devices.profile import AnyProfile, Cjt188Profile, Dlt645Profile
from edge_config.plan import FrameRead
from gateway.sources.poll_groups import slow_every


def slow_frames(profile: AnyProfile) -> frozenset[str]:
    """The points whose reads hold slow ones only; none of a meter that has no fast point to wait for."""
    if not isinstance(profile, Dlt645Profile):
        return frozenset()
    points = profile.points
    reads = [{name for name, _ in one.places} for one in dlt645.plan(points, blocks=profile.blocks)]
    fast = [names for names in reads if any(points[name].group == "fast" for name in names)]
    return frozenset(points) - frozenset().union(*fast) if fast else frozenset()


def frame_reads(profile: Dlt645Profile | Cjt188Profile, interval_s: float) -> Sequence[FrameRead]:
    """The reads of a poll, those of the slow group at every so many polls."""
    if isinstance(profile, Cjt188Profile):
        return [FrameRead(max(profile.reply_lengths))]
    slow, every = slow_frames(profile), slow_every(interval_s)
    found = []
    for read in dlt645.plan(profile.points, blocks=profile.blocks):
        names = {name for name, _ in read.places}
        size = sum(profile.points[name].length for name in names)
        found.append(FrameRead(size, every if names <= slow else 1, len(names)))
    return found
