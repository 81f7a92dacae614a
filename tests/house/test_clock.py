"""Nobody but ``runtime.clock`` reads a clock: everything else is given one, so that tests and the demo can run time."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.house.source import Source, sources

READS = {
    "time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.localtime", "time.gmtime",
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today",
    "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.date.today",
}  # fmt: skip

# Path → why real time is right there.
ALLOWED: dict[str, str] = {
    "runtime/clock.py": "this is the clock",
    "gateway/cli/demo.py": "shows how many real seconds the making of history takes",
}


def _reads(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in READS:
            yield f"{source.path}:{node.lineno} {ast.unparse(node)}"
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            for alias in node.names:
                if f"time.{alias.name}" in READS:
                    yield f"{source.path}:{node.lineno} from time import {alias.name}"


def test_only_the_clock_reads_a_clock() -> None:
    assert [read for source in sources() if source.path not in ALLOWED for read in _reads(source)] == []


def test_the_list_of_exceptions_names_files_that_still_read_a_clock() -> None:
    reading = {source.path for source in sources() if any(_reads(source))}
    assert set(ALLOWED) <= reading
