"""The buffer's figures for /metrics, /healthz and ``status``: how full, how long, what went, and whether all is accounted for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.door.upkeep import BufferFigures


class BufferMetrics(Collector):
    """Nothing before the first tick."""

    def __init__(self, figures: Callable[[], BufferFigures]) -> None:
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        found = self._figures()
        if found.space is None:
            return
        for name, text, value in (
            ("campus_buffer_used_bytes", "Bytes of the buffer in use: pages and log", found.space.used),
            (
                "campus_buffer_limit_bytes",
                "Bytes it may use: the budget, or what the disk leaves",
                found.space.limit,
            ),
            ("campus_buffer_wal_bytes", "Bytes of its write-ahead log", found.wal),
            ("campus_readings_held", "Readings in the buffer by its own account", found.held),
            ("campus_buffer_full", "1 while readings wait at their sources", int(found.is_full)),
            (
                "campus_buffer_hours_left",
                "Hours until raw readings go early; +Inf: retention holds it",
                found.hours_left,
            ),
            (
                "campus_readings_unaccounted",
                "Readings the count of the last start did not find",
                found.unaccounted,
            ),
        ):
            if value is not None:
                yield GaugeMetricFamily(name, text, value)
        for name, text, count in (
            (
                "campus_buffer_readings_accepted",
                "Readings accepted since ever: held, shed and quarantined",
                found.accepted,
            ),
            ("campus_readings_shed", "Readings dropped by retention since ever", found.shed),
            (
                "campus_readings_shed_told",
                "Those of them that were in no interval and are in a gap record",
                found.told,
            ),
            ("campus_readings_quarantined", "Readings that failed their proof", found.quarantined),
            ("campus_gap_records", "Gap records made", found.gaps),
        ):
            yield CounterMetricFamily(name, text, count)


def facts(found: BufferFigures) -> dict[str, Any]:
    """For /healthz and the ``status`` command; ``hours_left`` is None while not known, and where ``is_held``."""
    if found.space is None:
        return {}
    is_held = found.hours_left is not None and math.isinf(found.hours_left)
    return {
        "used_bytes": found.space.used, "limit_bytes": found.space.limit, "wal_bytes": found.wal,
        "fill_pct": round(100 * found.space.fill, 1), "is_full": found.is_full, "is_held": is_held,
        "hours_left": None if found.hours_left is None or is_held else round(found.hours_left, 1),
        "accepted": found.accepted, "held": found.held, "shed": found.shed, "told": found.told,
        "quarantined": found.quarantined, "gaps": found.gaps, "unaccounted": found.unaccounted,
    }  # fmt: skip
