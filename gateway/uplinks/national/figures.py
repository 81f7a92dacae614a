"""What centres told us as Prometheus figures, read from the memos when they are asked for. Loads nothing of the protocol."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from edge_config.site import LoadedSite
from edge_config.uplinks import NationalUplink
from gateway.uplinks.national import memo


class CentreMetrics(Collector):
    """For each enabled uplink of kind ``national-tcp``; the clock only once the centre told it."""

    def __init__(self, site: LoadedSite) -> None:
        self._buffer = site.buffer_path
        self._uplinks = [
            uplink for uplink in site.file.uplinks if isinstance(uplink, NationalUplink) and uplink.enabled
        ]

    def collect(self) -> Iterable[Metric]:
        offset = GaugeMetricFamily(
            "campus_uplink_centre_clock_offset_seconds", "The centre's clock less ours", labels=["uplink"]
        )
        period = GaugeMetricFamily(
            "campus_uplink_period_minutes",
            "How often registers are told, by site file or centre",
            labels=["uplink"],
        )
        for uplink in self._uplinks:
            kept = memo.read(memo.path_of(self._buffer, uplink.id))
            period.add_metric([uplink.id], kept.period(uplink.period_min))
            if kept.clock_offset_s is not None:
                offset.add_metric([uplink.id], kept.clock_offset_s)
        return [offset, period]
