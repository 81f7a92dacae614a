"""How the queue stands, for whoever looks. Imports no client: a district without a queue reads it too."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QueueStanding:
    """``waiting``: batches that wait in the cluster or are in a consumer's hand, and their bytes; None where the cluster did
    not say."""

    is_reachable: bool
    waiting: int | None = None
    bytes: int | None = None
