"""What a batch of readings came to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Outcome:
    """Counted while a batch is booked; the door turns it into metrics and urgency."""

    stored: int = 0
    repeated: int = 0
    corrected: int = 0
    urgent: bool = False
