"""A progress bar on stderr for anything over a second; a line now and then where there is no terminal."""

from __future__ import annotations

import sys
from typing import Self

WIDTH = 32


class Progress:
    """``with Progress("title") as p: p.show(done, total)``; total 0 means not known."""

    def __init__(self, title: str, *, quiet: bool = False) -> None:
        self._title, self._quiet = title, quiet
        self._is_terminal = sys.stderr.isatty()
        self._shown_percent = -10

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_terminal and not self._quiet and self._shown_percent >= 0:
            sys.stderr.write("\n")

    def show(self, done: int, total: int) -> None:
        """Draw the bar, or on a plain stream print a line for every ten percent."""
        percent = min(100, done * 100 // total) if total else 0
        if self._quiet or (not self._is_terminal and percent < self._shown_percent + 10):
            return
        self._shown_percent = percent
        filled = percent * WIDTH // 100
        bar = "█" * filled + "░" * (WIDTH - filled)
        start, end = ("\r", "") if self._is_terminal else ("", "\n")
        sys.stderr.write(f"{start}{self._title} {bar} {percent:3d} %  {done:,}{end}")
        sys.stderr.flush()
