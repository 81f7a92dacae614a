"""The collector's Prometheus figures, read from its parts when they are asked for."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.buffer_metrics import BufferMetrics, facts
from gateway.door.ingest import Door
from runtime.clock import Clock
from runtime.health import Health

SILENT_MAX_S = 30.0
"""P22: unwell when the writer has not committed for this long; the door commits on every tick, so silence is a fault."""

CLOCK_IN_DOUBT = "the clock cannot be right: readings are kept and wait for their time; check time server (NTP) and battery"


class DoorMetrics(Collector):
    """Counts of the ingest door."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def collect(self) -> Iterable[Metric]:
        figures = self._door.figures
        for name, text, value in (
            ("campus_readings_accepted", "Readings committed", figures.accepted),
            ("campus_readings_repeated", "Readings that were stored already", figures.repeated),
            ("campus_readings_corrected", "Readings that replaced another value", figures.corrected),
            ("campus_rejected", "Values and messages refused, see `query rejections`", figures.rejected),
            ("campus_commits", "Transactions committed", figures.commits),
            ("campus_commit_failures", "Transactions that failed and were retried", figures.failures),
        ):
            yield CounterMetricFamily(name, text, value)
        yield GaugeMetricFamily("campus_change_head", "Highest seq of the change feed", self._door.head)
        yield GaugeMetricFamily(
            "campus_clock_trusted", "0 while readings wait for their time", self._door.clock.is_trusted
        )


def registry_of(door: Door) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(DoorMetrics(door))
    registry.register(BufferMetrics(lambda: door.buffer))
    return registry


def health_of(door: Door, clock: Clock) -> Health:
    """What the collector says of itself on /healthz and to the ``status`` command."""
    figures = door.figures
    problems = [*([figures.problem] if figures.problem else []), *door.buffer.problems]
    if not door.clock.is_trusted:
        problems.append(CLOCK_IN_DOUBT)
    silent_s = clock.monotonic_s() - figures.committed_at_s
    if silent_s > SILENT_MAX_S and not problems:
        problems.append(f"nothing committed for {silent_s:.0f} s")
    found = {
        "epoch": door.epoch, "head": door.head, "accepted": figures.accepted, "rejected": figures.rejected,
        "commits": figures.commits, "commit_failures": figures.failures, "now_ms": clock.now_ms(),
        "buffer": facts(door.buffer),
    }  # fmt: skip
    return Health(tuple(problems), found)
