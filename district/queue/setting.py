"""Which cluster, and what its stream may hold. Imports no client: a district without a queue reads it too."""

from __future__ import annotations

from dataclasses import dataclass

REPLICAS = 3
BYTES_MAX = 8 * 1024**3
"""What the stream may hold; beyond it a batch is refused and stays with its gateway."""


@dataclass(frozen=True, slots=True)
class QueueSetting:
    """``servers``: nats:// URLs of one cluster."""

    servers: tuple[str, ...]
    replicas: int = REPLICAS
    bytes_max: int = BYTES_MAX
