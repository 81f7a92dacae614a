"""YAML text to plain values, with the line and column of every key and value.

Knows YAML, nothing of sites. Words are read as YAML 1.2 reads them: only true and false are booleans (``no`` stays
a word), 010 stays text, dates stay text. A key written twice, a tab in the indentation, a tag or a list as a key is
a problem with its place; nothing is ever constructed but text, numbers, booleans, lists and mappings.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any

import yaml

from edge_config.problems import DocPath, Mark, Problem, SiteProblems, step

DEPTH_MAX = 20
NODES_MAX = 200_000
DIGITS_MAX = 100
TAG = "tag:yaml.org,2002:"

_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)$|0x[0-9a-fA-F]+$")
_FLOAT = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*)\.[0-9]*|\.[0-9]+|[1-9][0-9]*(?=[eE]))(?:[eE][-+]?[0-9]+)?$")
_BOOL = re.compile(r"(?:true|True|TRUE|false|False|FALSE)$")
_NULL = re.compile(r"(?:~|null|Null|NULL|)$")
_PADDED = re.compile(r"[-+]?0[0-9]+(?:\.[0-9]*)?$")
_TABBED = re.compile(r" *\t")


class _Loader(yaml.SafeLoader):
    """The safe loader with YAML 1.2's few implicit words in place of YAML 1.1's many."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - the library's shape


for _tag, _pattern, _first in (
    ("null", _NULL, ["~", "n", "N", ""]),
    ("bool", _BOOL, list("tTfF")),
    ("int", _INT, list("-+0123456789")),
    ("float", _FLOAT, list("-+0123456789.")),
):
    _Loader.add_implicit_resolver(TAG + _tag, _pattern, _first)


@dataclass(frozen=True, slots=True)
class Document:
    """A file's values and where each stands. ``padded`` are plain numbers that begin with 0: text here."""

    file: str
    data: Any
    marks: dict[DocPath, Mark]
    key_marks: dict[DocPath, Mark]
    padded: frozenset[DocPath] = frozenset()
    problems: tuple[Problem, ...] = ()
    elsewhere: dict[DocPath, str] = field(default_factory=dict)
    """Entries that stand in another file than ``file``, by their path."""

    def mark(self, path: DocPath) -> Mark:
        """The place of a value, or of the nearest thing around it that is written."""
        while path not in self.marks and path:
            path = path[:-1]
        return self.marks.get(path, Mark())

    def key_mark(self, path: DocPath) -> Mark:
        """The place of a key where there is one, else of its value."""
        return self.key_marks.get(path) or self.mark(path)

    def name(self, path: DocPath) -> str:
        """``devices[main-e].unit_id``: entries of a list are named by their id where they have one."""
        text, here = "", self.data
        for part in path:
            here = step(here, part)
            if isinstance(part, int) and text:
                own = here.get("id") if isinstance(here, dict) else None
                text += f"[{own}]" if isinstance(own, str) and own else f"[{part + 1}]"
            else:
                text += f".{part}" if text else str(part)
        return text

    def problem(self, path: DocPath, wrong: str, right: str, *, at_key: bool = False) -> Problem:
        mark = self.key_mark(path) if at_key else self.mark(path)
        return Problem(
            self.elsewhere.get(path[:2], self.file), mark.line, mark.column, self.name(path), wrong, right
        )


def parse(text: str, file: str) -> Document:
    """The document of a file's text. Raises SiteProblems when it is not YAML or holds nothing."""
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise SiteProblems(_tabs(text, file) or [_not_yaml(error, text, file)]) from error
    except RecursionError as error:
        raise SiteProblems([_too_much(file, Mark())]) from error
    if root is None:
        raise SiteProblems(
            [Problem(file, 1, 1, "", "the file is empty", "write the keys docs/site-file.md lists")]
        )
    return _Reader(file).document(root)


def _too_much(file: str, mark: Mark) -> Problem:
    right = f"use at most {DEPTH_MAX} levels and {NODES_MAX} values"
    return Problem(file, mark.line, mark.column, "", "is nested too deeply or holds too much", right)


def _tabs(text: str, file: str) -> list[Problem]:
    right = "indent with spaces, two for each level (most editors: convert tabs to spaces)"
    return [
        Problem(
            file,
            number,
            line.index("\t") + 1,
            "",
            "a tab in the indentation, which YAML does not allow",
            right,
        )
        for number, line in enumerate(text.splitlines(), 1)
        if _TABBED.match(line) and line.strip() and not line.strip().startswith("#")
    ][:20]


