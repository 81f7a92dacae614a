"""What is wrong with a site, said so that an installer can act on it.

Knows files, lines and sentences; nothing of YAML or of the site's shape. A ``Problem`` is an error or a warning;
all of one site travel together, so that one run of ``check`` shows everything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

DocPath = tuple[str | int, ...]
"""Where something stands in a document: ("devices", 3, "unit_id")."""


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in a file; line and column count from 1."""

    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong, where it stands, and what would be right."""

    file: str
    line: int
    column: int
    key: str
    wrong: str
    right: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}"
        return ": ".join(part for part in (place, self.key, f"{self.wrong}, {self.right}") if part)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a pure check says of a document it knows only by paths; ``other`` is a second place to name."""

    path: DocPath
    wrong: str
    right: str
    other: DocPath | None = None
    is_warning: bool = False


class SiteProblems(Exception):  # noqa: N818 - it carries all of them, and is named for what it carries
    """Is raised when a site has errors; ``problems`` are all of them in file order, ``warnings`` the rest."""

    def __init__(self, problems: Iterable[Problem], warnings: Iterable[Problem] = ()) -> None:
        self.problems = tuple(sorted(set(problems)))
        self.warnings = tuple(sorted(set(warnings)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def step(here: Any, part: str | int) -> Any:
    """One step of a DocPath down plain values; None where there is nothing."""
    if isinstance(here, dict):
        return here.get(part)
    if isinstance(here, list) and isinstance(part, int) and 0 <= part < len(here):
        return here[part]
    return None


def nearest(word: object, known: Iterable[str], otherwise: str) -> str:
    """ "did you mean X?" when a known word is close, else ``otherwise``, which should name the choices."""
    import difflib  # only where something is wrong: no process that runs need carry it

    close = difflib.get_close_matches(str(word), list(known), n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else otherwise


def choices(words: Iterable[str], most: int = 12) -> str:
    """ "a, b or c"; long lists are cut with their count."""
    listed = list(words)
    if not listed:
        return "none"
    if len(listed) > most:
        return f"{', '.join(listed[:most])} … ({len(listed)} in all)"
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} or {listed[-1]}"
