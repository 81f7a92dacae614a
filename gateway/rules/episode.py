"""What every rule shares: the stable identity of an event, and the steps of its life."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

from gateway.model import Event, EventState, Level


def event_id(site: str, kind: str, subject: str, rule: str, first_at: int) -> str:
    """The same first instant always gives the same id, so that a replay or a restart raises nothing twice."""
    return hashlib.sha256(f"{site}|{kind}|{subject}|{rule}|{first_at}".encode()).hexdigest()[:32]


def opened(
    site: str, kind: str, subject: str, rule: str, at: int, level: Level, evidence: dict[str, Any]
) -> Event:
    """A new open event of ``rule`` (a limit's id, or '')."""
    identity = event_id(site, kind, subject, rule, at)
    return Event(identity, kind, subject, at, level, EventState.OPEN, evidence={"rule": rule, **evidence})


def closed(event: Event, at: int, evidence: dict[str, Any] | None = None) -> Event:
    return replace(event, end=at, state=EventState.CLOSED, evidence={**event.evidence, **(evidence or {})})
