"""The busiest tick of a bus: whether everything that falls due together is done well before the next tick. Pure.

Knows the poller's own spreading of work over ticks (``gateway/sources/poll_groups.py``) and the plan's estimated seconds;
measures nothing. A tick that takes more than 80 % of its time leaves no room for a retry or a slow meter (ARCHITECTURE 8).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge_config.plan import BUSY_PCT, BusPlan, Plan, PolledPlan
from gateway.sources.poll_groups import SLOTS_MAX, Work, spread

INTERVALS_S = (0.5, 1, 2, 3, 5, 10, 15, 20, 30, 60, 120, 300, 600)
"""Poll intervals an installer would choose."""
DEVICES_NAMED = 4


@dataclass(frozen=True, slots=True)
class Tick:
    """What falls due together: seconds of each device (in the order given), the time until the next tick, and where in
    the cycle the tick lies, in seconds."""

    at_s: float
    length_s: float
    shares_s: tuple[float, ...]

    @property
    def busy_s(self) -> float:
        return sum(self.shares_s)

    @property
    def busy_pct(self) -> float:
        return 100 * self.busy_s / self.length_s


def busiest(polled: Sequence[PolledPlan]) -> Tick | None:
    """The busiest tick of a bus; None for one without devices."""
    works = [Work(_ms(one.interval_s), one.fast_s, one.slow_s) for one in polled]
    if not works:
        return None
    base_ms = min(work.interval_ms for work in works)
    ticks = [[0.0] * len(works) for _ in range(SLOTS_MAX)]
    for turn in spread(works):
        work = works[turn.device]
        for at_ms in range(turn.offset_ms, SLOTS_MAX * base_ms, turn.interval_ms):
            ticks[at_ms // base_ms][turn.device] += work.slow_s if turn.is_slow else work.fast_s
    index = max(range(SLOTS_MAX), key=lambda one: sum(ticks[one]))
    return Tick(index * base_ms / 1000, base_ms / 1000, tuple(ticks[index]))


def crowded(plan: Plan) -> list[str]:
    """A sentence for each bus whose schedule fits as a whole, but not into its busiest tick."""
    said = []
    for bus in plan.buses:
        tick = busiest(bus.polled)
        if tick is not None and tick.busy_pct > BUSY_PCT and not bus.is_overloaded:
            said.append(_sentence(bus, tick))
    return said


def _sentence(bus: BusPlan, tick: Tick) -> str:
    by_cost = sorted(zip(bus.polled, tick.shares_s, strict=True), key=lambda one: -one[1])
    due = [f"{one.device} {1000 * share_s:.0f} ms" for one, share_s in by_cost if share_s]
    more = f" and {len(due) - DEVICES_NAMED} more" if len(due) > DEVICES_NAMED else ""
    return (
        f"bus {bus.bus}: its busiest tick, {tick.at_s:g} s into the cycle, takes {1000 * tick.busy_s:.0f} ms of the "
        f"{1000 * tick.length_s:.0f} ms until the next ({tick.busy_pct:.0f} %, more than {BUSY_PCT:.0f} %): "
        f"{', '.join(due[:DEVICES_NAMED])}{more}; one slow meter makes it late; {_cure(bus)}"
    )


def _cure(bus: BusPlan) -> str:
    """The shortest usual interval for the most often polled devices at which every tick has room."""
    shortest_s = min(one.interval_s for one in bus.polled)
    for interval_s in INTERVALS_S:
        raised = [replace(one, interval_s=max(one.interval_s, interval_s)) for one in bus.polled]
        tick = busiest(raised)
        if interval_s > shortest_s and tick is not None and tick.busy_pct <= BUSY_PCT:
            named = [one.device for one in bus.polled if one.interval_s < interval_s]
            whose = ", ".join(named[:DEVICES_NAMED]) + (" …" if len(named) > DEVICES_NAMED else "")
            return f"would fit: poll_interval_s {interval_s:g} for {whose}, or part the line"
    return "part the line"


def _ms(interval_s: float) -> int:
    return max(1, round(1000 * interval_s))
