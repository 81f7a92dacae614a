"""What the district counts of itself, on a registry of its own."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram


class Metrics:
    """Labels are few and fixed: no site and no point, so that a scrape stays small whatever the district takes in."""

    __slots__ = ("batches", "changes", "registry", "rejected", "seconds")

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.batches = Counter(
            "district_batches",
            "Batches by outcome: accepted, duplicate or the fault",
            ["outcome"],
            registry=self.registry,
        )
        self.changes = Counter("district_changes", "Changes that had their effect", registry=self.registry)
        self.rejected = Counter(
            "district_rejected_records", "Records refused for ever", registry=self.registry
        )
        self.seconds = Histogram(
            "district_accept_seconds", "Time from parsed batch to receipt", registry=self.registry
        )
