"""What a device's silence costs: OK → SUSPECT → QUARANTINED, with probes that grow rare. Pure.

Knows answers, silences and monotonic seconds; does not know wires. A quarantined device is asked again after
``probe_s``, which doubles up to a minute (or its own interval, if that is longer).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

QUARANTINE_AFTER = 3
"""Silent polls in a row; three rides out one burst of noise and one late reply."""

PROBE_S_MAX = 60.0
"""A meter that is plugged in again is seen within a minute."""

PROBE_TIME_SHARE = 0.1
"""Probes that end in silence may take this share of a bus's time, however many devices are dead."""


class Health(StrEnum):
    OK = "ok"
    SUSPECT = "suspect"
    QUARANTINED = "quarantined"


@dataclass(slots=True)
class DeviceHealth:
    """One device. Times are monotonic seconds of the injected clock."""

    interval_s: float
    state: Health = Health.OK
    silences: int = 0
    probe_s: float = 0.0
    probe_at: float = 0.0

    def answered(self) -> None:
        """The device spoke, even if only to refuse."""
        self.state, self.silences, self.probe_s = Health.OK, 0, 0.0

    def silent(self, now_s: float) -> None:
        """A whole poll without a usable answer."""
        self.silences += 1
        if self.silences < QUARANTINE_AFTER:
            self.state = Health.SUSPECT
            return
        longest = max(PROBE_S_MAX, self.interval_s)
        self.state = Health.QUARANTINED
        self.probe_s = min(longest, 2 * (self.probe_s or self.interval_s))
        self.probe_at = (
            now_s + self.probe_s - self.interval_s / 2
        )  # so that the tick it is meant for takes it

    def is_due(self, now_s: float) -> bool:
        """Whether a poll is worth its time-out; always, unless quarantined."""
        return self.state is not Health.QUARANTINED or now_s >= self.probe_at

    def probe_soon(self) -> None:
        """The bus came back to life: ask again at the next chance."""
        self.probe_at = 0.0


@dataclass(slots=True)
class ProbeGate:
    """Keeps the probes of all quarantined devices of one bus within ``PROBE_TIME_SHARE`` of its time."""

    open_at: float = 0.0

    def is_open(self, now_s: float) -> bool:
        return now_s >= self.open_at

    def failed(self, now_s: float, took_s: float) -> None:
        """A probe ended in silence after ``took_s``."""
        self.open_at = now_s + took_s / PROBE_TIME_SHARE
