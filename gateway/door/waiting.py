"""What the door holds between two commits, and what it has counted since the start."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gateway.book.accounts import Accounts
from gateway.model import Readings
from gateway.time.own_clock import Moment


@dataclass(slots=True)
class Figures:
    """Counters since start, for metrics and health."""

    accepted: int = 0
    repeated: int = 0
    corrected: int = 0
    rejected: int = 0
    commits: int = 0
    failures: int = 0
    committed_at_s: float = 0.0
    problem: str | None = None


@dataclass(slots=True)
class Waiting:
    """What the next transaction will hold."""

    groups: list[Readings] = field(default_factory=list)
    rows: int = 0
    """How many readings the groups hold."""
    accepted: list[Callable[[], None]] = field(default_factory=list)
    works: list[tuple[Callable[[sqlite3.Connection, Accounts], Any], asyncio.Future[Any]]] = field(
        default_factory=list
    )
    rejected: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    states: dict[str, tuple[str, str]] = field(default_factory=dict)
    oldest_s: float | None = None
    moment: Moment | None = None
    settles: bool = False
    """Whether readings in the buffer are to be given their time."""

    @property
    def is_empty(self) -> bool:
        return not (
            self.groups or self.accepted or self.works or self.rejected or self.states or self.settles
        )