_CURES = (
    ("character '\\t'", "replace the tab with spaces"),
    ("could not find expected ':'", "end the key above with a colon and a space"),
    ("mapping values are not allowed", "put text that holds a colon in quotes, and check the indentation"),
    ("expected <block end>", "check the indentation: keys of one entry start in the same column"),
    ("expected ',' or", "check that every bracket is closed and entries are parted by commas"),
    ("expected a single document", "keep one document in a file; remove the line '---'"),
    ("undefined alias", "put text that begins with * in quotes"),
    ("unexpected end of stream", "close the quote"),
    ("cannot start any token", "put text that begins with this character in quotes"),
)


def _not_yaml(error: yaml.YAMLError, text: str, file: str) -> Problem:
    """Where and why the text is not YAML; both reader and parser errors of the library."""
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        column = error.position - (text.rfind("\n", 0, error.position) + 1) + 1
        return Problem(file, line, column, "", "a control character that YAML does not allow", "delete it")
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    what = " ".join(
        str(part) for part in (getattr(error, "context", None), getattr(error, "problem", None)) if part
    )
    cure = next((cure for sign, cure in _CURES if sign in what), "compare with the example site file")
    place = Mark(mark.line + 1, mark.column + 1) if mark else Mark()
    return Problem(file, place.line, place.column, "", f"not YAML ({what or error})", cure)


@dataclass(slots=True)
class _Reader:
    """Walks the composed nodes once."""

    file: str
    marks: dict[DocPath, Mark] = field(default_factory=dict)
    key_marks: dict[DocPath, Mark] = field(default_factory=dict)
    padded: set[DocPath] = field(default_factory=set)
    found: list[tuple[DocPath, Mark, str, str]] = field(default_factory=list)

    def document(self, root: yaml.Node) -> Document:
        """The document; problems get their names last, when the ids of entries are known."""
        data = self._value(root, ())
        document = Document(self.file, data, self.marks, self.key_marks, frozenset(self.padded))
        problems = tuple(
            Problem(self.file, mark.line, mark.column, document.name(path), wrong, right)
            for path, mark, wrong, right in self.found
        )
        return replace(document, problems=problems)

    def _value(self, node: yaml.Node, path: DocPath) -> Any:
        self.marks[path] = _mark(node)
        if len(path) > DEPTH_MAX or len(self.marks) > NODES_MAX:
            raise SiteProblems([_too_much(self.file, self.marks[path])])
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(child, (*path, index)) for index, child in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: DocPath) -> dict[str | int, Any]:
        found: dict[str | int, Any] = {}
        for key_node, child in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.found.append((path, _mark(key_node), "has a list or mapping as a key", "write a word"))
                continue
            is_number = (
                key_node.tag == TAG + "int" and key_node.value.isdecimal() and not _is_endless(key_node)
            )
            key = int(key_node.value) if is_number else key_node.value
            here = (*path, key)
            if key in found:
                first = self.key_marks[here].line
                wrong = f"is written twice (first in line {first})"
                self.found.append((here, _mark(key_node), wrong, "keep one of the two"))
                continue
            self.key_marks[here] = _mark(key_node)
            found[key] = self._value(child, here)
        return found

    def _scalar(self, node: yaml.Node, path: DocPath) -> Any:
        text, tag = str(node.value), node.tag.removeprefix(TAG)
        if tag == "null":
            return None
        if tag == "bool":
            return text.lower() == "true"
        if tag in {"int", "float"} and _is_endless(node):
            self.found.append(
                (path, _mark(node), "is a number too long or too large to be one", "correct it")
            )
            return text
        if tag == "int" and _INT.match(text):
            return int(text, 16) if text.startswith("0x") else int(text)
        if tag == "float" and _FLOAT.match(text):
            return float(text)
        if tag != "str":
            self.found.append((path, _mark(node), f"has the tag {node.tag!r}", "write the plain value"))
        elif getattr(node, "style", None) is None and _PADDED.match(text):
            self.padded.add(path)
        return text


def _is_endless(node: yaml.Node) -> bool:
    """Whether a number has more digits than any has here (Python reads no more than 4,300), or is as good as infinite."""
    text = str(node.value)
    return len(text) > DIGITS_MAX or (_FLOAT.match(text) is not None and not isfinite(float(text)))


def _mark(node: yaml.Node) -> Mark:
    return Mark(node.start_mark.line + 1, node.start_mark.column + 1)
