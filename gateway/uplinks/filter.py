"""Which changes of the feed go up an uplink. Pure, and the same answer for the same row every time.

Only intervals are ever held back. Who the school is, what its points are, events, gaps and statements always go up: a
district must know what exists and what is missing, also where it does not want the figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from devices.quantities import QUANTITIES
from edge_config.uplinks import UplinkFilter
from gateway.model import Change


class _Interval(msgspec.Struct):
    """The two fields of an interval's body a filter looks at."""

    point: str
    period: str


def chosen(changes: Sequence[Change], only: UplinkFilter, quantities: Mapping[str, str]) -> list[Change]:
    """The changes that go up. ``quantities`` maps points to quantities; an interval of a point it lacks goes up, since
    holding back what we cannot judge would lose it."""
    if only.quantities is None and only.periods is None:
        return list(changes)
    return [change for change in changes if change.kind != "interval" or _passes(change, only, quantities)]


def _passes(change: Change, only: UplinkFilter, quantities: Mapping[str, str]) -> bool:
    try:
        interval = msgspec.json.decode(change.body, type=_Interval)
    except msgspec.DecodeError:
        return True  # the district refuses it with a reason, and it becomes a dead letter that can be seen
    if only.periods is not None and interval.period not in only.periods:
        return False
    quantity = QUANTITIES.get(quantities.get(interval.point, ""))
    return only.quantities is None or quantity is None or quantity.group in only.quantities
