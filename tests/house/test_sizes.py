"""Limits of the house style that a test can see: file and function length, a README in each room, a licence."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.house.source import ROOMS, ROOT, sources

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
BANNED_NAMES = ("Manager", "Handler", "Helper", "Util")


def _code(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def test_no_file_is_longer_than_400_lines() -> None:
    files = [path for folder in (*ROOMS, "tests", "bench") for path in _code(folder)]
    long = {
        path.relative_to(ROOT).as_posix(): _lines(path) for path in files if _lines(path) > FILE_LINES_MAX
    }
    assert long == {}


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_no_function_is_longer_than_70_lines() -> None:
    long = [
        f"{source.path}: {node.name}"
        for source in sources()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno + 1 > FUNCTION_LINES_MAX
    ]
    assert long == []


def test_no_class_is_a_manager_a_helper_or_a_util() -> None:
    classes = [
        f"{source.path}: {node.name}"
        for source in sources()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef) and not node.bases and node.name.endswith(BANNED_NAMES)
    ]
    assert classes == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        source.path for source in sources() if source.text.strip() and not ast.get_docstring(source.tree)
    ]
    assert silent == []


def test_no_loose_ends() -> None:
    loose = re.compile(r"#.*\b(?:TODO|FIXME|XXX|HACK)\b")
    assert [source.path for source in sources() if loose.search(source.text)] == []


def test_every_room_has_a_readme() -> None:
    folders = {source.path.rpartition("/")[0] for source in sources() if source.path.endswith("__init__.py")}
    without = [folder for folder in sorted(folders) if not (ROOT / folder / "README.md").is_file()]
    assert without == []


def test_the_licence_is_apache_2_and_is_in_the_repository() -> None:
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert 'license = "Apache-2.0"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
