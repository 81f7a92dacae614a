"""For all tests: real peers that are missing are deselected by name, and where nothing may be skipped a skip fails.

Neither chance nor the speed of the machine decides: properties see the same examples each time, without a deadline for
one, and loops leave out what the machine kept from them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Generator

import pytest
from hypothesis import HealthCheck, settings

from tests.loop import PatientLoop

MISSING_PEERS = frozenset(os.environ.get("CAMPUS_MISSING_PEERS", "").split())
SKIP_NOTHING = bool(os.environ.get("CAMPUS_SKIP_NOTHING"))

settings.register_profile(
    "steady", derandomize=True, database=None, deadline=None, suppress_health_check=(HealthCheck.too_slow,)
)
settings.load_profile("steady")


def _needs(item: pytest.Item) -> frozenset[str]:
    """The peers a test names in its ``real`` mark; a mark without names needs whatever is missing."""
    marks = list(item.iter_markers("real"))
    named = frozenset(str(peer) for mark in marks for peer in mark.args)
    return named if named or not marks else MISSING_PEERS


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    without = [item for item in items if _needs(item) & MISSING_PEERS]
    if without:
        config.hook.pytest_deselected(items=without)
        items[:] = [item for item in items if item not in without]


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"patient": PatientLoop}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if SKIP_NOTHING and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and here nothing may be: {report.longrepr}"
    return report
