"""A planted bug: one place in the shipped code, what it says, what a tired hand might write there instead."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Mutant:
    """``old`` stands exactly once in the file at ``path``; ``tests`` are where it has to be noticed."""

    name: str
    path: str
    old: str
    new: str
    tests: tuple[str, ...]

    def applied(self, text: str) -> str:
        """The file's text with the bug in it. Raises ValueError where ``old`` does not stand exactly once."""
        if text.count(self.old) != 1:
            raise ValueError(
                f"{self.name}: {self.path} has this {text.count(self.old)} times, not once: {self.old!r}"
            )
        return text.replace(self.old, self.new)
