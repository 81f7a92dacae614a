"""The repository's Python files as syntax trees, for the tests of the house itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("runtime", "devices", "edge_config", "gateway", "district", "dashboard", "simulators")


@dataclass(frozen=True, slots=True)
class Source:
    """One file: its path from the root, its dotted module name, its text and its tree."""

    path: str
    module: str
    text: str
    tree: ast.Module

    @property
    def room(self) -> str:
        return self.module.split(".", maxsplit=1)[0]


@cache
def sources() -> tuple[Source, ...]:
    """Every module of every room."""
    return tuple(_source(path) for room in ROOMS for path in sorted((ROOT / room).rglob("*.py")))


def _source(path: Path) -> Source:
    name = path.relative_to(ROOT).as_posix()
    text = path.read_text(encoding="utf-8")
    module = name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    return Source(name, module, text, ast.parse(text))


@cache
def imports(source: Source, *, with_types: bool = True) -> tuple[str, ...]:
    """Dotted names a file imports, also inside functions; ``from a import b`` gives ``a.b``."""
    return tuple(_imports(source, with_types))


def _imports(source: Source, with_types: bool) -> Iterator[str]:
    skipped = set() if with_types else set(_type_checking(source.tree))
    for node in ast.walk(source.tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source.path}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _type_checking(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for child in node.body:
                yield from ast.walk(child)
