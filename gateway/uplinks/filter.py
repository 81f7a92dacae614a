"""Which changes of the feed go up an uplink. Pure, and the same answer for the same row every time.

``kinds`` holds back whole kinds of change; who the school is and what its points are always goes up. ``quantities``,
``periods`` and ``spaces`` hold back intervals only: a district must know what exists and what is missing, also where it
does not want the figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from devices.quantities import QUANTITIES
from edge_config.uplinks import UplinkFilter
from gateway.model import Change

ALWAYS = frozenset({"site", "point"})


class _Interval(msgspec.Struct):
    """The two fields of an interval's body a filter looks at."""

    point: str
    period: str


def chosen(
    changes: Sequence[Change],
    only: UplinkFilter,
    quantities: Mapping[str, str],
    spaces: Mapping[str, str] | None = None,
) -> Sequence[Change]:
    """The changes that go up. ``quantities`` and ``spaces`` map points to theirs; ``only.spaces`` names every space that is
    wanted, those inside others too. An interval of a point that is not known goes up, since holding back what we cannot
    judge would lose it."""
    kinds = only.kinds
    wanted = changes if kinds is None else [one for one in changes if one.kind in ALWAYS or one.kind in kinds]
    if only.quantities is None and only.periods is None and only.spaces is None:
        return wanted
    return [
        change
        for change in wanted
        if change.kind != "interval" or _passes(change, only, quantities, spaces or {})
    ]


def _passes(
    change: Change, only: UplinkFilter, quantities: Mapping[str, str], spaces: Mapping[str, str]
) -> bool:
    try:
        interval = msgspec.json.decode(change.body, type=_Interval)
    except msgspec.DecodeError:
        return True  # the district refuses it with a reason, and it becomes a dead letter that can be seen
    if only.periods is not None and interval.period not in only.periods:
        return False
    if only.spaces is not None and interval.point in spaces and spaces[interval.point] not in only.spaces:
        return False
    quantity = QUANTITIES.get(quantities.get(interval.point, ""))
    return only.quantities is None or quantity is None or quantity.group in only.quantities
