"""How long to look: the same few examples at every `make check`, many new ones under `make fuzz`, which prints its seed."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings

EXAMPLES = int(os.environ.get("CAMPUS_FUZZ_EXAMPLES", "0"))


def examples(usual: int) -> Callable[[Any], Any]:
    """Decorates a property: ``usual`` fixed examples, or as many as the environment asks for from the seed given."""
    return settings(
        max_examples=EXAMPLES or usual,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
