"""The benchmark of the collector's memory at a small size: that it runs with a real district, not what it says."""

from __future__ import annotations

import pytest

from bench import backlog


@pytest.mark.real("district")
def test_the_memory_of_a_collector_is_told_for_rest_job_and_backlog() -> None:
    text = backlog.table(hours=2, job_s=1, runs=1)
    assert all(name in text for name in backlog.GOALS)
    (readings,) = [line.split()[-1] for line in text.splitlines() if "district was away" in line]
    assert int(readings.replace(",", "")) >= 2 * 360 * 300
    (changes,) = [line.split()[-1] for line in text.splitlines() if "changes that waited" in line]
    assert int(changes.replace(",", "")) > 300
