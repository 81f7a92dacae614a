"""What /healthz and /metrics say of the districts above and of the queue. Pure.

Health is open to other machines: no key, no school, no sentence of another's, and names of upstreams only where pages are served.
What is not known is absent and never 0.
"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from district.relay.standing import UpstreamStanding
from district.tiers import Tiers
from district.wire import QueueHealth, UpstreamHealth


def health_of(found: Tiers, now_ms: int, *, is_named: bool) -> dict[str, object]:
    """What /healthz adds. ``is_named``: upstreams by their names, which may be hosts, and not only in their order."""
    said: dict[str, object] = {}
    if found.upstreams:
        said["upstreams"] = [_upstream(one, now_ms, is_named=is_named) for one in found.upstreams]
    if found.queue or found.refused:
        queue = found.queue
        said["queue"] = QueueHealth(
            reachable=queue.is_reachable if queue else None,
            waiting_batches=queue.waiting if queue else None,
            waiting_bytes=queue.bytes if queue else None,
            refused_batches=found.refused,
        ).model_dump(exclude_none=True)
    return said


def _upstream(one: UpstreamStanding, now_ms: int, *, is_named: bool) -> dict[str, object]:
    return UpstreamHealth(
        name=one.name if is_named else None,
        waiting_batches=one.waiting,
        waiting_bytes=one.bytes,
        oldest_age_s=_age_s(one.oldest_at, now_ms),
        last_receipt_age_s=_age_s(one.delivered_at, now_ms),
        stopped_gateways=one.stopped,
        trouble=one.trouble,
    ).model_dump(exclude_none=True)


def _age_s(at: int | None, now_ms: int) -> float | None:
    return None if at is None else max(0.0, (now_ms - at) / 1000)


def metrics_text(found: Tiers | None, now_ms: int) -> bytes:
    """Prometheus text; a gauge whose value is not known is absent. Labels name upstreams, no school. ``found`` None: the database
    did not answer."""
    registry = CollectorRegistry()
    _set(registry, "database_reachable", "1 when the database answers", found is not None)
    if found is None:
        return generate_latest(registry)
    if found.upstreams:
        _of_upstreams(registry, found.upstreams, now_ms)
    if found.queue or found.refused:
        _set(registry, "queue_refused_batches", "Batches refused after their receipt, kept", found.refused)
    if found.queue:
        _set(
            registry,
            "queue_reachable",
            "1 when the cluster says how its stream stands",
            found.queue.is_reachable,
        )
        _set(registry, "queue_waiting_batches", "Batches in the cluster or in hand", found.queue.waiting)
        _set(registry, "queue_waiting_bytes", "Bytes of batches in the cluster or in hand", found.queue.bytes)
    return generate_latest(registry)


def _of_upstreams(registry: CollectorRegistry, upstreams: Iterable[UpstreamStanding], now_ms: int) -> None:
    def gauge(name: str, said: str, *labels: str) -> Gauge:
        return Gauge(f"district_relay_{name}", said, ["upstream", *labels], registry=registry)

    waiting = gauge("waiting_batches", "Batches that wait for the district above")
    size = gauge("waiting_bytes", "Bytes of batches that wait for the district above")
    oldest = gauge("oldest_age_seconds", "Age of the oldest batch that waits")
    receipt = gauge("last_receipt_age_seconds", "Time since the last receipt of the district above")
    stopped = gauge("stopped_gateways", "Gateways that wait for a person")
    lacking = gauge("missing_seqs", "Changes held here that the district above does not hold")
    rejected = gauge("refused_records", "Records the district above refused")
    trouble = gauge("trouble", "1 with the code of what holds batches up", "code")
    for one in upstreams:
        for metric, value in (
            (waiting, one.waiting),
            (size, one.bytes),
            (oldest, _age_s(one.oldest_at, now_ms)),
            (receipt, _age_s(one.delivered_at, now_ms)),
            (stopped, one.stopped),
            (lacking, one.lacking),
            (rejected, one.rejected),
        ):
            if value is not None:
                metric.labels(one.name).set(value)
        if one.trouble:
            trouble.labels(one.name, one.trouble).set(1)


def _set(registry: CollectorRegistry, name: str, said: str, value: float | None) -> None:
    if value is not None:
        Gauge(f"district_{name}", said, registry=registry).set(value)
