"""How the districts above stand, summed from the cursors: per upstream and per gateway. Pure.

What waits counts the trouble: a code that was kept of a batch which a person gave up says nothing any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from district.relay.answer import OF_ONE_LANE
from district.relay.upkeep import Standing

TROUBLE_AFTER_MS = 10 * 60 * 1000
"""A reply that is lost is sent again within seconds; what still waits after this is a matter for a person."""


@dataclass(frozen=True, slots=True)
class GatewayStanding:
    """One gateway on its way to one upstream, its epochs together. Times are UTC ms. ``trouble`` is that of its oldest epoch in
    trouble, which ``epoch`` names; a gateway that waits with none waits for its turn, or for the upstream."""

    site: str
    gateway: str
    waiting: int
    bytes: int
    oldest_at: int | None
    delivered_at: int | None
    lacking: int
    rejected: int
    trouble: str | None = None
    trouble_since: int | None = None
    detail: str = ""
    epoch: str = ""
    is_stopped: bool = False

    def is_wrong(self, now_ms: int) -> bool:
        """It stands still and does not go on by itself, or has not for a while."""
        return self.trouble is not None and (self.is_stopped or _is_long(self.oldest_at, now_ms))


@dataclass(frozen=True, slots=True)
class UpstreamStanding:
    """One district above. ``trouble`` is one that all gateways share where there is such, else the oldest of one gateway;
    ``concerned`` are the gateways that have something waiting, missing or refused there, the most
    urgent first."""

    name: str
    gateways: int
    waiting: int
    bytes: int
    oldest_at: int | None
    delivered_at: int | None
    trouble: str | None
    trouble_since: int | None
    detail: str
    stopped: int
    lacking: int
    rejected: int
    concerned: tuple[GatewayStanding, ...]

    @property
    def is_general(self) -> bool:
        """The trouble is the upstream's, and no gateway's own."""
        return self.trouble is not None and self.trouble not in OF_ONE_LANE

    def is_wrong(self, now_ms: int) -> bool:
        return any(one.is_wrong(now_ms) for one in self.concerned)


def upstreams_of(standings: Sequence[Standing], names: Iterable[str] = ()) -> tuple[UpstreamStanding, ...]:
    """Every upstream there is a cursor of, and those of ``names`` that nothing was kept for yet; by name."""
    every = sorted({one.upstream for one in standings} | set(names))
    return tuple(_upstream(name, [one for one in standings if one.upstream == name]) for name in every)


def _upstream(name: str, cursors: Sequence[Standing]) -> UpstreamStanding:
    lanes: dict[tuple[str, str], list[Standing]] = {}
    for one in cursors:
        lanes.setdefault((one.site, one.gateway), []).append(one)
    gateways = [_gateway(epochs) for epochs in lanes.values()]
    troubled = sorted(
        (one for one in gateways if one.trouble),
        key=lambda one: (one.trouble in OF_ONE_LANE, one.trouble_since or 0, one.site, one.gateway),
    )
    first = troubled[0] if troubled else None
    return UpstreamStanding(
        name=name,
        gateways=len(gateways),
        waiting=sum(one.waiting for one in gateways),
        bytes=sum(one.bytes for one in gateways),
        oldest_at=_least(one.oldest_at for one in gateways),
        delivered_at=_most(one.delivered_at for one in gateways),
        trouble=first.trouble if first else None,
        trouble_since=first.trouble_since if first else None,
        detail=first.detail if first else "",
        stopped=sum(one.is_stopped for one in gateways),
        lacking=sum(one.lacking for one in gateways),
        rejected=sum(one.rejected for one in gateways),
        concerned=tuple(
            sorted((one for one in gateways if one.waiting or one.lacking or one.rejected), key=_urgency)
        ),
    )


def _urgency(one: GatewayStanding) -> tuple[bool, bool, float, str, str]:
    """Stopped ones first, then those in trouble, then what waits longest."""
    oldest = float("inf") if one.oldest_at is None else one.oldest_at
    return not one.is_stopped, one.trouble is None, oldest, one.site, one.gateway


def _gateway(epochs: Sequence[Standing]) -> GatewayStanding:
    held_up = sorted(
        (one for one in epochs if one.waiting and one.trouble), key=lambda one: one.oldest_at or 0
    )
    first = held_up[0] if held_up else None
    return GatewayStanding(
        site=epochs[0].site,
        gateway=epochs[0].gateway,
        waiting=sum(one.waiting for one in epochs),
        bytes=sum(one.bytes for one in epochs),
        oldest_at=_least(one.oldest_at for one in epochs),
        delivered_at=_most(one.delivered_at for one in epochs),
        lacking=sum(one.lacking for one in epochs),
        rejected=sum(one.rejected for one in epochs),
        trouble=first.trouble if first else None,
        trouble_since=first.trouble_since if first else None,
        detail=(first.detail or "") if first else "",
        epoch=first.epoch if first else "",
        is_stopped=any(one.stopped_for for one in held_up),
    )


def _is_long(since: int | None, now_ms: int) -> bool:
    return since is not None and now_ms - since > TROUBLE_AFTER_MS


def _least(times: Iterable[int | None]) -> int | None:
    return min((at for at in times if at is not None), default=None)


def _most(times: Iterable[int | None]) -> int | None:
    return max((at for at in times if at is not None), default=None)
