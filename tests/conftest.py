"""For all tests: real peers that are missing are deselected by name, and where nothing may be skipped a skip fails."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

MISSING_PEERS = frozenset(os.environ.get("CAMPUS_MISSING_PEERS", "").split())
SKIP_NOTHING = bool(os.environ.get("CAMPUS_SKIP_NOTHING"))


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if SKIP_NOTHING and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and here nothing may be: {report.longrepr}"
    return report
