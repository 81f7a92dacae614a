"""Every promise, every fault of the programme and every line of safety has tests that bear its number; the README's table says
where, and which lines of safety are not built."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.house.source import ROOT

TESTS = ROOT / "tests"
PROMISES = [f"P{number}" for number in range(1, 23)]
FAULTS = [f"F{number}" for number in (*range(1, 32), 40, 41, 43, 44, 45)]
SAFETY = [f"S{number}" for number in range(1, 31)]
NOT_BUILT = {"S21", "S25", "S28", "S30"}
"""Signed updates, wiping personal data, a contact for vulnerabilities, looking for changed files of ours."""
_ROW = re.compile(r"^\| ([PFS]\d{1,2}) \| [^|]+ \| ([^|]+) \|$", re.MULTILINE)
_IN_NAME, _IN_TEXT = re.compile(r"(?<=_)[pfs]\d{1,2}(?=_)"), re.compile(r"\b[PFS]\d{1,2}\b")


def table() -> dict[str, list[Path]]:
    """Number → the files of its row."""
    rows = _ROW.findall((TESTS / "README.md").read_text(encoding="utf-8"))
    assert len({number for number, _ in rows}) == len(rows), "a number has two rows"
    return {number: [TESTS / name for name in re.findall(r"`([^`]+\.py)`", files)] for number, files in rows}


def borne(path: Path) -> set[str]:
    """The numbers that tests of a file bear, in their names, their docstrings or their module's."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tests = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]
    text = " ".join(ast.get_docstring(node) or "" for node in (tree, *tests)) if tests else ""
    return {*_IN_TEXT.findall(text), *(one.upper() for node in tests for one in _IN_NAME.findall(node.name))}


def test_every_promise_fault_and_line_of_safety_has_its_row() -> None:
    assert list(table()) == [*PROMISES, *FAULTS, *SAFETY]


def test_every_file_of_a_row_has_a_test_that_bears_the_number() -> None:
    wrong = [
        f"{number}: {path.relative_to(TESTS)}"
        for number, paths in table().items()
        for path in paths
        if not path.is_file() or number not in borne(path)
    ]
    assert wrong == []
    assert {number for number, paths in table().items() if not paths} == NOT_BUILT


def test_no_test_bears_a_number_that_does_not_exist() -> None:
    known = {*PROMISES, *(f"F{number}" for number in range(1, 46)), *SAFETY}
    strange = [
        f"{path.relative_to(TESTS)}: {number}"
        for path in sorted(TESTS.rglob("test_*.py"))
        for number in borne(path) - known
    ]
    assert strange == []
